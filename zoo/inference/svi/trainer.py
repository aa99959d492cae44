"""The way down of stochastic variational inference: steps, the last good state, and reasons to stop."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from zoo.data import Batches
from zoo.inference.svi.checkpoint import TrainerCheckpoint
from zoo.inference.svi.elbo import elbo
from zoo.posterior.info import SVIInfo
from zoo.predictive.drawing import draw_sites
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.prediction import Prediction
from zoo.runtime.caller import stack_level
from zoo.runtime.effects import Substitute
from zoo.runtime.memory_format import channels_last, takes_channels_last
from zoo.runtime.modes import evaluation_mode
from zoo.runtime.param_scope import ScopedGuide
from zoo.runtime.progress import bar
from zoo.tracing.traced import Traced

if TYPE_CHECKING:
    from zoo.inference.svi.svi import SVI


class Trainer:
    """One run of SVI: what changes while it goes on, and the last state in which all was well."""

    def __init__(
        self,
        engine: SVI,
        scoped: ScopedGuide,
        data: Batches,
        held_out: tuple[Tensor, Tensor] | None,
        state: dict[str, Tensor],
    ) -> None:
        self.engine, self.scoped, self.data, self.held_out = (
            engine,
            scoped,
            data,
            held_out,
        )
        model = engine.model
        own = dict(model.network.named_parameters())
        self.points = {
            name: nn.Parameter(state.get(name, own[name]).detach().clone())
            for name in model.plan.points
        }
        self.buffers = {
            name: state.get(name, value).detach().clone()
            for name, value in model.network.named_buffers()
        }
        self.state = {**self.points, **self.buffers}
        self.parameters = [*scoped.parameters(), *self.points.values()]
        if not self.parameters:
            raise ValueError("neither the guide nor the model has anything to optimise")
        self.kept = [*self.parameters, *self.buffers.values()]
        self.good = [tensor.detach().clone() for tensor in self.kept]
        self.losses: list[float] = []
        self.scores: list[float] = []
        self.total = engine.num_steps or engine.num_epochs * data.per_epoch
        self.reached: list[nn.Parameter] = []
        self.channels_last = False
        self.optimizer = fused(engine.optimizer)(self.parameters, lr=engine.lr)
        self.scheduler = (
            engine.scheduler(self.optimizer) if engine.scheduler is not None else None
        )
        self.began, self.spent = time.perf_counter(), 0.0
        self.checkpoint: TrainerCheckpoint | None = None

    @property
    def seconds(self) -> float:
        """Seconds so far, those before an interruption included."""
        return self.spent + time.perf_counter() - self.began

    def go(self) -> SVIInfo:
        """Take all steps, or as many as there are reasons for."""
        stopped, tempering = "", self.engine.tempering
        total, step = self.total, self.step()
        if self.engine.checkpoint is not None:  # now, for it sets the random generator
            self.checkpoint = TrainerCheckpoint(Path(self.engine.checkpoint), self)
        with bar(total, repr(self.engine), self.engine.progress) as progress:
            progress.update(len(self.losses))
            try:
                for loss in self._steps(step):
                    progress.set_postfix_str(
                        f"loss {loss:.4g} nats per datum", refresh=False
                    )
                    progress.update()
                    stopped = self._reason_to_stop()
                    if stopped:
                        break
            except KeyboardInterrupt:
                stopped = f"interrupted after {len(self.losses)} of {total} steps"
                self._restore()
        if not stopped and not all(
            bool(torch.isfinite(parameter).all()) for parameter in self.parameters
        ):
            stopped = f"the parameters were not finite after step {len(self.losses)}"
            self._restore()
        if stopped.startswith(("the loss", "the parameters")):
            warnings.warn(
                f"{stopped}; the parameters before that step are kept",
                stacklevel=stack_level(),
            )
        if self.checkpoint is not None and len(self.losses) == total and not stopped:
            self.checkpoint.write(last=True)
        if self.scores:
            self._restore()
        for parameter in self.parameters:
            parameter.grad = None
        bounds = tempering.is_off and self.engine.model.likelihood.bound
        return SVIInfo(
            losses=torch.tensor(self.losses),
            bound=getattr(self.engine.guide, "bound", None) if bounds else False,
            num_steps=len(self.losses),
            num_parameters=sum(parameter.numel() for parameter in self.parameters),
            seconds=self.seconds,
            stopped=stopped,
            held_out=self.scores,
            compiled=step.how,
            seconds_tracing=step.seconds,
            temperature=tempering.whole,
            likelihood_temperature=tempering.likelihood,
        )

    def step(self) -> Traced:
        """Return what gives loss and gradients, run as the engine says."""
        buffers = list(self.buffers.values())
        return Traced(
            self._loss_and_gradient,
            compile=self.engine.compile,
            calls=self.total,
            writes=buffers,
            overwrite=True,
        )

    def _steps(self, step: Traced) -> Iterator[float]:
        optimizer, scheduler = self.optimizer, self.scheduler
        optimizer.zero_grad()
        for number, (x, y) in enumerate(self._endless()):
            if number == 0:
                self.channels_last = self._channels_last(x)
            loss, *slopes = step(x, y)
            value = loss.item()
            if not math.isfinite(value):
                self._restore()
                self.losses.append(value)
                yield value
                return
            for parameter, slope in zip(self.reached, slopes, strict=True):
                parameter.grad = slope
            if not self.scores:  # early stopping keeps the best instead
                self._keep()
            optimizer.step()
            if scheduler is not None:
                scheduler.step()
            self.losses.append(value)
            yield value

    def _endless(self) -> Iterator[tuple[Tensor, Tensor]]:
        done = len(self.losses)
        while done < self.total:
            if self.checkpoint is not None:
                self.checkpoint.write()
            for batch in self.data.epoch():
                if done == self.total:
                    return
                done += 1
                yield batch

    def _channels_last(self, x: Tensor) -> bool:
        model = self.engine.model
        evaluate = partial(model.output, model.plan.inits(model.network))
        with evaluation_mode(model.network):
            return takes_channels_last(model.network, evaluate, x)

    def _loss_and_gradient(self, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        """Return the loss and the gradients of the parameters that it reaches; an optimiser leaves others alone."""
        loss = self._loss(x, y)
        slopes = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        pairs = [
            pair
            for pair in zip(self.parameters, slopes, strict=True)
            if pair[1] is not None
        ]
        self.reached = [parameter for parameter, _ in pairs]
        return loss.detach(), *apart([slope for _, slope in pairs])

    def _loss(self, x: Tensor, y: Tensor) -> Tensor:
        engine, num_data, particles = (
            self.engine,
            self.data.num_data,
            self.engine.num_particles,
        )
        x = channels_last(x) if self.channels_last else x
        with Substitute(self.state):
            total = sum(
                elbo(
                    engine.model,
                    engine.guide,
                    x,
                    y,
                    tempering=engine.tempering,
                    num_data=num_data,
                )
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
        draws = draw_sites(
            self.engine.guide, self.engine.early_stopping.num_samples, shapes
        )
        x, y = self.held_out
        prediction = Prediction(
            model.likelihood,
            evaluate_draws(model, draws, self.detached_state(), x),
            draws,
        )
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


def apart(tensors: list[Tensor]) -> list[Tensor]:
    """Give each gradient memory of its own, which an optimiser may write to: a sum hands one tensor to both sides."""
    seen, own = set(), []
    for tensor in tensors:
        storage = tensor.untyped_storage()
        whole = storage.nbytes() == tensor.numel() * tensor.element_size()
        own.append(
            tensor
            if whole and storage._cdata not in seen
            else tensor.clone(memory_format=torch.contiguous_format)
        )
        seen.add(storage._cdata)
    return own


def fused(
    optimizer: Callable[..., torch.optim.Optimizer],
) -> Callable[..., torch.optim.Optimizer]:
    """Let torch's Adam step through all parameters in one kernel, which it does not do by itself."""
    return (
        partial(optimizer, fused=True) if optimizer is torch.optim.Adam else optimizer
    )
