"""Bayesian neural networks as Pyro programs: network, prior, likelihood, guide and engine.

`import zoo` is enough for `zoo.plots`, `zoo.stress` and the others: a part is imported when it
is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo import (
        acquisition,
        datasets,
        diagnostics,
        experiments,
        hub,
        inference,
        landscape,
        likelihoods,
        metrics,
        networks,
        people,
        plots,
        posterior,
        priors,
        pruning,
        references,
        streams,
        stress,
    )
    from zoo.diagnostics.convergence import convergence
    from zoo.diagnostics.fidelity import fidelity
    from zoo.model import BayesianNetwork
    from zoo.posterior.loading import load
    from zoo.posterior.posterior import Posterior
    from zoo.posterior.renormalising import renormalise
    from zoo.predictive.prediction import Prediction
    from zoo.predictive.reweighting import reweighted
    from zoo.pruning import prune
    from zoo.reports.comparison import compare
    from zoo.reports.explanation import explain
    from zoo.sweeps.sweep import sweep

__version__ = "0.22.0"

__all__ = [
    "BayesianNetwork",
    "Posterior",
    "Prediction",
    "acquisition",
    "compare",
    "convergence",
    "datasets",
    "diagnostics",
    "experiments",
    "explain",
    "fidelity",
    "hub",
    "inference",
    "landscape",
    "likelihoods",
    "load",
    "metrics",
    "networks",
    "people",
    "plots",
    "posterior",
    "priors",
    "prune",
    "pruning",
    "references",
    "renormalise",
    "reweighted",
    "streams",
    "stress",
    "sweep",
]

_MODULES = {  # where the names that are no packages are defined
    "BayesianNetwork": "zoo.model",
    "Posterior": "zoo.posterior.posterior",
    "Prediction": "zoo.predictive.prediction",
    "compare": "zoo.reports.comparison",
    "convergence": "zoo.diagnostics",
    "explain": "zoo.reports.explanation",
    "fidelity": "zoo.diagnostics",
    "load": "zoo.posterior.loading",
    "prune": "zoo.pruning",
    "renormalise": "zoo.posterior.renormalising",
    "reweighted": "zoo.predictive.reweighting",
    "sweep": "zoo.sweeps.sweep",
}

if not TYPE_CHECKING:  # so that a type checker still finds a wrong name

    def __getattr__(name: str) -> Any:
        """Import a part of the zoo when it is first used."""
        if name not in __all__:
            from zoo.runtime.other_names import missing

            raise missing(__name__, name, __all__, {"guides": "import guides"})
        if name in _MODULES:
            value = getattr(importlib.import_module(_MODULES[name]), name)
        else:
            value = importlib.import_module(f"zoo.{name}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
