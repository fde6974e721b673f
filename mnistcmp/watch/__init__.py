"""The page that follows a launch while it trains."""
