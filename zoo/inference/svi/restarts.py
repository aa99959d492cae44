"""Several fits from different means, and the choice between them by the bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from zoo.inference.svi.rates import scales_of
from zoo.model import BayesianNetwork
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.runtime.param_scope import ScopedGuide

_SHARE = 0.05  # of the steps, the last ones, whose mean loss is compared


class Restarts:
    """The starts of several fits of one guide.

    A start has the means and point estimates of the first one, with the elements of each
    tensor in another order: if they were drawn independently, these are new draws.

    Arguments:
        model: The model, whose network is not changed.
        scoped: The guide, before its first fit.
        init: Initial values of point estimates and buffers by name.

    Raises:
        ValueError: The guide does not say which of its parameters are scales.
    """

    def __init__(
        self, model: BayesianNetwork, scoped: ScopedGuide, init: Mapping[str, Tensor]
    ) -> None:
        guide = scoped.guide
        if getattr(guide, "scale_parameters", None) is None:
            family = getattr(guide, "__name__", type(guide).__name__)
            raise ValueError(
                f"restarts need a guide that says which of its parameters are means, and {family} "
                "does not; write restarts=1"
            )

        self._model = model
        self._scoped = scoped
        self._init = init
        self._parameters = scoped.named_parameters()
        self._scales = scales_of(guide, self._parameters)
        self._first = _copies(self._parameters)

    def begin(self) -> dict[str, Tensor]:
        """Put the guide at a new start, and return values of point estimates and buffers."""
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                value = self._first[name]
                is_mean = name not in self._scales
                parameter.copy_(_in_another_order(value) if is_mean else value)

        network = dict(self._model.network.named_parameters())
        values = dict(self._init)
        for name in self._model.plan.points:
            value = values.get(name, network[name])
            values[name] = _in_another_order(value.detach())

        return values

    def best(self, fits: Sequence[GuidePosterior]) -> GuidePosterior:
        """Return the best of several fits, and put the guide at it."""
        scores = [_score(each) for each in fits]
        found = fits[scores.index(min(scores))]
        found.info.restarts = scores
        self._scoped.load(found.scoped.tensors())

        last = fits[-1]
        if last.info.error is not None and last is not found:
            found.info.error = last.info.error
            found.info.stopped = f"restart {len(fits) - 1}: {last.info.stopped}"

        return found


def _score(posterior: GuidePosterior) -> float:
    """Return the final loss of a fit, or its best score on held-out data; lower is better."""
    info = posterior.info
    if info.held_out:
        return min(info.held_out)

    number = max(1, round(_SHARE * len(info.losses)))
    last = info.losses[-number:]

    return last.double().mean().nan_to_num(nan=float("inf")).item()


def _in_another_order(value: Tensor) -> Tensor:
    """Return a tensor with its elements in a random order."""
    order = torch.randperm(value.numel()).to(value.device)
    return value.flatten()[order].reshape(value.shape)


def _copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in tensors.items()}
