"""The interface to ArviZ: plain arrays in, InferenceData (0.23) or DataTree (1.x) out."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from arviz import InferenceData
    from xarray import Dataset, DataTree

    Labelled = InferenceData | DataTree

Arrays = Mapping[str, np.ndarray]


def load_arviz() -> ModuleType:
    """Import ArviZ when it is first needed, and without the notice of 0.23 on version 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        import arviz

    return arviz


def _is_one(arviz: ModuleType) -> bool:
    """Return whether this is ArviZ 1.x."""
    return int(arviz.__version__.split(".")[0]) >= 1


def labelled(groups: Mapping[str, Arrays]) -> Labelled:
    """Make ArviZ's container of groups of arrays.

    Arguments:
        groups: Group name (`posterior`, `log_likelihood`, ...) -> variable -> array,
            (C, S, ...) where the group has draws and (N, ...) in `observed_data`.

    Returns:
        `arviz.InferenceData` in 0.23, `xarray.DataTree` in 1.x.
    """
    arviz = load_arviz()
    groups = {name: dict(arrays) for name, arrays in groups.items() if arrays}
    if _is_one(arviz):
        return arviz.from_dict(groups)

    with warnings.catch_warnings():
        # a short run may have more chains than draws
        warnings.simplefilter("ignore", UserWarning)
        return arviz.from_dict(**groups)


def group_of(container: Labelled, name: str) -> Dataset:
    """Return a group of ArviZ's container as xarray's data set."""
    group = container[name]
    return group.to_dataset() if _is_one(load_arviz()) else group


def tree_of(container: Labelled) -> DataTree:
    """Return ArviZ's container as xarray's tree, which 1.x gives and 0.23 converts to."""
    return container if _is_one(load_arviz()) else container.to_datatree()


def rhat(values: np.ndarray) -> np.ndarray:
    r"""Rank-normalised split R-hat of draws, as ArviZ computes it: near 1 if chains agree.

    .. math:: \hat R = \sqrt{\frac{n - 1}{n} + \frac{B}{n W}}

    Draws are replaced by normal scores of their ranks, and chains by halves of n draws. W is
    the variance within halves, and B / n that of their means. Of that and the same of draws
    folded at the median, it is the larger.

    References:
        Rank-Normalization, Folding, and Localization: An Improved R-hat for Assessing
        Convergence of MCMC (Vehtari, Gelman, Simpson, Carpenter, Bürkner, 2021)

    Arguments:
        values: Draws of M numbers, e.g. function values, of C chains, (C, S, M).

    Returns:
        One R-hat for each number, (M,); NaN for one that never changes.

    Example:
        >>> draws = np.random.default_rng(0).normal(size=(4, 200, 1))
        >>> moved = draws + np.array([0.0, 0.0, 0.0, 3.0])[:, None, None]  # a chain apart
        >>> bool(rhat(draws)[0] < 1.02), bool(rhat(moved)[0] > 1.2)
        (True, True)
    """
    return _by_column("rhat", values, method="rank")


def ess(values: np.ndarray) -> np.ndarray:
    r"""Bulk effective sample size of draws, as ArviZ computes it, for means and medians.

    .. math:: C S \, / \, \Big( 1 + 2 \sum_{t > 0} \rho_t \Big)

    The autocorrelations ρ are those of normal scores of the draws' ranks.

    References:
        Rank-Normalization, Folding, and Localization: An Improved R-hat for Assessing
        Convergence of MCMC (Vehtari, Gelman, Simpson, Carpenter, Bürkner, 2021)

    Arguments:
        values: Draws of M numbers, e.g. function values, of C chains, (C, S, M).

    Returns:
        One size for each number, (M,).

    Example:
        >>> draws = np.random.default_rng(0).normal(size=(4, 100, 1))
        >>> slow = draws.repeat(10, axis=1)  # each draw ten times
        >>> bool(ess(slow)[0] < 2 * ess(draws)[0])  # more of them say no more
        True
    """
    return _by_column("ess", values, method="bulk")


def tail_ess(values: np.ndarray) -> np.ndarray:
    """Effective sample size of the 5 % and 95 % quantiles of draws, the smaller of both.

    References:
        Rank-Normalization, Folding, and Localization: An Improved R-hat for Assessing
        Convergence of MCMC (Vehtari, Gelman, Simpson, Carpenter, Bürkner, 2021)

    Arguments:
        values: Draws of M numbers, e.g. function values, of C chains, (C, S, M).

    Returns:
        One size for each number, (M,).

    Example:
        >>> draws = np.random.default_rng(0).normal(size=(4, 100, 2))
        >>> tail_ess(draws).shape
        (2,)
    """
    return _by_column("ess", values, method="tail")


def _by_column(function: str, values: np.ndarray, method: str) -> np.ndarray:
    """Return a statistic of draws (C, S, M) by the function of ArviZ with this name, (M,)."""
    arviz = load_arviz()
    container = labelled({"posterior": {"values": values}})
    group = container["posterior"]
    dataset = group.dataset if _is_one(arviz) else group

    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        # a constant column has no R-hat: NaN, which callers handle
        warnings.simplefilter("ignore", RuntimeWarning)
        statistic = getattr(arviz, function)
        return np.asarray(statistic(dataset, method=method)["values"])


def pareto_k(log_weights: np.ndarray) -> float:
    """Pareto shape of the largest importance weights, given the logarithms (S,) of all."""
    arviz = load_arviz()
    weights = np.asarray(log_weights, dtype=np.float64)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a large k is a result here, not a warning
        if not _is_one(arviz):
            return float(arviz.psislw(weights)[1])

        from arviz_stats.base import array_stats

        # 1.x takes log likelihoods; leave-one-out weights are their inverses
        return float(array_stats.psislw(-weights)[1])
