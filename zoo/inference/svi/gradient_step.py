"""The loss and the gradients of a batch as one function, for all steps of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor

from zoo.data import Batches
from zoo.inference.svi.means import AtMeans
from zoo.inference.svi.objective import BatchLoss
from zoo.inference.svi.options import SVIOptions
from zoo.inference.svi.phases import Phase
from zoo.inference.svi.precision import faster_precision
from zoo.inference.svi.state import TrainingState
from zoo.model import BayesianNetwork
from zoo.runtime.memory_format import takes_channels_last
from zoo.runtime.modes import evaluation_mode
from zoo.runtime.programs import PyroProgram
from zoo.runtime.rows import Rows, Structure
from zoo.tracing.traced import Traced


def gradient_step(
    model: BayesianNetwork,
    guide: PyroProgram,
    state: TrainingState,
    data: Batches,
    options: SVIOptions,
    x: Rows,
    structure: Structure,
    tensors: Sequence[Tensor],
    *,
    phase: Phase | None = None,
    make_loss: Callable[..., BatchLoss] = BatchLoss,
    variables: Sequence[Tensor] | None = None,
) -> Traced:
    """Return the function that gives the loss and the gradients of a batch.

    Arguments:
        model: The model.
        guide: The guide.
        state: The parameters and buffers of the run.
        data: Batches of the data.
        options: The settings of the run.
        x: The inputs of the first batch, which decide about the memory format.
        structure: What each batch (x, y) is besides its tensors.
        tensors: Those of the first batch, on which "auto" measures the precision.
        phase: The part of the run, None if all its steps are alike.
        make_loss: Makes the loss.
        variables: What it is differentiated by, None for the parameters of the run.
    """
    inits = model.plan.inits(model.network)
    evaluate = partial(model.output, inits)
    with evaluation_mode(model.network):
        is_channels_last = takes_channels_last(model.network, evaluate, x)

    has_noise = phase is None or not phase.is_deterministic
    make = partial(
        make_loss,
        model=model,
        guide=guide if has_noise else AtMeans(guide),
        state=state.values,
        parameters=state.parameters if variables is None else variables,
        num_data=data.num_data,
        num_particles=options.num_particles if phase is None else phase.num_particles,
        tempering=options.tempering,
        channels_last=is_channels_last,
        structure=structure,
        is_moved=None if phase is None else state.moved_in(phase),
    )
    state.precision = state.precision or _precision(options, make, tensors, state)

    return Traced(
        make(precision=state.precision),
        compile=options.compile,
        calls=options.total_steps,
        writes=list(state.buffers.values()),
        overwrite=True,
        owners=[model, model.prior, model.likelihood, getattr(guide, "guide", guide)],
    )


def _precision(
    options: SVIOptions,
    make: Callable[..., BatchLoss],
    tensors: Sequence[Tensor],
    state: TrainingState,
) -> str:
    """Return the precision of products in a run, measured if it is to be the faster one."""
    if options.precision != "auto":
        return options.precision

    def step(precision: str) -> BatchLoss:
        return make(precision=precision)

    buffers = list(state.buffers.values())

    return faster_precision(step, tensors, buffers, options.total_steps)
