"""What changes in a run of SVI: parameters, buffers, optimiser and history."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import compress

import torch
from torch import Tensor, nn

from zoo.inference.fit_kind import Verdict
from zoo.inference.svi.averaging import averaging_of
from zoo.inference.svi.held_out import HeldOutScores
from zoo.inference.svi.optimizers import build_optimizer, build_scheduler
from zoo.inference.svi.options import SVIOptions
from zoo.inference.svi.phases import Phase
from zoo.inference.svi.rates import scales_of
from zoo.inference.svi.steps import OptimizerSteps
from zoo.model import BayesianNetwork
from zoo.runtime.param_scope import ScopedGuide
from zoo.runtime.programs import PyroProgram


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

        self._is_scale = _which(scales_of(scoped.guide, guide_parameters), named)
        self.optimised = self._optimised(scoped.guide, named, options.scales_only)
        rates = options.rates(scoped.guide, self.optimised)
        self.optimizer = build_optimizer(
            options.optimizer, self.optimised, options.lr, rates
        )
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
        weights = list(guide_parameters.values())
        others = self.tensors[len(weights) :]
        self.averaging = averaging_of(
            weights, others, options.average, options.total_steps
        )
        self.loss_history: list[float] = []
        self.held_out_scores = HeldOutScores()
        self.verdict = Verdict()
        self.seconds_before = 0.0  # those of a resumed run before it stopped
        self._began = time.perf_counter()

    def _optimised(
        self, guide: PyroProgram, named: Mapping[str, Tensor], scales_only: bool
    ) -> dict[str, Tensor]:
        """Return the parameters that the run changes by name, all or the scales alone."""
        if not scales_only:
            return dict(named)

        chosen = compress(named.items(), self._is_scale)
        optimised = dict(chosen)
        if not optimised:
            family = getattr(guide, "__name__", type(guide).__name__)
            raise ValueError(
                f"scales_only needs a guide that declares its scales, which {family} does not; "
                "write guides.MeanField(model), or omit scales_only"
            )

        return optimised

    def moved_in(self, phase: Phase) -> list[bool]:
        """Return whether each parameter is changed in a part of the run."""
        optimised = {id(parameter) for parameter in self.optimised.values()}
        moved = []
        for parameter, is_scale in zip(self.parameters, self._is_scale, strict=True):
            is_resting = phase.is_deterministic and is_scale
            moved.append(id(parameter) in optimised and not is_resting)

        return moved

    @property
    def num_parameters(self) -> int:
        """The number of elements that the optimiser changes."""
        return sum(parameter.numel() for parameter in self.optimised.values())

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
        """Have the parameters that the posterior will have in a `with` block.

        These are the best ones of early stopping if there are scores, else the average.
        """
        if not self.held_out_scores.values:
            with self.averaging.shown():
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


def _which(chosen: Collection[str], names: Iterable[str]) -> list[bool]:
    """Return whether each name is among the chosen ones."""
    return [name in chosen for name in names]


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
