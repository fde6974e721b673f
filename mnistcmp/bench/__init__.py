"""How fast training is here, and what distributing it costs."""
