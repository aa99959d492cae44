"""What changes in a run of SVI: parameters, buffers, optimiser and history."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from zoo.inference.fit_kind import Verdict
from zoo.inference.svi.held_out import HeldOutScores
from zoo.inference.svi.optimizers import build_optimizer, build_scheduler
from zoo.inference.svi.options import SVIOptions
from zoo.inference.svi.steps import OptimizerSteps
from zoo.model import BayesianNetwork
from zoo.runtime.param_scope import ScopedGuide


class TrainingState:
    """The parameters, the buffers, the optimiser and the history of a run of SVI.

    Arguments:
        model: The model, which gives the point estimates and buffers.
        scoped: The guide.
        options: The settings of the run.
        init: Initial values of point estimates and buffers by name; what it does not
            name starts at the value of the network.

    Raises:
        ValueError: Neither the guide nor the model has a parameter.
    """

    def __init__(
        self,
        model: BayesianNetwork,
        scoped: ScopedGuide,
        options: SVIOptions,
        init: Mapping[str, Tensor],
    ) -> None:
        self.points = _initial_points(model, init)
        self.buffers = _initial_buffers(model, init)
        guide_parameters = scoped.named_parameters()
        named = {**guide_parameters, **self.points}
        self.parameters = [*guide_parameters.values(), *self.points.values()]
        if not self.parameters:
            raise ValueError(
                "neither the guide nor the model has a parameter to optimise"
            )

        self.tensors: list[Tensor] = [*self.parameters, *self.buffers.values()]
        self.last_good = [tensor.detach().clone() for tensor in self.tensors]

        rates = options.rates(scoped.guide, named)
        self.optimizer = build_optimizer(options.optimizer, named, options.lr, rates)
        self.scheduler = build_scheduler(
            options.made_scheduler,
            options.optimizer,
            self.optimizer,
            options.total_steps,
        )
        self.steps = OptimizerSteps(
            self.optimizer, self.scheduler, self.parameters, options.per_epoch
        )

        self.precision = ""  # of products, empty before the first step
        self.loss_history: list[float] = []
        self.held_out_scores = HeldOutScores()
        self.verdict = Verdict()
        self.seconds_before = 0.0  # those of a resumed run before it stopped
        self._began = time.perf_counter()

    @property
    def num_steps(self) -> int:
        """Number of gradient steps so far."""
        return len(self.loss_history)

    @property
    def seconds(self) -> float:
        """Seconds so far, those before an interruption included."""
        return self.seconds_before + time.perf_counter() - self._began

    @property
    def is_finite(self) -> bool:
        """Whether all parameters are finite."""
        checks = [torch.isfinite(parameter).all() for parameter in self.parameters]
        return all(bool(check) for check in checks)

    @property
    def values(self) -> dict[str, Tensor]:
        """The point estimates and buffers by name, shared with the run."""
        return {**self.points, **self.buffers}

    def copied_values(self) -> dict[str, Tensor]:
        """Return copies of the point estimates and buffers by name."""
        return {name: value.detach().clone() for name, value in self.values.items()}

    def save_good(self) -> None:
        """Copy the present parameters and buffers to `last_good`."""
        with torch.no_grad():
            torch._foreach_copy_(self.last_good, self.tensors)

    def restore_good(self) -> None:
        """Set the parameters and buffers to the values in `last_good`."""
        with torch.no_grad():
            torch._foreach_copy_(self.tensors, self.last_good)

    @contextmanager
    def at_best(self) -> Iterator[None]:
        """Have the best parameters of early stopping in a `with` block, if there are scores."""
        if not self.held_out_scores.values:
            yield
            return

        present = [tensor.detach().clone() for tensor in self.tensors]
        self.restore_good()
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(self.tensors, present)

    def clear_gradients(self) -> None:
        """Remove the gradients of all parameters."""
        for parameter in self.parameters:
            parameter.grad = None


def _initial_points(
    model: BayesianNetwork, init: Mapping[str, Tensor]
) -> dict[str, nn.Parameter]:
    """Return a parameter for each point estimate and each learned hyperparameter."""
    network = dict(model.network.named_parameters())
    starts = {name: network[name] for name in model.plan.points}
    starts |= model.plan.learned(model.network)

    points = {}
    for name, start in starts.items():
        value = init.get(name, start)
        points[name] = nn.Parameter(value.detach().clone())
    return points


def _initial_buffers(
    model: BayesianNetwork, init: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return a copy of each buffer."""
    copies = {}
    for name, own in model.network.named_buffers():
        value = init.get(name, own)
        copies[name] = value.detach().clone()
    return copies
