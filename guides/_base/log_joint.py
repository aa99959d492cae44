"""The log joint density of a Pyro model, as a function of the values of its latent sites."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyro
from pyro import poutine
from pyro.poutine.messenger import Messenger
from torch import Tensor

from guides._base.program import PyroModel
from guides._base.remembered import Remembered


class Joint:
    """The log joint density of a model and the data that a guide remembers.

    A copy of the guide shares the model, which is not part of it.

    Arguments:
        model: The model.
    """

    def __init__(self, model: PyroModel) -> None:
        self.model = model

    def __deepcopy__(self, memo: dict) -> Joint:
        return self

    def stated(
        self, values: Mapping[str, Tensor], data: Remembered
    ) -> dict[str, Tensor]:
        """Return the values of the parameters and buffers that the model states, by name.

        Inside a transform such as `torch.func.grad` a model cannot state a parameter.

        Arguments:
            values: A value of each latent site by name.
            data: The model's arguments.
        """
        recorder = _Recorder()
        self._trace(values, data, recorder)

        return recorder.values

    def log_prob(
        self,
        values: Mapping[str, Tensor],
        data: Remembered,
        stated: Mapping[str, Tensor],
    ) -> Tensor:
        """Return the log joint density, (), without an effect outside.

        Arguments:
            values: A value of each latent site by name.
            data: The model's arguments.
            stated: Values of parameters and buffers by name.
        """
        trace = self._trace(values, data, _Given(stated))

        total: Tensor | float = 0.0
        for node in trace.nodes.values():
            if node["type"] == "sample" and not poutine.util.site_is_subsample(node):
                total = total + node["log_prob_sum"]

        return total

    def _trace(
        self, values: Mapping[str, Tensor], data: Remembered, effects: Messenger
    ) -> poutine.Trace:
        """Run the model at given values, and compute the log density of each site."""
        args, kwargs = data.arguments()
        conditioned = poutine.condition(self.model, data=dict(values))
        hidden = poutine.block(hide_types=["sample", "observe"])
        with hidden, effects, pyro.validation_enabled(False):
            trace = poutine.trace(conditioned).get_trace(*args, **kwargs)
            trace.compute_log_prob()

        return trace


class _Recorder(Messenger):
    """Note the parameters and buffers that a model states."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, Tensor] = {}

    def _pyro_post_param(self, message: Any) -> None:
        self.values[message["name"]] = message["value"]

    def _pyro_post_buffer(self, message: Any) -> None:
        message["value"] = message["value"].clone()  # a layer may write to it
        self.values[message["name"]] = message["value"]


class _Given(Messenger):
    """Give parameters and buffers their values, so that a model states none."""

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.values = values

    def _pyro_param(self, message: Any) -> None:
        self._give(message)

    def _pyro_buffer(self, message: Any) -> None:
        self._give(message)

    def _give(self, message: Any) -> None:
        value = self.values.get(message["name"])
        if value is not None:
            message["value"] = value.clone()
            message["done"] = True
            message["stop"] = True
