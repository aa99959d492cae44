"""The one file that touches ArviZ: plain arrays in, InferenceData (0.23) or DataTree (1.x) out."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from types import ModuleType

import numpy as np

Arrays = Mapping[str, np.ndarray]


def load_arviz() -> ModuleType:
    """Import ArviZ, late because it is slow, and without the notice that 0.23 gives of its successor."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        import arviz
    return arviz


def is_one(arviz: ModuleType) -> bool:
    """Tell whether this is ArviZ 1.x."""
    return int(arviz.__version__.split(".")[0]) >= 1


def labelled(groups: Mapping[str, Arrays]) -> object:
    """Make ArviZ's container of groups of arrays.

    Arguments:
        groups: Group name (`posterior`, `log_likelihood`, ...) -> variable -> array,
            (C, S, ...) where the group has draws and (N, ...) in `observed_data`.

    Returns:
        `arviz.InferenceData` in 0.23, `xarray.DataTree` in 1.x.
    """
    arviz = load_arviz()
    groups = {name: dict(arrays) for name, arrays in groups.items() if arrays}
    if is_one(arviz):
        return arviz.from_dict(groups)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # more chains than draws, which a short run may have
        return arviz.from_dict(**groups)


def rhat(values: np.ndarray) -> np.ndarray:
    """Rank-normalised split R-hat of draws (C, S, M), one per column (M,)."""
    return _by_column("rhat", values, method="rank")


def ess(values: np.ndarray) -> np.ndarray:
    """Bulk effective sample size of draws (C, S, M), one per column (M,)."""
    return _by_column("ess", values, method="bulk")


def _by_column(function: str, values: np.ndarray, method: str) -> np.ndarray:
    arviz = load_arviz()
    data = labelled({"posterior": {"values": values}})
    data = data["posterior"].dataset if is_one(arviz) else data.posterior
    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.simplefilter(
            "ignore", RuntimeWarning
        )  # a column that never moves has no R-hat; it is counted
        return np.asarray(getattr(arviz, function)(data, method=method)["values"])


def pareto_k(log_weights: np.ndarray) -> float:
    """Pareto shape of the largest importance weights, given the logarithms (S,) of all."""
    arviz, weights = load_arviz(), np.asarray(log_weights, dtype=np.float64)
    if is_one(arviz):
        from arviz_stats.base import array_stats as arviz

        weights = (
            -weights
        )  # it takes log likelihoods, whose inverses are the weights of leave-one-out
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # a k that is large is the answer, not a warning
        return float(arviz.psislw(weights)[1])
