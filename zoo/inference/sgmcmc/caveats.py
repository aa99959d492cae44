"""Why the draws of a run are of no posterior, or of another one than may be thought."""

from __future__ import annotations

from torch.utils.data import DataLoader, IterableDataset

from zoo.inference.fingerprint import fixed_random_numbers
from zoo.inference.sgmcmc.batched_data import BatchedData
from zoo.model import BayesianNetwork
from zoo.runtime.programs import PyroProgram
from zoo.runtime.rows import is_same

_NUM_EXAMPLES = 4
_AUGMENTED = (
    "the loader augments its data, a datum being another one in each pass, so there is no "
    "posterior that these draws are of"
)
_NORMALISED = (
    "the draws are of the posterior of a network whose batch normalisation has the running "
    "statistics of the start"
)


def caveat(model: BayesianNetwork | PyroProgram, data: BatchedData) -> str:
    """Return what is to be said of the draws; "" if nothing is.

    References:
        How Good is the Bayes Posterior in Deep Neural Networks Really? (Wenzel et al., 2020)

    Arguments:
        model: The model.
        data: Its data.
    """
    found = []
    loader = None if data.batches is None else data.batches.loader
    if loader is not None and _is_augmented(loader):
        found.append(_AUGMENTED)

    if isinstance(model, BayesianNetwork) and _is_normalised(model):
        found.append(_NORMALISED)

    return "; ".join(found)


def _is_normalised(model: BayesianNetwork) -> bool:
    kinds = {type(layer).__name__ for layer in model.network.modules()}
    return any(kind.startswith(("BatchNorm", "SyncBatchNorm")) for kind in kinds)


def _is_augmented(loader: DataLoader) -> bool:
    """Return whether a few data have other values when they are read again."""
    dataset, collate = loader.dataset, loader.collate_fn
    if isinstance(dataset, IterableDataset) or collate is None:
        return False  # it may be read only once

    number = min(_NUM_EXAMPLES, len(dataset))  # type: ignore[arg-type]
    with fixed_random_numbers():
        first = collate([dataset[index] for index in range(number)])
        second = collate([dataset[index] for index in range(number)])

    return not is_same(first, second)
