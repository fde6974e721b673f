"""Tests: `pure` needs neither data nor Ray, `ray` starts one, the rest uses the real MNIST."""
