"""Tests that start Ray on this machine."""
