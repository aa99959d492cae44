"""The data of a run of stochastic-gradient MCMC: batches, an epoch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from zoo.data import Batches, Columns, Data, batches
from zoo.inference.fingerprint import describe_data
from zoo.inference.generators import Generators
from zoo.inference.mcmc.sampled_data import SampledData, sampled_data
from zoo.model import BayesianNetwork
from zoo.runtime.programs import PyroProgram
from zoo.runtime.rows import Structure, first, flatten, num_rows, take, tensors_of


@dataclass(frozen=True)
class BatchedData(SampledData):
    """The batches of a network's data, or the arguments of another Pyro model.

    Arguments:
        arguments: Arguments of the model: those of the first batch, with the number of data,
            or all arguments of another Pyro model, whose epoch is one step.
        batches: The batches; None for another Pyro model.
        own: Generators that the user gave to a loader.
        is_independent: Whether each batch of tensors is drawn on its own, with replacement,
            so that the noise of batches is white; otherwise an epoch sees each datum once.
    """

    batches: Batches | None = None
    own: Sequence[torch.Generator] = ()
    is_independent: bool = False

    @property
    def generators(self) -> Sequence[torch.Generator]:
        """Generators that the user gave to a loader, and that batches come from."""
        return self.own

    @property
    def per_epoch(self) -> int:
        """Number of gradient steps in an epoch."""
        return 1 if self.batches is None else self.batches.per_pass

    @property
    def is_repeatable(self) -> bool:
        """Whether the first batch is the same one in every run on these data."""
        return self.batches is None or self.batches.loader is None

    def described(self) -> dict[str, str] | None:
        """Return the data as text by name; None if the arguments are all of them."""
        return None if self.batches is None else describe_data(self.batches)

    def epoch(self) -> Iterator[tuple[list[Tensor], Structure]]:
        """Give the tensors of each batch of an epoch, and what it is besides them."""
        if self.batches is None:
            yield flatten(())
            return

        every = self.batches
        is_drawn = self.is_independent and every.x is not None
        if is_drawn and self.per_epoch > 1:
            yield from self._drawn(every)
            return

        for batch in every.epoch():
            yield flatten(batch)

    def _drawn(self, every: Batches) -> Iterator[tuple[list[Tensor], Structure]]:
        """Give as many independent batches as an epoch has."""
        number, device = num_rows(every.x), tensors_of(every.x)[0].device
        for _ in range(self.per_epoch):
            index = torch.randint(number, (every.size,)).to(device)
            yield flatten((take(every.x, index), take(every.y, index)))

    def arguments_of(
        self, tensors: Sequence[Tensor], structure: Structure
    ) -> tuple[Any, ...]:
        """Return the arguments of the model for the tensors of a batch."""
        if self.batches is None:
            return self.arguments

        return (*structure.build(tensors), self.batches.num_data)


def batched_data(
    model: BayesianNetwork | PyroProgram,
    data: Data | tuple[Any, ...],
    batch_size: int | None,
    columns: Columns | None,
    num_data: int | None,
    generators: Generators,
) -> BatchedData:
    """Return the data of a run.

    Arguments:
        model: The model.
        data: Data in any form, or the arguments of a Pyro model that is not one of the zoo's.
        batch_size: Size B of a batch of tensors; by default all data at once.
        columns: What else is said of the data; None for another Pyro model.
        num_data: Number of data N, if the user says it.
        generators: The generators of the run.

    Raises:
        ValueError: The data do not fit the model.
        TypeError: Data of another form, or what another Pyro model does not have.
    """
    if not isinstance(model, BayesianNetwork):
        if batch_size is not None:
            raise TypeError(
                "batch_size is of a zoo.BayesianNetwork; another Pyro model sees all its "
                "arguments at every step, so omit it"
            )

        whole = sampled_data(
            model, data, target=None, weights=None, num_data=num_data, given={}
        )
        return BatchedData(whole.arguments, whole.form, whole.inputs)

    every = batches(model, data, batch_size, columns or Columns(), num_data)
    if every.x is None:
        x, y = next(every.epoch())
    else:
        x, y = first(every.x, every.size), first(every.y, every.size)

    return BatchedData(
        arguments=(x, y, every.num_data),
        form=every.form,
        inputs=x,
        num_data=every.num_data,
        batches=every,
        own=generators.own,
    )
