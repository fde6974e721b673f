"""MNIST, and the pairs of digits that each seed draws from it."""
