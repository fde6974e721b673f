"""Faults injected into launches at random moments: `make test-chaos`."""
