"""Planes whose surface shows a picture."""
