"""Searches: points of a recipe's fields, trained on validation pairs alone."""
