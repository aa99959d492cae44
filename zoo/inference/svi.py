"""Stochastic variational inference: any guide, any torch optimiser, batches or all data at once."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator

import pyro
import torch
from torch import Tensor, nn

from zoo.data import Batches, Data, batches, checked, on_device
from zoo.effects import Given
from zoo.forward import draw, fitting, outputs
from zoo.inference.early_stopping import EarlyStopping
from zoo.inference.elbo import elbo, sites_differ
from zoo.inference.progress import bar
from zoo.inference.tempering import Tempering
from zoo.info import SVIInfo
from zoo.model import BayesianNetwork
from zoo.posterior import Posterior
from zoo.prediction import Prediction
from zoo.scoped import ScopedGuide
from zoo.threads import one_if_small


class SVI:
    r"""Fit a guide and the model's point estimates by stochastic gradients of the evidence lower bound.

    .. math:: \text{loss} = -\frac{1}{N} \Big( \frac{N}{B} \sum_{i \in \text{batch}} E_q[\log p(y_i | z)]
        - KL(q(z) \| p(z)) \Big)

    With temperatures the target is p_T(z | y), proportional to [p(y | z)^(1/T_l) p(z)]^(1/T), and the loss

    .. math:: -\frac1N \Big( \frac1T E_q \big[ \tfrac{1}{T_l} \log p(y | z) + \log p(z) \big] + H[q] \Big).

    A likelihood temperature is the β that others multiply the divergence by, but for the scale of the loss:
    E_q[log p(y | z)] / β - KL.

    A fit goes on from the guide's current parameters. Point estimates start at the network's values, which it
    leaves as they are, or at those of an earlier posterior.

    References:
        Stochastic Variational Inference (Hoffman, Blei, Wang, Paisley, 2013)
        Pyro: Deep Universal Probabilistic Programming (Bingham et al., 2019)

    Arguments:
        model: The model.
        guide: Any Pyro guide over its latent sites: one of `guides`, a Pyro autoguide, a function.
        num_steps: Gradient steps; 2000 where neither steps nor epochs are given.
        num_epochs: Passes through the data, instead of steps.
        lr: Learning rate.
        optimizer: Makes the optimiser, called as `optimizer(parameters, lr=lr)`; `functools.partial` adds options.
        scheduler: Makes a learning-rate scheduler from the optimiser; stepped after every gradient step.
        num_particles: Draws from the guide per step.
        temperature: Temperature T of the whole posterior; below 1 it is cold.
        likelihood_temperature: Temperature T_l of the likelihood alone.
        early_stopping: When to stop before the steps are over; never by default.
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
        progress: bool = True,
    ) -> None:
        if num_steps is not None and num_epochs is not None:
            raise ValueError(f"give num_steps or num_epochs, not both ({num_steps} and {num_epochs})")
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
        self.num_particles, self.early_stopping, self.progress = num_particles, early_stopping, progress
        self.tempering = Tempering(temperature, likelihood_temperature)

    def fit(self, data: Data, batch_size: int | None = None, start: Posterior | None = None) -> Posterior:
        """Fit to data and return a snapshot of the result.

        Arguments:
            data: A pair (x, y) of tensors, a data set, or a `DataLoader`.
            batch_size: Size B of a batch of tensors; all data at once where nothing is said.
            start: An earlier posterior whose point estimates and buffers to go on from.

        Raises:
            ValueError: Data that do not fit the model; a guide built for another model.
        """
        data = batches(self.model, data, batch_size)
        stopping, held_out = self.early_stopping, None
        if stopping is not None:
            data, held_out = self._hold_out(data)
        scoped = ScopedGuide(self.guide)
        run = _Run(self, scoped, data, held_out, dict(start.state) if start is not None else {})
        with (
            scoped.scope(),
            pyro.validation_enabled(False),
            fitting(self.model),
            one_if_small(self.model.network, None if data.x is None else data.x[: data.size]),
        ):
            odd = sites_differ(self.model.latents, self.guide, self.model.reference)
            if odd:
                raise ValueError(f"the guide was built for another model: they differ at {odd}")
            info = run.go()
        state = run.detached_state() | self.model.frozen()
        return Posterior(self.model, state=state, info=info, scoped=scoped.snapshot(self.model))

    def _hold_out(self, data: Batches) -> tuple[Batches, tuple[Tensor, Tensor]]:
        if self.early_stopping.held_out is None:
            return data.split(self.early_stopping.fraction)
        return data, checked(self.model, *on_device(self.model, *self.early_stopping.held_out))

    def __repr__(self) -> str:
        length = f"num_steps={self.num_steps}" if self.num_steps else f"num_epochs={self.num_epochs}"
        return f"SVI({type(self.guide).__name__}, {length})"


class _Run:
    """One run: what changes while it goes on, and the last state in which all was well."""

    def __init__(
        self,
        engine: SVI,
        scoped: ScopedGuide,
        data: Batches,
        held_out: tuple[Tensor, Tensor] | None,
        state: dict[str, Tensor],
    ) -> None:
        self.engine, self.scoped, self.data, self.held_out = engine, scoped, data, held_out
        model = engine.model
        own = dict(model.network.named_parameters())
        self.points = {name: nn.Parameter(state.get(name, own[name]).detach().clone()) for name in model.plan.points}
        self.buffers = {name: state.get(name, value).detach().clone() for name, value in model.network.named_buffers()}
        self.state = {**self.points, **self.buffers}
        self.parameters = [*scoped.parameters(), *self.points.values()]
        if not self.parameters:
            raise ValueError("neither the guide nor the model has anything to optimise")
        self.kept = [*self.parameters, *self.buffers.values()]
        self.good = [tensor.detach().clone() for tensor in self.kept]
        self.losses: list[float] = []
        self.scores: list[float] = []

    def go(self) -> SVIInfo:
        """Take all steps, or as many as there are reasons for."""
        began, stopped, tempering = time.perf_counter(), "", self.engine.tempering
        total = self.engine.num_steps or self.engine.num_epochs * self.data.per_epoch
        with bar(total, repr(self.engine), self.engine.progress) as progress:
            try:
                for loss in self._steps(total):
                    progress.set_postfix_str(f"loss {loss:.4g} nats per datum", refresh=False)
                    progress.update()
                    stopped = self._reason_to_stop()
                    if stopped:
                        break
            except KeyboardInterrupt:
                stopped = f"interrupted after {len(self.losses)} of {total} steps"
                self._restore()
        if not stopped and not all(bool(torch.isfinite(parameter).all()) for parameter in self.parameters):
            stopped = f"the parameters were not finite after step {len(self.losses)}"
            self._restore()
        if stopped.startswith(("the loss", "the parameters")):
            warnings.warn(f"{stopped}; the parameters before that step are kept", stacklevel=4)
        if self.scores:
            self._restore()
        return SVIInfo(
            losses=torch.tensor(self.losses),
            bound=getattr(self.engine.guide, "bound", None) if tempering.is_off else False,
            num_steps=len(self.losses),
            num_parameters=sum(parameter.numel() for parameter in self.parameters),
            seconds=time.perf_counter() - began,
            stopped=stopped,
            held_out=self.scores,
            temperature=tempering.whole,
            likelihood_temperature=tempering.likelihood,
        )

    def _steps(self, total: int) -> Iterator[float]:
        optimizer = self.engine.optimizer(self.parameters, lr=self.engine.lr)
        scheduler = self.engine.scheduler(optimizer) if self.engine.scheduler is not None else None
        for x, y in self._endless(total):
            optimizer.zero_grad()
            loss = self._loss(x, y)
            loss.backward()
            value = loss.item()
            if not math.isfinite(value):
                self._restore()
                self.losses.append(value)
                yield value
                return
            if not self.scores:  # early stopping keeps the best instead
                self._keep()
            optimizer.step()
            if scheduler is not None:
                scheduler.step()
            self.losses.append(value)
            yield value

    def _endless(self, total: int) -> Iterator[tuple[Tensor, Tensor]]:
        done = 0
        while done < total:
            for batch in self.data.epoch():
                if done == total:
                    return
                done += 1
                yield batch

    def _loss(self, x: Tensor, y: Tensor) -> Tensor:
        engine, num_data, particles = self.engine, self.data.num_data, self.engine.num_particles
        with Given(self.state):
            total = sum(
                elbo(engine.model, engine.guide, x, y, tempering=engine.tempering, num_data=num_data)
                for _ in range(particles)
            )
        return -total / (particles * num_data)

    def _reason_to_stop(self) -> str:
        done, stopping = len(self.losses), self.engine.early_stopping
        if not math.isfinite(self.losses[-1]):
            return f"the loss was {self.losses[-1]} at step {done}"
        if stopping is None or done % stopping.every:
            return ""
        self.scores.append(self._held_out_score())
        best = min(range(len(self.scores)), key=self.scores.__getitem__)
        if best == len(self.scores) - 1:
            self._keep()
        elif len(self.scores) - 1 - best >= stopping.patience:
            return f"early stopping after {done} steps; the parameters are those of step {(best + 1) * stopping.every}"
        return ""

    def _held_out_score(self) -> float:
        model = self.engine.model
        shapes = {name: prior.shape() for name, prior in model.latents.items()}
        draws = draw(self.engine.guide, self.engine.early_stopping.num_samples, shapes)
        x, y = self.held_out
        prediction = Prediction(model.likelihood, outputs(model, draws, self.detached_state(), x), draws)
        return -prediction.log_prob(y).mean().item()

    def _keep(self) -> None:
        with torch.no_grad():
            torch._foreach_copy_(self.good, self.kept)

    def _restore(self) -> None:
        with torch.no_grad():
            torch._foreach_copy_(self.kept, self.good)

    def detached_state(self) -> dict[str, Tensor]:
        """Return copies of the point estimates and buffers."""
        return {name: value.detach().clone() for name, value in self.state.items()}
