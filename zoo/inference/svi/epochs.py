"""The batches of a run of SVI, epoch after epoch, until its time is up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from zoo.data import Batch
from zoo.inference.svi.state import TrainingState
from zoo.inference.time_limit import TimeLimit


def batches_of_run(
    epoch: Callable[[], Iterable[Batch]],
    state: TrainingState,
    total: int,
    limit: TimeLimit,
    between: Callable[[bool], None],
) -> Iterator[Batch]:
    """Yield a batch for each remaining step.

    Arguments:
        epoch: Returns the batches of an epoch.
        state: The run, whose number of steps grows.
        total: Number of steps in all.
        limit: The time of the run.
        between: What to do before each epoch; it is told whether the run ends there.

    Raises:
        TimeIsUp: The time is up, or would be after an epoch as long as the last one.
    """
    length = 0.0  # seconds
    while state.num_steps < total:
        is_up = limit.is_up(length)
        between(is_up)
        if is_up:
            raise limit.end()

        began = limit.seconds
        for batch in epoch():
            if state.num_steps == total:
                return

            yield batch

            is_over = state.num_steps >= total
            if not is_over and limit.is_up_in_epoch():
                raise limit.end()

        length = limit.seconds - began
