"""Toys: small artificial data sets whose true function, or exact posterior, is known."""

from zoo.datasets.toy.conjugate import LinearPosterior
from zoo.datasets.toy.cubic import cubic
from zoo.datasets.toy.linear import LinearDataset, linear
from zoo.datasets.toy.moons import moons
from zoo.datasets.toy.sinusoid import sinusoid

__all__ = ["LinearDataset", "LinearPosterior", "cubic", "linear", "moons", "sinusoid"]
