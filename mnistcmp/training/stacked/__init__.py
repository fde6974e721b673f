"""Many runs trained as one network."""
