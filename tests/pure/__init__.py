"""Tests that need neither data nor Ray."""
