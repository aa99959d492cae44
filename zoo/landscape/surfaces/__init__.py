"""Lines and planes of weights."""
