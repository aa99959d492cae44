"""Diagnostics: is a posterior converged, calibrated, and close to a reference?"""

from zoo.diagnostics.baseline import baseline_nll
from zoo.diagnostics.calibration import sbc
from zoo.diagnostics.card import Fidelity
from zoo.diagnostics.contraction import Contraction, contraction
from zoo.diagnostics.convergence import Convergence, convergence
from zoo.diagnostics.extrapolation import Extrapolation, extrapolation
from zoo.diagnostics.fidelity import fidelity
from zoo.diagnostics.proposal import k_hat
from zoo.diagnostics.ranks import Ranks
from zoo.posterior.inference_data import to_arviz
from zoo.posterior.labelled import ess, rhat, tail_ess

__all__ = [
    "Contraction",
    "Convergence",
    "Extrapolation",
    "Fidelity",
    "Ranks",
    "baseline_nll",
    "contraction",
    "convergence",
    "ess",
    "extrapolation",
    "fidelity",
    "k_hat",
    "rhat",
    "sbc",
    "tail_ess",
    "to_arviz",
]


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
