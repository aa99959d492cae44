"""Averages of weights along SGD: the parts of the engines `SWA` and `SWAG`."""
