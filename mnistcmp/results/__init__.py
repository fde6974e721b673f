"""Results as Parquet: what the tables hold, and the folder that they are kept in."""
