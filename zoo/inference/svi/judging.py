"""The judgement of a finished run of SVI: gradients of the scales at its last parameters."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from zoo.data import Batches
from zoo.inference.fit_kind import Refits, Verdict, fit_kind, num_evaluations
from zoo.inference.natural_gradients import NUM_BLOCKS, NaturalGradients
from zoo.inference.svi.objective import BatchLoss
from zoo.inference.svi.state import TrainingState
from zoo.inference.tempering import Tempering
from zoo.model import BayesianNetwork
from zoo.posterior.bound import Bound, bound_of_batches, draw_with_divergences
from zoo.runtime.param_scope import ScopedGuide
from zoo.runtime.rows import Structure
from zoo.tracing.trial import Trial

_MOST_BYTES = 2**26  # of recent batches
_FLATTEST = 0.05  # derivative of a log scale, below which the scale is at its ceiling

GradientStep = Callable[..., tuple[Tensor, ...]]
"""Takes the tensors of a batch, and returns the loss and the gradient of each parameter."""


@runtime_checkable
class HasScales(Protocol):
    """A guide with normals, whose means and scales it names."""

    def log_scales(self) -> dict[str, Tensor]:
        """Return log standard deviations by the name of their parameter."""
        ...

    def scales_of_means(self) -> dict[str, Tensor]:
        """Return standard deviations by the name of the parameter of the mean."""
        ...


class Judge:
    """Says what a run of any engine is when it has taken its steps, and leaves it as it was.

    It keeps the last batches of the run, as many as fit into 64 MiB and at most eight.

    Arguments:
        model: The model.
        data: Batches of the data.
        tempering: Temperatures of the posterior.
    """

    def __init__(
        self, model: BayesianNetwork, data: Batches, tempering: Tempering
    ) -> None:
        self.model = model
        self.data = data
        self.tempering = tempering
        self._recent: deque[tuple[Sequence[Tensor], Structure]] = deque()

    def add(self, tensors: Sequence[Tensor], structure: Structure) -> None:
        """Keep a batch.

        Arguments:
            tensors: The tensors of the batch (x, y).
            structure: What it is besides them.
        """
        num_bytes = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        most = min(NUM_BLOCKS, max(1, _MOST_BYTES // max(1, num_bytes)))
        while len(self._recent) >= most:
            self._recent.popleft()

        self._recent.append((tensors, structure))

    def verdict(
        self,
        run: TrainingState,
        scoped: ScopedGuide,
        step: GradientStep | None = None,
    ) -> Verdict:
        """Say what the run is, and give its bound; nothing if the guide has no bound.

        Arguments:
            run: The state of the run, with its point estimates and buffers.
            scoped: The guide, with the parameters that its posterior will have.
            step: Returns the loss of a batch, and its gradient by each parameter of the
                guide; None for that of SVI.
        """
        is_of_the_data = self.model.likelihood.bound and not self.data.is_weighted
        has_bound = getattr(scoped.guide, "bound", None) is True
        if not (has_bound and is_of_the_data and self._recent):
            return Verdict()

        state = run.values
        number = num_evaluations(run.num_steps)
        if number == 0 and not self._is_fixed(scoped):
            return fit_kind(self.tempering, None, self.data.num_data)

        with Trial(list(state.values())).undone():
            refits = self._refits(scoped, step or self._step(scoped, state), number)
            value, error = self._bound(scoped, state, number)

        found = fit_kind(self.tempering, refits, self.data.num_data)

        return found.with_bound(value, error)

    def _step(self, scoped: ScopedGuide, state: Mapping[str, Tensor]) -> GradientStep:
        """Return the function of a gradient step of SVI, in single precision."""
        return BatchLoss(
            model=self.model,
            guide=scoped.guide,
            state=state,
            parameters=scoped.parameters(),
            num_data=self.data.num_data,
            num_particles=1,
            tempering=self.tempering,
            channels_last=False,
            structure=self._recent[0][1],
        )

    def _refits(
        self, scoped: ScopedGuide, step: GradientStep, number: int
    ) -> Refits | None:
        """Return what refits would gain, None for a guide of which it is not known."""
        if self._is_fixed(scoped):
            return Refits()

        names = list(scoped.named_parameters())
        first = self._gradients(step, names, 0)
        derivatives = _fitted(_derivatives(scoped, names), first)
        units = _fitted(_units(scoped, names), first)
        if not derivatives:
            return None

        of_scales = NaturalGradients([each.numel() for each in derivatives.values()])
        of_means = NaturalGradients([each.numel() for each in units.values()])
        num_data = self.data.num_data
        for index in range(number):
            gradients = self._gradients(step, names, index) if index else first
            for_scales = []
            for name, derivative in derivatives.items():
                for_scales.append(num_data * _over(gradients[name], derivative))

            of_scales.add(for_scales)
            if units:
                for_means = [gradients[name] * units[name] for name in units]
                of_means.add([num_data * each for each in for_means])

        means = of_means.gain_of_means() if units else None

        return Refits(of_scales.gain_of_scales(), means)

    def _gradients(
        self, step: GradientStep, names: Sequence[str], index: int
    ) -> dict[str, Tensor]:
        """Return the gradient of each parameter of the guide on one of the last batches."""
        tensors, _ = self._recent[index % len(self._recent)]

        return dict(zip(names, step(*tensors)[1:], strict=False))

    def _is_fixed(self, scoped: ScopedGuide) -> bool:
        """Return whether nothing at all was fitted."""
        plan = self.model.plan
        if plan.points or plan.learned(self.model.network):
            return False

        return not any(parameter.numel() for parameter in scoped.parameters())

    def _bound(
        self, scoped: ScopedGuide, state: Mapping[str, Tensor], number: int
    ) -> Bound:
        """Return the bound, from the last batches."""
        trained = self.model.plan.with_padding(self.model.network, state)
        batches = []
        for index in range(NUM_BLOCKS):
            tensors, structure = self._recent[index % len(self._recent)]
            batches.append(structure.build(tensors))

        return bound_of_batches(
            self.model,
            trained | self.model.frozen(),
            batches,
            self.data.num_data,
            max(1, number // NUM_BLOCKS),
            partial(draw_with_divergences, self.model, scoped, trained),
        )


def _derivatives(scoped: ScopedGuide, names: Sequence[str]) -> dict[str, Tensor]:
    """Return d log scale / d parameter of each element, by the name of the parameter."""
    if not isinstance(scoped.guide, HasScales):
        return {}

    parameters = scoped.named_parameters()
    with torch.enable_grad():
        log_scales = scoped.guide.log_scales()
        trained = [name for name in log_scales if name in names]
        if not trained:
            return {}

        total = torch.stack([log_scales[name].sum() for name in trained]).sum()
        found = torch.autograd.grad(total, [parameters[name] for name in trained])

    return dict(zip(trained, found, strict=True))


def _units(scoped: ScopedGuide, names: Sequence[str]) -> dict[str, Tensor]:
    """Return √2 times the standard deviation of each element of a mean, by its parameter."""
    if not isinstance(scoped.guide, HasScales):
        return {}

    found = {}
    with torch.no_grad():
        for name, scale in scoped.guide.scales_of_means().items():
            if name in names:
                found[name] = math.sqrt(2) * scale

    return found


def _fitted(
    values: Mapping[str, Tensor], gradients: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the values of parameters that have a gradient: the run does not move others."""
    return {name: each for name, each in values.items() if gradients[name].numel()}


def _over(gradient: Tensor, derivative: Tensor) -> Tensor:
    """Return the gradient by log scales; 0 for a scale at its ceiling.

    Arguments:
        gradient: The gradient by the parameters that scales are made of.
        derivative: That of the log scales by these parameters.
    """
    is_free = derivative > _FLATTEST

    return torch.where(is_free, gradient / derivative.clamp_min(_FLATTEST), 0.0)
