"""The bound of a fit on the evidence, as values of the file of a fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch.utils.data import DataLoader

from zoo.data import Data
from zoo.experiments.running.scores import Number
from zoo.posterior.bound import NoBound
from zoo.posterior.posterior import Posterior

_NAME = "bound, nats per datum"
_ERROR = "error of the bound"
_OF_THE_FIT = ("bound_nats", "bound_error")  # fields of its info
_NUM_SAMPLES = 8  # for each batch, which has draws of its own


def bound_values(posterior: Posterior, train: Data) -> dict[str, object]:
    """Return the bound in nats per datum at temperature 1, or the reason why there is none.

    Next to it is which kind the fit is, see `SVIInfo.fit_kind`.

    Arguments:
        posterior: The posterior.
        train: The training data; a loader, which augments them, has no bound, and the
            estimate of the fit itself, from its last batches, is none.
    """
    kind = {"kind of fit": getattr(posterior.info, "fit_kind", "")}
    if isinstance(train, DataLoader):
        no_bound = {_NAME: None, "no bound because": "the data are augmented"}
        return kind | no_bound | dict.fromkeys(_OF_THE_FIT)

    try:
        bound = posterior.bound(train, num_samples=_NUM_SAMPLES)
    except NoBound as error:
        return kind | {_NAME: None, "no bound because": str(error)}

    return kind | {_NAME: bound.value, _ERROR: bound.error}


def bound_of(record: Mapping[str, Any]) -> Number | None:
    """Return the bound in the record of a fit, with its error; None if it has none."""
    value = record.get(_NAME)
    return None if value is None else Number(value, record[_ERROR])
