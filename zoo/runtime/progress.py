"""Progress bars: a bar in a terminal or a notebook, a line every ten seconds in a log file."""

from __future__ import annotations

import sys

from tqdm.auto import tqdm
from tqdm.std import tqdm as plain_tqdm

_LOG_FORMAT = "{desc}: {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]\n"
_LOG_SECONDS = 10  # at least, between two lines of a log file


def bar(total: int, description: str, enabled: bool, delay: float = 0.0) -> plain_tqdm:
    """Make a progress bar.

    If standard error is a file, the bar writes a line every ten seconds at most.

    Arguments:
        total: Number of steps.
        description: Text before the bar.
        enabled: Whether to show a bar.
        delay: Seconds before the bar is shown, for work that is mostly quick.
    """
    if not enabled:
        return plain_tqdm(total=total, disable=True)

    if _in_notebook() or sys.stderr.isatty():
        return tqdm(total=total, desc=description, dynamic_ncols=True, delay=delay)

    return plain_tqdm(
        total=total,
        desc=description,
        delay=delay,
        mininterval=_LOG_SECONDS,
        maxinterval=2 * _LOG_SECONDS,
        bar_format=_LOG_FORMAT,
        file=_LogLines(),
    )


class _LogLines:
    """Standard error for a log file: every update of a bar is a line of its own."""

    def write(self, text: str) -> None:
        """Write a line, without the carriage return that starts every update of a bar."""
        if text.strip():
            sys.stderr.write(text.replace("\r", ""))

    def flush(self) -> None:
        """Flush standard error."""
        sys.stderr.flush()


def _in_notebook() -> bool:
    """Return whether the program runs in a notebook."""
    module = sys.modules.get("IPython")
    if module is None:
        return False

    shell = module.get_ipython()

    return shell is not None and "IPKernelApp" in shell.config
