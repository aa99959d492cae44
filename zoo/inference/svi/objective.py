"""The loss of a batch and its gradients, as a function of tensors that can be traced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

import torch
from torch import Tensor

from zoo.inference.svi.elbo import elbo
from zoo.inference.tempering import Tempering
from zoo.likelihoods.observed import Observed
from zoo.model import BayesianNetwork
from zoo.runtime.effects import Substitute
from zoo.runtime.half_precision import products_in
from zoo.runtime.memory_format import channels_last
from zoo.runtime.programs import PyroProgram
from zoo.runtime.rows import Rows, Structure


@dataclass(frozen=True)
class BatchLoss:
    """The negative ELBO of a batch in nats per datum, with its gradients.

    Arguments:
        model: The model.
        guide: The guide.
        state: Point estimates and buffers by name, used in place of the network's.
        parameters: Parameters of the guide and point estimates.
        num_data: Size N of the whole data.
        num_particles: Draws from the guide.
        tempering: Temperatures of the posterior.
        channels_last: Whether inputs are images to be stored channels last.
        structure: What a batch (x, y) is besides its tensors.
        precision: That of the network's products, "float32" or "bf16".
        is_moved: Whether each parameter is to have a gradient, None for all.
    """

    model: BayesianNetwork
    guide: PyroProgram
    state: Mapping[str, Tensor]
    parameters: Sequence[Tensor]
    num_data: int
    num_particles: int
    tempering: Tempering
    channels_last: bool
    structure: Structure
    precision: str = "float32"
    is_moved: Sequence[bool] | None = None

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Return the loss, and the gradient of each parameter.

        A gradient without elements stands for a parameter that the loss does not depend
        on. An optimiser must skip that parameter, which a gradient of zeros does not
        achieve (weight decay would change it).

        Arguments:
            tensors: Those of a batch of inputs and targets, (B, ...) each.
        """
        x, y = self.structure.build(tensors)
        loss = self._loss(x, y)
        gradients = self._gradients(loss)

        results = [loss.detach()]
        storages: set[int] = set()
        for gradient in gradients:
            if gradient is None:
                results.append(loss.new_empty(0))
            elif gradient.is_sparse:  # of functional.embedding(..., sparse=True)
                results.append(gradient.to_dense())
            else:
                results.append(_in_own_memory(gradient, storages))
        return tuple(results)

    def _gradients(self, loss: Tensor) -> list[Tensor | None]:
        """Return the gradient of each parameter, None for one that is not moved or not used."""
        is_moved = self.is_moved or [True] * len(self.parameters)
        moved = list(compress(self.parameters, is_moved))
        if not moved:
            return [None] * len(is_moved)

        found = iter(torch.autograd.grad(loss, moved, allow_unused=True))
        return [next(found) if each else None for each in is_moved]

    def _loss(self, x: Rows, y: Tensor | Observed) -> Tensor:
        if self.channels_last:
            x = channels_last(x)

        with Substitute(self.state), products_in(self.precision):
            total = self._elbo(x, y)
            for _ in range(self.num_particles - 1):
                total = total + self._elbo(x, y)

        return -total / (self.num_particles * self.num_data)

    def _elbo(self, x: Rows, y: Tensor | Observed) -> Tensor:
        return elbo(
            self.model,
            self.guide,
            x,
            y,
            tempering=self.tempering,
            num_data=self.num_data,
        )


def _in_own_memory(gradient: Tensor, storages: set[int]) -> Tensor:
    """Return a gradient that shares its memory with no other.

    An optimiser may write to it. The backward pass of a sum gives both of its terms the
    same tensor.

    Arguments:
        gradient: The gradient.
        storages: The storages of the gradients so far, to which this one is added.
    """
    storage = gradient.untyped_storage()
    num_bytes = gradient.numel() * gradient.element_size()
    is_whole = storage.nbytes() == num_bytes
    is_first = storage._cdata not in storages
    storages.add(storage._cdata)

    if is_whole and is_first:
        return gradient
    return gradient.clone(memory_format=torch.contiguous_format)
