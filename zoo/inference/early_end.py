"""The early end of a run, by Ctrl-C or by an error of the user's program: nothing is lost."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeVar

from zoo.runtime.caller import stack_level

_Result = TypeVar("_Result")
_ONE_ROW = "Expected more than 1 value per channel when training"  # torch's words


class Diverged(ValueError):
    """A run whose positions are no longer finite; a smaller learning rate mends it."""


class TimeIsUp(Exception):
    """The end of the time that a run was given.

    Arguments:
        seconds: The time.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"its time limit of {seconds:g} s")


def is_failure(error: BaseException) -> bool:
    """Return whether a run ends by an error, and not by Ctrl-C or at the end of its time."""
    return not isinstance(error, (KeyboardInterrupt, TimeIsUp))


def reason_to_end(error: BaseException, done: int, total: int) -> str:
    """Return why a run ends early, for `info.stopped`; an error is also said in a warning.

    Arguments:
        error: What ends it: a `KeyboardInterrupt`, the end of its time, or an error of the
            user's program.
        done: Number of steps so far.
        total: Number of steps in all.
    """
    if isinstance(error, KeyboardInterrupt):
        return f"interrupted after {done} of {total} steps"

    if isinstance(error, TimeIsUp):
        return f"ended by {error} after {done} of {total} steps"

    lines = str(error).splitlines() or [""]
    what = f"{type(error).__name__}: {lines[0]}"
    warnings.warn(
        f"the run ends after {done} of {total} steps, because the program raised {what}; "
        "the posterior is the one that was reached, and its info.error is the error",
        stacklevel=stack_level(),
    )

    return f"ended by an error after {done} of {total} steps: {what}"


def explained(error: BaseException) -> BaseException:
    """Return an error that says what to do, where the error of a library does not."""
    if _ONE_ROW not in str(error):
        return error

    better = ValueError(
        "batch normalisation needs a batch of at least two data, but this batch has one; write "
        "drop_last=True in the DataLoader, or another batch size"
    )
    better.__cause__ = error
    return better


def despite_interrupt(finish: Callable[[], _Result]) -> _Result:
    """Call what ends a run, again if Ctrl-C interrupts it; a second Ctrl-C comes out.

    Arguments:
        finish: A function that may be called again when it was interrupted.
    """
    try:
        return finish()
    except KeyboardInterrupt:
        return finish()
