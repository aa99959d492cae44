"""What a program remembers in Python, reads from outside, or draws from generators."""
