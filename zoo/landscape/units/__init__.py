"""Hidden units: their order, signs and scales."""
