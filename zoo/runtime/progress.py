"""One progress bar for all long work: a bar in a terminal or notebook, a line now and then in a log."""

from __future__ import annotations

import sys

from tqdm.auto import tqdm
from tqdm.std import tqdm as plain_tqdm


def bar(total: int, description: str, enabled: bool, delay: float = 0.0) -> plain_tqdm:
    """Make a progress bar; where nobody watches (a log file) it writes a line every ten seconds at most.

    Arguments:
        total: Number of steps.
        description: What is under way.
        enabled: Whether there is a bar at all.
        delay: Seconds before which nothing is shown, for what is mostly quick.
    """
    if not enabled:
        return plain_tqdm(total=total, disable=True)
    if in_notebook() or sys.stderr.isatty():
        return tqdm(
            total=total, desc=description, dynamic_ncols=True, leave=True, delay=delay
        )
    form = "{desc}: {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]\n"
    options = {
        "mininterval": 10,
        "maxinterval": 20,
        "bar_format": form,
        "file": Lines(),
        "delay": delay,
    }
    return plain_tqdm(total=total, desc=description, **options)


class Lines:
    """Standard error as a log sees it: whole lines, none drawn over."""

    def write(self, text: str) -> None:
        """Write a line without the carriage return that a terminal's bar begins with."""
        if text.strip():
            sys.stderr.write(text.replace("\r", ""))

    def flush(self) -> None:
        """Flush standard error."""
        sys.stderr.flush()


def in_notebook() -> bool:
    """Tell whether a notebook is running the program."""
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell is not None else None
    return running is not None and "IPKernelApp" in running.config
