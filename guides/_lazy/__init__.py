"""Lazily sampled tensors: weights, nodes and masks whose noise a layer draws for each example."""
