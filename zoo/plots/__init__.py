"""Plots: each takes arrays and returns the axis or the figure; none runs inference."""

from zoo.plots.band import predictive_band
from zoo.plots.card import card
from zoo.plots.comparison import comparison
from zoo.plots.corruptions import corruptions
from zoo.plots.cost_curve import cost_curve
from zoo.plots.extrapolation import extrapolation
from zoo.plots.filters import filters
from zoo.plots.forgetting import forgetting
from zoo.plots.functions import functions
from zoo.plots.network import network
from zoo.plots.out_of_distribution import out_of_distribution
from zoo.plots.pattern import pattern
from zoo.plots.pixels import pixels
from zoo.plots.profile import profile
from zoo.plots.pruning import pruning
from zoo.plots.ranks import ranks
from zoo.plots.referral import referral
from zoo.plots.reliability import reliability_diagram
from zoo.plots.severity import severity
from zoo.plots.site import site_posterior
from zoo.plots.sparsification import sparsification
from zoo.plots.spectrum import spectrum
from zoo.plots.strip import strip
from zoo.plots.super_resolution import super_resolution
from zoo.plots.surface import surface
from zoo.plots.trade_off import fidelity
from zoo.plots.training import training_curve

__all__ = [
    "card",
    "comparison",
    "corruptions",
    "cost_curve",
    "extrapolation",
    "fidelity",
    "filters",
    "forgetting",
    "functions",
    "network",
    "out_of_distribution",
    "pattern",
    "pixels",
    "predictive_band",
    "profile",
    "pruning",
    "ranks",
    "referral",
    "reliability_diagram",
    "severity",
    "site_posterior",
    "sparsification",
    "spectrum",
    "strip",
    "super_resolution",
    "surface",
    "training_curve",
]


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
