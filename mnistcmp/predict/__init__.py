"""What a stored network says of two images."""
