"""The gradient of the potential of a batch, with or without control variates."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.sgmcmc.batched_data import BatchedData
from zoo.posterior.posterior import Posterior
from zoo.runtime.rows import num_rows

_NUM_DRAWS = 100  # of a posterior, whose mean is the centre


class BatchGradient:
    """The gradient of the potential of a batch, an estimate of that of all data without bias.

    Arguments:
        potential: The potential energy of any batch.
    """

    def __init__(self, potential: Potential) -> None:
        self.potential = potential

    def state(self) -> dict[str, Tensor]:
        """Return the tensors that it reads, which a file keeps."""
        return {}

    def num_gradients(self, num_chains: int) -> int:
        """Return the gradients that one step of C chains evaluates."""
        return num_chains

    def __call__(
        self, state: dict[str, Tensor], arguments: tuple[Any, ...]
    ) -> tuple[Tensor, Tensor]:
        """Return the gradient (C, P) and the potential (C,) of a batch; to be traced.

        Arguments:
            state: The state of the chains.
            arguments: Arguments of the model.
        """
        return gradient_of(self.potential.on(*arguments), state["position"])


class ControlledGradient(BatchGradient):
    r"""The gradient of a batch with a control variate: the gradient at a fixed centre.

    .. math:: \nabla U(\hat z) + \nabla U_B(z) - \nabla U_B(\hat z)

    Its noise is small where chains are near the centre, the more so the more data there
    are. Each step evaluates one more gradient, which all chains share.

    References:
        Control Variates for Stochastic Gradient MCMC (Baker, Fearnhead, Fox, Nemeth, 2019)

    Arguments:
        potential: The potential energy of any batch.
        data: The batches, of which one epoch gives the gradient of all data.
        control: The posterior whose mean in unconstrained space is the centre.
    """

    def __init__(
        self, potential: Potential, data: BatchedData, control: Posterior
    ) -> None:
        super().__init__(potential)
        draws = control.sample_all(_NUM_DRAWS)
        latents = potential.program.latents
        self.centre = potential.pack({name: draws[name] for name in latents}).mean(0)
        self.whole = self._whole(data)

    def _whole(self, data: BatchedData) -> Tensor:
        """Return the gradient (P,) of all data at the centre."""
        total, number = torch.zeros_like(self.centre), 0
        for tensors, structure in data.epoch():
            arguments = data.arguments_of(tensors, structure)
            gradient, _ = self.potential.on(*arguments).gradient(self.centre[None])
            size = num_rows(tensors) if tensors else 1
            total += size * gradient[0]
            number += size

        return total / number

    def state(self) -> dict[str, Tensor]:
        """Return the tensors that it reads, which a file keeps."""
        return {"centre": self.centre, "whole": self.whole}

    def num_gradients(self, num_chains: int) -> int:
        """Return the gradients that one step of C chains evaluates."""
        return num_chains + 1

    def __call__(
        self, state: dict[str, Tensor], arguments: tuple[Any, ...]
    ) -> tuple[Tensor, Tensor]:
        """Return the gradient (C, P) and the potential (C,) of a batch; to be traced."""
        both = torch.cat([state["position"], state["centre"][None]])
        gradient, energy = self.potential.on(*arguments).gradient(both)

        return gradient[:-1] - gradient[-1:] + state["whole"], energy[:-1]


def gradient_of(potential: Potential, q: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradient (C, P) and the potential (C,) at q (C, P).

    One chain is evaluated by autograd, which is a tenth faster than a batch of one.
    """
    if len(q) > 1:
        return potential.gradient(q)

    gradient, energy = potential.gradient_of_one(q[0])

    return gradient[None], energy[None]
