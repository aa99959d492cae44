"""Linear regression in closed form."""
