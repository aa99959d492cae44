"""Function values of particles, at inputs around those of the data."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.func import vmap

from zoo.inference.mcmc.running.results import network_state
from zoo.inference.particles.space import Space
from zoo.likelihoods.likelihood import is_noise_site
from zoo.model import BayesianNetwork
from zoo.runtime.rows import Rows, flatten, num_rows


class FunctionPoints:
    """Evaluates all particles at inputs that are drawn anew for each step.

    Arguments:
        space: The coordinates of the particles.
        model: The model.
        x: Inputs that are drawn from, (N, ...).
        num_points: Number of inputs M of a step, N at most.
        spread: Standard deviation of the noise on an input, in units of the standard
            deviation of all inputs; whole numbers have none.
    """

    def __init__(
        self,
        space: Space,
        model: BayesianNetwork,
        x: Rows,
        num_points: int,
        spread: float,
    ) -> None:
        self.space = space
        self.model = model
        self.state = network_state(model)
        self.num_data = num_rows(x)
        self.num_points = min(num_points, self.num_data)
        self.tensors, self.structure = flatten(x)
        self.scales = [_scale(inputs, spread) for inputs in self.tensors]

    def draw(self) -> list[Tensor]:
        """Draw the tensors (M, ...) of inputs: those of some data, with noise."""
        index = torch.randperm(self.num_data)[: self.num_points]

        drawn = []
        for inputs, scale in zip(self.tensors, self.scales, strict=True):
            chosen = inputs[index.to(inputs.device)]
            drawn.append(_with_noise(chosen, scale))

        return drawn

    def values(self, u: Tensor, tensors: Sequence[Tensor]) -> Tensor:
        """Return the outputs of the networks at positions u (K, P), (K, M O)."""
        x = self.structure.build(tensors)
        outputs = vmap(lambda one: self._output(one, x))(u)

        return outputs.flatten(1)

    def _output(self, u: Tensor, x: Rows) -> Tensor:
        sites = {}
        for name, value in self.space.values(u).items():
            if not is_noise_site(name):
                sites[name] = value

        return self.model.output({**self.state, **sites}, x)


def _scale(inputs: Tensor, spread: float) -> Tensor:
    """Return the standard deviation of the noise on inputs (N, ...), ()."""
    if not inputs.is_floating_point():
        return inputs.new_zeros(())

    return spread * inputs.std()


def _with_noise(inputs: Tensor, scale: Tensor) -> Tensor:
    """Return inputs with normal noise, or as they are if they are whole numbers."""
    if not inputs.is_floating_point():
        return inputs

    return inputs + scale * torch.randn_like(inputs)
