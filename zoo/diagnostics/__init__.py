"""Diagnostics: verdicts on a posterior, in ArviZ, in function space and against the truth."""

from zoo.diagnostics.arviz import to_arviz
from zoo.diagnostics.convergence import Convergence, convergence
from zoo.diagnostics.fidelity import Fidelity, fidelity

__all__ = ["Convergence", "Fidelity", "convergence", "fidelity", "to_arviz"]
