"""The processes of a run, which fit together, and of which the first one writes."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from zoo.runtime.files.lock import only_one
from zoo.runtime.processes import ALONE, joined


def entered(folder: Path, *, full: bool) -> AbstractContextManager[None]:
    """Return a context that one run can enter for a folder, with all its processes.

    Arguments:
        folder: The folder of the fits.
        full: Whether the run has the published number of epochs.

    Raises:
        ValueError: Another run has entered; several processes with a budget in minutes.
    """
    ranks = joined(None) or ALONE
    if ranks.size > 1 and not full:
        raise ValueError(
            "several processes would measure different times, and so disagree on how long a fit "
            "is; write --budget full, or start one process"
        )

    return only_one(folder, "folder") if ranks.is_first else nullcontext()
