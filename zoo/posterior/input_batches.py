"""The inputs of a prediction: all at once, or batch by batch from a loader."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, SequentialSampler

from zoo.data import BatchForm
from zoo.data.table_names import in_order
from zoo.model import BayesianNetwork
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.inputs import place_inputs
from zoo.predictive.known import place_known, refuse_unknown
from zoo.predictive.prediction import Prediction
from zoo.runtime.caller import stack_level
from zoo.runtime.rows import Rows, concatenate, tensors_of

_BATCH = 256  # data of a data set that are read at once


class InputBatch(NamedTuple):
    """Inputs on the model's device, and what is known of each datum.

    Arguments:
        x: Inputs (B, ...).
        given: Known quantities (B, ...) by the likelihood's name, None if there are none.
    """

    x: Rows
    given: dict[str, Tensor] | None


def input_batches(
    model: BayesianNetwork, x: Any, form: BatchForm, given: Mapping[str, Any]
) -> Iterator[InputBatch]:
    """Give the inputs of a prediction in order, those of a loader batch by batch.

    Arguments:
        model: The model that predicts.
        x: Inputs, a data set or a `DataLoader`.
        form: Which part of a batch are the inputs.
        given: Known quantities (N, ...) by the likelihood's name; for a loader, their keys.

    Raises:
        ValueError: A loader that omits data, or a batch of another form than in the fit.
        TypeError: A known quantity that the likelihood does not ask for.
    """
    refuse_unknown(model.likelihood, "predict", given)
    if isinstance(x, Dataset) and not isinstance(x, DataLoader):
        x = DataLoader(x, _BATCH)

    like = model.first_parameter
    if not isinstance(x, DataLoader):
        x = in_order(x, form.names)
        yield InputBatch(place_inputs(model, x), place_known(given, like))
        return

    _check_order(x)
    form = form.naming(given)
    for batch in x:
        inputs = place_inputs(model, form.inputs_of(model, batch))
        known = form.given_of(batch, model.likelihood.given)
        yield InputBatch(inputs, place_known(known, like))


def _check_order(loader: DataLoader) -> None:
    """Refuse a loader that omits data, and warn if it gives them in random order."""
    if loader.drop_last:
        raise ValueError(
            "a prediction needs all data, but this DataLoader drops its last batch; write "
            "drop_last=False"
        )

    sampler: Any = loader.batch_sampler
    if isinstance(sampler, BatchSampler):
        sampler = sampler.sampler

    is_random = sampler is not None and not isinstance(sampler, SequentialSampler)
    if is_random and "Random" in type(sampler).__name__:
        warnings.warn(
            "this DataLoader gives its data in random order, and so does the prediction; write "
            "shuffle=False for the order of the data set",
            stacklevel=stack_level(),
        )


def predict_in_batches(
    model: BayesianNetwork,
    draws: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    batches: Iterable[InputBatch],
    centre: Mapping[str, Tensor] | None = None,
    progress: bool = False,
) -> Prediction:
    """Predict with draws at inputs that are on the model's device, batch by batch.

    Arguments:
        model: The model.
        draws: Draws (S, *shape) of every latent site.
        state: Point estimates, frozen weights and buffers by name.
        batches: The inputs.
        centre: The value of every site around which the network is linearised.
        progress: Whether to show a progress bar when it takes seconds.
    """
    outputs = []
    known = []
    for x, given in batches:
        draws = on_device_of(draws, x)
        outputs.append(evaluate_draws(model, draws, state, x, centre, progress))
        known.append(given)

    if not outputs:
        raise ValueError("the DataLoader is empty: it gives no batch")

    return Prediction(
        model.likelihood,
        outputs[0] if len(outputs) == 1 else torch.cat(outputs, 1),
        draws,
        given=concatenate(known),
    )


def on_device_of(draws: Mapping[str, Tensor], x: Rows) -> dict[str, Tensor]:
    """Return draws on the device of inputs."""
    device = tensors_of(x)[0].device

    return {name: value.to(device) for name, value in draws.items()}
