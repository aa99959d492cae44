"""Pictures: each takes numbers and returns the axis it drew on; none runs inference."""

from zoo.plots.band import predictive_band
from zoo.plots.card import card
from zoo.plots.comparison import comparison
from zoo.plots.extrapolation import extrapolation
from zoo.plots.functions import functions
from zoo.plots.pruning import pruning
from zoo.plots.ranks import ranks
from zoo.plots.reliability import reliability_diagram
from zoo.plots.site import site_posterior
from zoo.plots.trade_off import fidelity
from zoo.plots.training import training_curve

__all__ = [
    "card",
    "comparison",
    "extrapolation",
    "fidelity",
    "functions",
    "predictive_band",
    "pruning",
    "ranks",
    "reliability_diagram",
    "site_posterior",
    "training_curve",
]
