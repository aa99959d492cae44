"""A Pyro model with its data, as a sampler needs it: its continuous latent sites and its runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyro
import torch
from pyro import poutine
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.poutine import Trace
from torch import Tensor, nn

from zoo.runtime.distributions import is_proper
from zoo.runtime.effects import Substitute
from zoo.runtime.modes import evaluation_mode
from zoo.runtime.programs import PyroProgram
from zoo.runtime.sites import stochastic
from zoo.runtime.turn import turn


@dataclass(frozen=True)
class Program:
    """A Pyro model with its data.

    Arguments:
        model: The Pyro model.
        data: Arguments of the model, its data.
        latents: Prior of every latent site by name.
        inits: Initial values by site, of the sites that state one.
        like: A tensor with the device and dtype of the chains.
        dtype: The model's own dtype.
        prior_data: Arguments of the model for draws from the prior.
        buffers: Buffers of the network; they stay constant.
        deterministic: Names of what is computed from latent sites and stored with them.
    """

    model: PyroProgram
    data: tuple[Any, ...]
    latents: Mapping[str, TorchDistributionMixin]
    inits: Mapping[str, Tensor]
    like: Tensor
    dtype: torch.dtype
    prior_data: tuple[Any, ...] = ()
    buffers: Mapping[str, Tensor] = field(default_factory=dict)
    deterministic: frozenset[str] = frozenset()

    def trace(self, values: Mapping[str, Tensor]) -> Trace:
        """Run the model with its latent sites at given values."""
        conditioned = poutine.condition(self.model, data=dict(values))
        with Substitute(self.buffers):
            return poutine.trace(conditioned).get_trace(*self.data)

    def prior_draw(self, initial_values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Draw every latent site from its prior; an improper prior gives the initial value."""
        fixed = {}
        for name, prior in self.latents.items():
            if not is_proper(prior):
                fixed[name] = initial_values[name]

        conditioned = poutine.condition(self.model, data=fixed)
        trace = poutine.trace(conditioned).get_trace(*self.prior_data)
        sites = stochastic(trace)

        values = {}
        for name in self.latents:
            value = sites[name]["value"]
            values[name] = value.to(self.like)

        return values

    @contextmanager
    def running(self) -> Iterator[None]:
        """Switch off autograd, Pyro's validation (it cannot be traced) and training mode."""
        with (
            turn(),
            torch.no_grad(),
            pyro.validation_enabled(False),
            evaluating(self.model),
        ):
            yield


@contextmanager
def evaluating(model: PyroProgram) -> Iterator[None]:
    """Put a model that is a module into evaluation mode, and back afterwards."""
    if not isinstance(model, nn.Module):
        yield
        return

    with evaluation_mode(model):
        yield
