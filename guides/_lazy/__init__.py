"""Tensors that are drawn where a layer uses them: weights, nodes and masks."""
