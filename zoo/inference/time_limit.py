"""The time that a run may take."""

from __future__ import annotations

import time

from zoo.inference.early_end import TimeIsUp
from zoo.runtime.processes import Processes


class TimeLimit:
    """The time of a run that begins when this is made.

    Arguments:
        seconds: The limit; None for none.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.limit = seconds
        self.began = time.perf_counter()
        self.has_ended = False  # a run, because the time was up

    @property
    def seconds(self) -> float:
        """Wall time since the run began."""
        return time.perf_counter() - self.began

    def is_up(self, more: float = 0.0) -> bool:
        """Return whether the time is up, or will be after some more seconds."""
        return self.limit is not None and self.seconds + more >= self.limit

    def is_up_in_epoch(self) -> bool:
        """Return whether a run must end before its epoch does."""
        return self.is_up()

    def end(self) -> TimeIsUp:
        """Return what ends a run whose time is up; no other one begins."""
        self.has_ended = True
        return TimeIsUp(self.limit or 0.0)


class SharedTimeLimit(TimeLimit):
    """The time of a run of several processes, which end together, between two epochs.

    Arguments:
        seconds: The limit; None for none.
        ranks: The processes.
    """

    def __init__(self, seconds: float | None, ranks: Processes) -> None:
        super().__init__(seconds)
        self.ranks = ranks

    def is_up(self, more: float = 0.0) -> bool:
        """Return whether the time of the first process is up, or will be."""
        if self.limit is None:
            return False

        return self.ranks.from_first(super().is_up(more))

    def is_up_in_epoch(self) -> bool:
        """Return that no process ends in an epoch."""
        return False


def check_time_limit(seconds: float | None) -> None:
    """Refuse a time that is no number of seconds above zero."""
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if seconds is not None and not (is_number and seconds > 0):
        raise ValueError(
            f"time_limit must be a number of seconds above 0, not {seconds!r}; omit it for no "
            "limit"
        )
