"""The names that other libraries and papers have for guides, and the error for a wrong name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

_ENSEMBLE = "guides.Mixture(model, make=guides.Delta, num_components=5)"
_OTHER_NAMES = {
    "AutoDelta": "guides.Delta or pyro.infer.autoguide.AutoDelta",
    "AutoDiagonalNormal": "guides.MeanField or pyro.infer.autoguide.AutoDiagonalNormal",
    "AutoIAFNormal": "guides.Flow or pyro.infer.autoguide.AutoIAFNormal",
    "AutoLaplaceApproximation": "pyro.infer.autoguide.AutoLaplaceApproximation",
    "AutoLowRankMultivariateNormal": (
        "guides.LowRank or pyro.infer.autoguide.AutoLowRankMultivariateNormal"
    ),
    "AutoMultivariateNormal": (
        "guides.FullRank or pyro.infer.autoguide.AutoMultivariateNormal"
    ),
    "AutoNormal": "guides.MeanField or pyro.infer.autoguide.AutoNormal",
    "BatchEnsemble": "guides.Rank1",
    "BayesByBackprop": "guides.MeanField",
    "DeepEnsemble": _ENSEMBLE,
    "DropConnect": 'guides.MCDropout(model, masks="weight")',
    "Dropout": "guides.MCDropout",
    "Ensemble": _ENSEMBLE,
    "LocalReparameterization": "guides.LocalReparam",
    "LowRankMultivariateNormal": "guides.LowRank",
    "MAP": "guides.Delta",
    "MonteCarloDropout": "guides.MCDropout",
    "MultivariateNormal": "guides.FullRank",
    "Normal": "guides.MeanField",
    "NormalizingFlow": "guides.Flow",
    "VariationalDropout": "guides.GaussianDropout or guides.SparseVariationalDropout",
}


def missing(name: str, known: Sequence[str]) -> AttributeError:
    """Return the error for a name that the package does not have.

    Arguments:
        name: The name that was asked for.
        known: The public names of the package.
    """
    message = f"module 'guides' has no attribute {name!r}"
    if name.startswith("_"):
        return AttributeError(message)

    if name in _OTHER_NAMES:
        return AttributeError(f"{message}; write {_OTHER_NAMES[name]}")

    near = difflib.get_close_matches(name, known, n=3)
    if near:
        names = ", ".join(f"guides.{each}" for each in near)
        return AttributeError(f"{message}; the nearest are {names}")

    names = ", ".join(known)

    return AttributeError(f"{message}; it has {names}")
