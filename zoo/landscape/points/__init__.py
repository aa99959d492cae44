"""Points of weights, and the negative log posterior there."""
