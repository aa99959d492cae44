"""Targets of the data that are left out: how many, and whether any is left."""

from __future__ import annotations

import warnings

from torch import Tensor

from zoo.likelihoods import Categorical
from zoo.likelihoods.missing import counted
from zoo.likelihoods.observed import Observed
from zoo.model import BayesianNetwork
from zoo.runtime.caller import stack_level

_DEFAULT = -100  # the label that Categorical leaves out unless it is told otherwise


def report_missing(
    model: BayesianNetwork, y: Tensor | Observed, of: str = "all"
) -> None:
    """Say how many labels are left out by default, and refuse data without a target.

    Arguments:
        model: The model, whose likelihood says which targets are missing.
        y: Targets (N, ...).
        of: Which data they are, "all" or "the first batch" of a loader; the others of a
            loader may have targets.

    Raises:
        ValueError: No target counts, of all data.
    """
    likelihood = model.likelihood
    observed = Observed.of(y)
    targets = observed.y
    if targets is None:
        return

    is_observed = likelihood.is_observed(targets)
    counts = counted(observed, is_observed)
    if of == "all" and counts is not None and not bool(counts.any()):
        raise ValueError(
            f"no target is observed: all {targets.numel()} are missing under {likelihood!r}, or "
            "have the weight 0; give at least one"
        )

    is_default = (
        isinstance(likelihood, Categorical) and likelihood.ignore_index == _DEFAULT
    )
    if is_observed is None or not is_default or bool(is_observed.all()):
        return

    number = int((~is_observed).sum())
    place = "" if of == "all" else f" of {of}"
    warnings.warn(
        f"{number} of {targets.numel()} labels{place} are {_DEFAULT} and left out, as torch's "
        "cross_entropy does; write ignore_index=None in the likelihood to refuse them",
        stacklevel=stack_level(),
    )
