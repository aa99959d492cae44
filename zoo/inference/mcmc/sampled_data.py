"""The data of a sampler's run: all at once, as arguments of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from zoo.data import BatchForm, Columns, Data, full
from zoo.data.columns import are_uneven
from zoo.data.table_names import names_of_inputs
from zoo.model import BayesianNetwork
from zoo.runtime.programs import PyroProgram
from zoo.runtime.rows import Rows, num_rows


@dataclass(frozen=True)
class SampledData:
    """The arguments of a model, and what they were taken from.

    Arguments:
        arguments: Arguments of the model: inputs and targets of one of the zoo's, and the
            number of data N if the user says it.
        form: Which part of a batch of the data were the inputs.
        inputs: Inputs of one of the zoo's models, or all arguments of another.
        num_data: Number of data N of one of the zoo's models, else 1.
        is_weighted: Whether some data have weights that are neither 0 nor 1.
    """

    arguments: tuple[Any, ...]
    form: BatchForm
    inputs: Rows
    num_data: int = 1
    is_weighted: bool = False

    @property
    def generators(self) -> Sequence[torch.Generator]:
        """Generators that the user gave to a loader, and that batches come from."""
        return ()

    def described(self) -> dict[str, str] | None:
        """Return the data as text by name; None if the arguments are all of them."""
        return None


def sampled_data(
    model: BayesianNetwork | PyroProgram,
    data: Data | tuple[Any, ...],
    *,
    target: str | None,
    weights: Any,
    num_data: int | None,
    given: Mapping[str, Any],
) -> SampledData:
    """Return the data of a run; the arguments are those of `AllDataEngine.fit`.

    Raises:
        ValueError: The data do not fit the model.
        TypeError: Data of another form, or what another Pyro model does not have.
    """
    if isinstance(model, BayesianNetwork):
        columns = Columns.of(model, target, weights, given)
        x, y = full(model, data, columns, num_data)
        arguments = (x, y) if num_data is None else (x, y, num_data)

        form = BatchForm.of(x, given, names_of_inputs(data))

        number = num_rows(x) if num_data is None else num_data

        return SampledData(arguments, form, x, number, are_uneven(y))

    if given or not (target is None and weights is None and num_data is None):
        raise TypeError(
            "target, weights, num_data and known quantities are of a zoo.BayesianNetwork; give "
            "a Pyro model what it needs in the tuple of its arguments"
        )

    if not isinstance(data, tuple):
        kind = type(data).__name__
        raise TypeError(
            f"data must be the tuple of the model's arguments, such as (x, y), not {kind}"
        )

    return SampledData(data, BatchForm(), data)


def device_of(model: BayesianNetwork | PyroProgram) -> torch.device:
    """Return the device that a model draws random numbers on."""
    if isinstance(model, BayesianNetwork):
        return model.first_parameter.device

    return torch.get_default_device()
