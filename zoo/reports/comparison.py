"""The comparison of several guides on one model and data set with a reference posterior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor

from zoo.datasets import Dataset, Split
from zoo.diagnostics.fidelity import fidelity
from zoo.inference import SVI
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.reports.comparison_result import Comparison
from zoo.reports.comparison_table import TRUTH, comparison_table
from zoo.runtime.programs import PyroProgram

if TYPE_CHECKING:
    from zoo.references import Reference

__all__ = ["Comparison", "compare"]

Pair = tuple[BayesianNetwork, PyroProgram]
Guides = Sequence[PyroProgram] | Mapping[str, PyroProgram | Pair]


def compare(
    model: BayesianNetwork,
    guides: Guides,
    reference: Posterior | Reference,
    data: Dataset | None = None,
    *,
    num_steps: int | None = None,
    lr: float = 2e-2,
    batch_size: int | None = None,
    num_samples: int = 400,
    progress: bool = True,
) -> Comparison:
    """Fit guides to one data set and compare them with a reference posterior.

    Errors and log likelihoods are in the data set's original units. The fidelity columns
    are those of `zoo.fidelity`; in the row of the reference they are its floor.

    References:
        What Are Bayesian Neural Network Posteriors Really Like?
        (Izmailov, Vikram, Hoffman, Wilson, 2021)

    Arguments:
        model: The model of the guides.
        guides: The guides, or a mapping from names to guides; a guide that needs a
            prior of its own is given as a pair (model, guide).
        reference: The posterior of `inference.NUTS` or `HMC` on the model, or one of
            `zoo.references`. Its row is called "truth".
        data: The data set; guides are fitted to its training part and scored on its
            test part. Omit it for one of `zoo.references`, which has its own data and
            is compared at its own inputs.
        num_steps: Gradient steps of each fit; by default those of `inference.SVI`.
        lr: Learning rate of each fit, which decays to zero as a cosine.
        batch_size: Batch size of each fit; by default all data at once.
        num_samples: Draws for each prediction.
        progress: Whether to show progress bars.

    Raises:
        ValueError: Two guides of one family without names, or data missing for a
            posterior or given for a reference.

    Example:
        >>> truth = inference.HMC(
        ...     model, num_chains=2, warmup_steps=5, num_samples=9, progress=False, compile=False
        ... ).fit(data.train)
        >>> comparison = zoo.compare(
        ...     model, [guides.Delta(model)], truth, data, num_steps=5, progress=False
        ... )
        >>> comparison.table.column("guide")
        ['truth', 'Delta']
    """
    named = _by_name(model, guides)
    truth = _truth_of(reference, data)

    posteriors = {TRUTH: truth.posterior}
    for name, (own_model, guide) in named.items():
        engine = SVI(
            own_model,
            guide,
            num_steps=num_steps,
            lr=lr,
            progress=progress,
        )

        posteriors[name] = engine.fit(truth.data.train, batch_size=batch_size)

    fidelities = {}
    for name in named:
        fidelities[name] = fidelity(posteriors[name], reference, truth.x)

    table = comparison_table(
        posteriors, fidelities, truth.data, truth.test, num_samples
    )

    return Comparison(table, posteriors, fidelities, truth.data)


class _Truth(NamedTuple):
    """The reference posterior of a comparison, with the data that go with it."""

    posterior: Posterior
    data: Dataset
    test: Split  # held-out inputs, and targets if there are any
    x: Tensor | None  # inputs of the comparison; None for the reference's own


def _truth_of(reference: Posterior | Reference, data: Dataset | None) -> _Truth:
    """Return the reference posterior with its data."""
    if isinstance(reference, Posterior):
        if data is None:
            raise ValueError(
                "a reference posterior needs data to compare on; write data=..."
            )

        return _Truth(reference, data, test=data.test, x=data.test.x)

    if data is not None:
        raise ValueError("this reference has data of its own; omit data")

    test = Split(reference.inputs, reference.targets)

    return _Truth(reference.posterior, reference.data, test=test, x=None)


def _by_name(model: BayesianNetwork, guides: Guides) -> dict[str, Pair]:
    """Return the guides with their models by name: by their families if no names are given."""
    named: dict[str, PyroProgram | Pair] = {}
    if isinstance(guides, Mapping):
        named.update(guides)
    else:
        named.update((type(guide).__name__, guide) for guide in guides)

    if len(named) < len(guides):
        raise ValueError(
            "two guides are of the same family; give a mapping of names to guides"
        )

    pairs = {}
    for name, guide in named.items():
        pairs[name] = guide if isinstance(guide, tuple) else (model, guide)

    return pairs
