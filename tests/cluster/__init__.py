"""Tests that build the image and start containers: `make test-cluster`."""
