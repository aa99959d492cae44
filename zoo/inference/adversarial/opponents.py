"""The batches of each side: latent variables of generators, real and made data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from zoo.data import BatchForm
from zoo.inference.adversarial.real_classes import FAKE
from zoo.inference.sgmcmc.batched_data import BatchedData
from zoo.likelihoods.observed import Observed
from zoo.runtime.rows import Structure, flatten

Draw = Callable[[int], Tensor]


@dataclass(frozen=True, kw_only=True)
class Rounds(BatchedData):
    """Batches of one side that are drawn anew at each step.

    Arguments:
        number: Number of steps in a pass through the real data.
        plate: Size of the plate of the data, which scales the log density of a batch.
    """

    number: int = 1
    plate: int = 1

    @property
    def per_epoch(self) -> int:
        """Number of gradient steps in an epoch."""
        return self.number

    @property
    def is_repeatable(self) -> bool:
        """False, because every batch is a new draw."""
        return False

    def epoch(self) -> Iterator[tuple[list[Tensor], Structure]]:
        """Give the tensors of each batch of an epoch, and what it is besides them."""
        for batch in self.every():
            yield flatten(batch)

    def every(self) -> Iterator[tuple[Any, Any]]:
        """Give inputs and targets of each batch of an epoch."""
        raise NotImplementedError

    def arguments_of(self, tensors: list[Tensor], structure: Structure) -> tuple:
        """Return the arguments of the model for the tensors of a batch."""
        return (*structure.build(tensors), self.plate)


@dataclass(frozen=True)
class RealData:
    """Real data, and labelled ones if there are any.

    Arguments:
        x: Real data, (N, ...).
        size: Number B of them in a batch.
        labelled: Labelled data, (L, ...), and their classes (L,) from 0; None for none.
        num_labelled: Number of labelled data in a batch; by default B, and at most L.
        label_weight: How often each labelled datum counts.
    """

    x: Tensor
    size: int
    labelled: tuple[Tensor, Tensor] | None = None
    num_labelled: int | None = None
    label_weight: float = 1.0

    @property
    def per_epoch(self) -> int:
        """Number of batches in a pass; what is left over is in later passes."""
        return len(self.x) // self.size

    @property
    def labels_per_batch(self) -> int:
        """Number of labelled data in a batch."""
        if self.labelled is None:
            return 0

        return min(self.num_labelled or self.size, len(self.labelled[0]))

    def epoch(self) -> Iterator[Tensor]:
        """Give the real data of each batch, in an order that is drawn anew."""
        order = torch.randperm(len(self.x)).to(self.x.device)
        for step in range(self.per_epoch):
            yield self.x[order[step * self.size : (step + 1) * self.size]]

    def some_labelled(self) -> tuple[Tensor, Tensor]:
        """Return labelled data of a batch, drawn without replacement, and their classes."""
        assert self.labelled is not None
        x, y = self.labelled
        chosen = torch.randperm(len(x))[: self.labels_per_batch].to(x.device)

        return x[chosen], y[chosen]


@dataclass(frozen=True, kw_only=True)
class LatentBatches(Rounds):
    """The data of generators: latent variables, of which all outputs should seem real.

    Arguments:
        draw: Draws latent variables (B, ...).
        size: Size B of a batch.
    """

    draw: Draw
    size: int

    @classmethod
    def of(cls, draw: Draw, real: RealData, steps: int) -> LatentBatches:
        """Return the batches of `steps` steps for every batch of real data."""
        z, number = draw(real.size), len(real.x)

        return cls(
            arguments=(z, z.new_ones(len(z)), number),
            form=BatchForm(),
            inputs=z,
            num_data=number,
            number=steps * real.per_epoch,
            plate=number,
            draw=draw,
            size=real.size,
        )

    def every(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Give latent variables and ones."""
        for _ in range(self.number):
            z = self.draw(self.size)
            yield z, z.new_ones(len(z))


@dataclass(frozen=True, kw_only=True)
class MixedBatches(Rounds):
    """The data of discriminators: real ones, as many made ones, and labelled ones if any.

    Arguments:
        real: The real data.
        made: Makes data (B, ...) by the present generators.
    """

    real: RealData
    made: Draw

    @classmethod
    def of(cls, real: RealData, made: Draw) -> MixedBatches:
        """Return batches in which real and made data count N times each, labelled ones w L."""
        number = len(real.x)
        num_labelled = 0 if real.labelled is None else len(real.labelled[0])
        data = cls(
            arguments=(),
            form=BatchForm(),
            inputs=real.x[: real.size],
            num_data=number,
            number=real.per_epoch,
            plate=2 * number + num_labelled,
            real=real,
            made=made,
        )
        first = real.x[: real.size]
        x, y = data.batch(first, first)

        return replace(data, arguments=(x, y, data.plate))

    def every(self) -> Iterator[tuple[Tensor, Tensor | Observed]]:
        """Give real, made and labelled data with their targets."""
        for real in self.real.epoch():
            yield self.batch(real, self.made(len(real)))

    def batch(self, real: Tensor, made: Tensor) -> tuple[Tensor, Tensor | Observed]:
        """Return a batch of real and made data (B, ...) each."""
        if self.real.labelled is None:
            y = torch.cat([real.new_ones(len(real), 1), real.new_zeros(len(made), 1)])
            return torch.cat([real, made]), y

        x, labels = self.real.some_labelled()
        of_real = labels.new_full((len(real),), self._any_class)
        of_made = labels.new_full((len(made),), FAKE)
        y = torch.cat([of_real, of_made, labels + 1])

        return torch.cat([real, made, x]), Observed(y, self._weights(real))

    @property
    def _any_class(self) -> int:
        """The target that stands for any class."""
        assert self.real.labelled is not None
        return int(self.real.labelled[1].max()) + 2

    def _weights(self, real: Tensor) -> Tensor:
        """Return the weight of each row, for what its part of the batch stands for.

        The plate multiplies each row by the number of all data over that of rows.
        """
        assert self.real.labelled is not None
        number, size = self.real.labels_per_batch, len(real)
        of_plate = self.plate / (2 * size + number)
        of_labelled = self.real.label_weight * len(self.real.labelled[0]) / number
        weights = real.new_full((2 * size + number,), len(self.real.x) / size)
        weights[2 * size :] = of_labelled

        return weights / of_plate
