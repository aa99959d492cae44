"""The posterior of a sampler that kept function values at given inputs, and no weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from torch import Tensor

from zoo.model import BayesianNetwork
from zoo.posterior.concatenation import Dim, axis_of, check_same_tensors, joined
from zoo.posterior.draw_source import FunctionValues
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.info import MCMCInfo, RunInfo
from zoo.posterior.input_batches import InputBatch, on_device_of
from zoo.posterior.posterior import Posterior
from zoo.posterior.storage import prefixed
from zoo.predictive.inputs import place_inputs
from zoo.predictive.prediction import Prediction
from zoo.runtime.rows import (
    Column,
    Rows,
    concatenate,
    is_same,
    named_tensors,
    num_rows,
    tensors_of,
)

_VALUES = "functions:values"  # no site has such a name


class FunctionPosterior(DrawsPosterior):
    """Function values at fixed inputs, with draws of the likelihood's noise alone.

    Arguments:
        model: The model.
        functions: Inputs (N, ...) and the network's outputs there (C, S, N, ...).
        draws: Values (C, S, *shape) of the likelihood's sites, none if nothing there is
            random.
        state: Point estimates, frozen weights and buffers by name.
        info: Statistics of the run.
        masks: Which weights of a site are left after pruning, by the site's name.

    Example:
        >>> truth = zoo.references.load("sinusoid").posterior
        >>> x, values = truth.functions
        >>> values.shape, truth.predict(x, num_samples=100).mean.shape  # at no other inputs
        (torch.Size([8, 200, 61, 1]), torch.Size([61, 1]))
    """

    def __init__(
        self,
        model: BayesianNetwork,
        *,
        functions: tuple[Rows, Tensor],
        draws: Mapping[str, Tensor],
        state: Mapping[str, Tensor],
        info: MCMCInfo | None,
        masks: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__(model, draws=draws, state=state, info=info, masks=masks)
        self._functions = FunctionValues(*functions)

    @property
    def functions(self) -> FunctionValues:
        """The inputs, and the function values there under every draw."""
        return self._functions

    @property
    def _stored(self) -> Tensor:
        return self._functions.values

    def stored(self) -> dict[str, Tensor]:
        """Return everything that has a value for each draw, (C, S, ...) by name."""
        return super().stored() | {_VALUES: self._functions.values}

    def with_stored(
        self, stored: Mapping[str, Tensor], info: RunInfo | None
    ) -> FunctionPosterior:
        """Return a posterior of the same model with other draws; see `DrawsPosterior`."""
        draws = dict(stored)
        values = draws.pop(_VALUES)
        other = cast(FunctionPosterior, super().with_stored(draws, info))
        other._functions = FunctionValues(self._functions.x, values)

        return other

    def _predict_at(
        self,
        batches: Iterable[InputBatch],
        num_samples: int | None,
        mode: Mapping[str, Tensor] | None,
        progress: bool,
    ) -> Prediction:
        """Predict with the stored function values; there is nothing to compute."""
        parts = list(batches)
        x = concatenate([part.x for part in parts])
        given = concatenate([part.given for part in parts])
        noise = on_device_of(self.sample(num_samples), x)
        outputs = self._thinned(self._values_at(x), num_samples)
        outputs = outputs.to(tensors_of(x)[0].device)

        return Prediction(self.model.likelihood, outputs, noise, given=given)

    def predict_with(
        self, draws: Mapping[str, Tensor], x: Rows, **given: Column
    ) -> Prediction:
        """Predict with all stored draws at the inputs of the stored function values."""
        return self.predict(x, **given)

    def _values_at(self, x: Rows) -> Tensor:
        """Return the stored values (C, S, N, ...), or refuse other inputs."""
        known = place_inputs(self.model, self._functions.x)
        if not is_same(x, known):
            number = num_rows(known)
            raise ValueError(
                f"this posterior has no weights, only function values at {number} inputs; "
                "predict at exactly these, posterior.functions[0], or sample again without "
                "functions_at"
            )

        return self._functions.values

    def require_weights(self, purpose: str) -> BayesianNetwork:
        """Refuse what needs weights."""
        raise ValueError(
            f"{purpose}, but this posterior has no weights, only function values; "
            "sample again without functions_at"
        )

    def _followed_by(self, others: Sequence[Any], dim: Dim) -> Posterior:
        every = [self, *others]
        inputs = []
        for each in every:
            leaves = tensors_of(each.functions.x)
            inputs.append({str(number): leaf for number, leaf in enumerate(leaves)})

        check_same_tensors("inputs of their function values", inputs)
        draws, info = self._joined(others, dim)
        values = joined([{"f": each.functions.values} for each in every], axis_of(dim))

        return FunctionPosterior(
            self.model,
            functions=(self.functions.x, values["f"]),
            draws=draws,
            state=self.state,
            info=info,
            masks=self.masks,
        )

    def tensors(self) -> dict[str, Tensor]:
        """Return the draws, the inputs and the function values, as the file holds them."""
        x, values = self._functions
        functions = {**named_tensors(x, "inputs"), "values": values}
        return super().tensors() | prefixed("functions/", functions)
