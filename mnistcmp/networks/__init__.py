"""The networks: the report's, one beyond it, and those of a user's own."""
