"""Diagnostics: verdicts on a posterior, in ArviZ, in function space, against the truth, and on the engine itself."""

from zoo.diagnostics.calibration import Ranks, sbc
from zoo.diagnostics.contraction import Contraction, contraction
from zoo.diagnostics.convergence import Convergence, convergence
from zoo.diagnostics.extrapolation import Extrapolation, extrapolation
from zoo.diagnostics.fidelity import Fidelity, fidelity
from zoo.diagnostics.proposal import k_hat
from zoo.posterior.inference_data import to_arviz

__all__ = [
    "Contraction",
    "Convergence",
    "Extrapolation",
    "Fidelity",
    "Ranks",
    "contraction",
    "convergence",
    "extrapolation",
    "fidelity",
    "k_hat",
    "sbc",
    "to_arviz",
]
