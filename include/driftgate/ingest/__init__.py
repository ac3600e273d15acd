"""First step: rows of a window from their source into one Parquet file."""
