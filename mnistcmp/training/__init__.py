"""Training: a pure function from runs to their results, without Ray and without a disk."""
