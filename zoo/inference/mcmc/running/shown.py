"""What a run says while it goes: a progress bar, and a file beside its draws; and its time."""

from __future__ import annotations

import contextlib
import json
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tqdm.std import tqdm

from zoo.inference.mcmc.kernels.chains import Tick
from zoo.inference.time_limit import TimeLimit
from zoo.runtime.files.atomic import write_text

EVERY = 5.0  # seconds, at least, between two writings of the file


class Shown:
    """The progress of a run.

    Arguments:
        bar: A progress bar over all draws.
        limit: The time of the run.
        path: The progress file; None for none.
        about: What the file says first, such as what runs.
    """

    def __init__(
        self,
        bar: tqdm,
        limit: TimeLimit,
        path: Path | None = None,
        about: dict[str, Any] | None = None,
    ) -> None:
        self.bar = bar
        self.limit = limit
        self.path = path
        self.about = about or {}
        self.facts: dict[str, Any] = {}  # on the draws before the present block
        self._block_began = 0.0
        self._written = -EVERY
        self._first: tuple[int, float] | None = None  # draws at a time, for the speed

    def say(self, text: str) -> None:
        """Show a text on the progress bar."""
        self.bar.set_postfix_str(text)

    def is_up_after_another_block(self) -> bool:
        """Return whether a block as long as the present one would end too late."""
        return self.limit.is_up(self.limit.seconds - self._block_began)

    def tick(self, phase: str, before: int, total: int, *, whole: bool) -> Tick:
        """Return a function that shows a draw, and ends a block whose time is up.

        Arguments:
            phase: "warm-up" or "sampling".
            before: Draws per chain before this block.
            total: Draws per chain in all.
            whole: Whether the block may not end early.
        """
        self._block_began = self.limit.seconds
        shown = 0

        def tick(done: int, text: str) -> None:
            nonlocal shown
            self.bar.set_postfix_str(f"{phase}, {text}", refresh=False)
            self.bar.update(done - shown)
            shown = done
            self.write(phase, before + done, total)
            if not whole and self.limit.is_up():
                raise self.limit.end()

        return tick

    def write(self, phase: str, done: int, total: int, *, now: bool = False) -> None:
        """Write the progress file if there is one, every few seconds; without space, it waits.

        Arguments:
            phase: What the run does.
            done: Draws per chain so far.
            total: Draws per chain in all.
            now: Whether to write it at once.
        """
        clock = time.perf_counter()
        self._first = self._first or (done, clock)
        if self.path is None or (not now and clock - self._written < EVERY):
            return

        self._written = clock
        first, since = self._first
        ends = None
        if first < done <= total:
            left = (clock - since) / (done - first) * (total - done)
            ends = (datetime.now() + timedelta(seconds=left)).isoformat(" ", "seconds")

        facts = {
            **self.about,
            "phase": phase,
            "draws": done,
            "of": total,
            "seconds": round(self.limit.seconds, 1),
            "estimated end": ends,
            "written": datetime.now().isoformat(" ", "seconds"),
            **self.facts,
        }
        with contextlib.suppress(OSError):
            write_text(self.path, json.dumps(facts, indent=2) + "\n")
