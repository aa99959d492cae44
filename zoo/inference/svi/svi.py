"""Stochastic variational inference: any guide, any torch optimiser, batches or all data at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyro
import torch
from torch import Tensor

from zoo.data import Batches, Data, batches, checked, on_device
from zoo.inference.sites import sites_differ
from zoo.inference.svi.early_stopping import EarlyStopping
from zoo.inference.svi.trainer import Trainer
from zoo.inference.tempering import Tempering
from zoo.model import BayesianNetwork
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.posterior.posterior import Posterior
from zoo.runtime.modes import training_mode
from zoo.runtime.param_scope import ScopedGuide
from zoo.runtime.subnormals import flush_subnormals
from zoo.runtime.threads import one_if_small
from zoo.tracing.traced import way_of


class SVI:
    r"""Fit a guide and the model's point estimates by stochastic gradients of the evidence lower bound.

    .. math:: \text{loss} = -\frac{1}{N} \Big( \frac{N}{B} \sum_{i \in \text{batch}} E_q[\log p(y_i | z)]
        - KL(q(z) \| p(z)) \Big)

    With temperatures the target is p_T(z | y), proportional to [p(y | z)^(1/T_l)
    p(z)]^(1/T), and the loss

    .. math:: -\frac1N \Big( \frac1T E_q \big[ \tfrac{1}{T_l} \log p(y | z) + \log p(z) \big] + H[q] \Big).

    A likelihood temperature is the β that others multiply the divergence by, but for
    the scale of the loss: E_q[log p(y | z)] / β - KL.

    A fit goes on from the guide's current parameters. Point estimates start at the
    network's values, which it leaves as they are, or at those of an earlier posterior.

    References:
        Stochastic Variational Inference (Hoffman, Blei, Wang, Paisley, 2013)
        Pyro: Deep Universal Probabilistic Programming (Bingham et al., 2019)

    Arguments:
        model: The model.
        guide: Any Pyro guide over its latent sites: one of `guides`, a Pyro autoguide,
            a function.
        num_steps: Gradient steps; 2000 where neither steps nor epochs are given.
        num_epochs: Passes through the data, instead of steps.
        lr: Learning rate.
        optimizer: Makes the optimiser, called as `optimizer(parameters, lr=lr)`;
            `functools.partial` adds options.
        scheduler: Makes a learning-rate scheduler from the optimiser; stepped after
            every gradient step.
        num_particles: Draws from the guide per step.
        temperature: Temperature T of the whole posterior; below 1 it is cold.
        likelihood_temperature: Temperature T_l of the likelihood alone.
        early_stopping: When to stop before the steps are over; never by default.
        compile: How a step is run: "plain", as the program that it is; "traced", as its
            graph, with equal bits; "compiled", the graph through torch's compiler
            (True); "captured", as a CUDA graph; "auto" traces unless there are only a
            few steps, compiles when that is worth the wait, and keeps what was measured
            to be faster.
        checkpoint: A file that the run is written to between epochs; a run that is
            started again goes on from there.
        progress: Whether to show a progress bar.

    Example:
        >>> engine = inference.SVI(model, guides.MeanField(model), num_steps=5, progress=False)
        >>> engine.fit(data.train).info.num_steps
        5
    """

    def __init__(
        self,
        model: BayesianNetwork,
        guide: Callable[..., object],
        *,
        num_steps: int | None = None,
        num_epochs: int | None = None,
        lr: float = 1e-2,
        optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
        scheduler: Callable[[torch.optim.Optimizer], object] | None = None,
        num_particles: int = 1,
        temperature: float = 1.0,
        likelihood_temperature: float = 1.0,
        early_stopping: EarlyStopping | None = None,
        compile: bool | str = "auto",
        checkpoint: str | Path | None = None,
        progress: bool = True,
    ) -> None:
        if num_steps is not None and num_epochs is not None:
            raise ValueError(
                f"give num_steps or num_epochs, not both ({num_steps} and {num_epochs})"
            )
        for name, value in (
            ("num_steps", num_steps),
            ("num_epochs", num_epochs),
            ("num_particles", num_particles),
        ):
            if value is not None and value < 1:
                raise ValueError(f"{name} is a count of at least 1, not {value}")
        if not lr > 0:
            raise ValueError(f"lr is a learning rate and must be positive, not {lr}")
        self.model, self.guide = model, guide
        self.num_steps = num_steps or (None if num_epochs else 2000)
        self.num_epochs = num_epochs
        self.lr, self.optimizer, self.scheduler = lr, optimizer, scheduler
        self.num_particles, self.early_stopping, self.progress = (
            num_particles,
            early_stopping,
            progress,
        )
        self.tempering = Tempering(temperature, likelihood_temperature)
        self.compile, self.checkpoint = way_of(compile), checkpoint

    def fit(
        self, data: Data, batch_size: int | None = None, init: Posterior | None = None
    ) -> GuidePosterior:
        """Fit to data and return a snapshot of the result.

        Arguments:
            data: A pair (x, y) of tensors, a data set, or a `DataLoader`.
            batch_size: Size B of a batch of tensors; all data at once where nothing is
                said.
            init: An earlier posterior whose point estimates and buffers to go on from.

        Raises:
            ValueError: Data that do not fit the model; a guide built for another model.
        """
        data = batches(self.model, data, batch_size)
        stopping, held_out = self.early_stopping, None
        if stopping is not None:
            data, held_out = self._hold_out(data)
        scoped = ScopedGuide(self.guide)
        run = Trainer(
            self, scoped, data, held_out, dict(init.state) if init is not None else {}
        )
        with (
            scoped.scope(),
            pyro.validation_enabled(False),
            training_mode(self.model.network, self.model.plan.frozen),
            flush_subnormals(),
            one_if_small(
                self.model.network, None if data.x is None else data.x[: data.size]
            ),
        ):
            odd = sites_differ(
                self.model.latents, self.guide, self.model.first_parameter
            )
            if odd:
                raise ValueError(
                    f"the guide was built for another model: they differ at {odd}"
                )
            info = run.go()
        state = run.detached_state() | self.model.frozen()
        return GuidePosterior(
            self.model, state=state, info=info, scoped=scoped.snapshot(self.model)
        )

    def _hold_out(self, data: Batches) -> tuple[Batches, tuple[Tensor, Tensor]]:
        if self.early_stopping.held_out is None:
            return data.split(self.early_stopping.fraction)
        return data, checked(
            self.model, *on_device(self.model, *self.early_stopping.held_out)
        )

    def __repr__(self) -> str:
        length = (
            f"num_steps={self.num_steps}"
            if self.num_steps
            else f"num_epochs={self.num_epochs}"
        )
        return f"SVI({type(self.guide).__name__}, {length})"
