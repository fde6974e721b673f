"""Figures: the networks' structure, and what their runs did."""
