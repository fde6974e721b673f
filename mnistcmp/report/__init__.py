"""What came out: rows, comparisons and words from a results folder."""
