"""What Python programs and notebooks use; the command line is built on it."""
