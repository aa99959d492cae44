"""Fits of a sweep in processes: each process takes the next one, and a lost one is a record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool

from joblib import Parallel, delayed

from zoo.sweeps.fitting import SweepFit
from zoo.sweeps.record import Record

_LOST = (
    "its process was ended from outside, perhaps because the machine had no memory left; "
    "run it with fewer workers"
)


def run_all(tasks: Sequence[SweepFit], workers: int) -> Iterator[Record]:
    """Run fits and yield their records as they come.

    Arguments:
        tasks: The fits.
        workers: Number of processes; one runs them in this process.
    """
    if workers == 1:
        for task in tasks:
            yield task.run()
        return

    left = {task.key: task for task in tasks}
    try:
        for record in _in_processes(tasks, workers):
            del left[record.key]
            yield record
    except BrokenProcessPool:  # one of them has ended it, but which?
        for task in left.values():
            yield _alone(task)


def _alone(task: SweepFit) -> Record:
    """Run a fit in a process of its own; if that is lost, the record says so."""
    try:
        return next(_in_processes([task], workers=2))
    except BrokenProcessPool:
        record = task.record(error=_LOST)
        if task.folder is not None:
            record.write(task.folder)

        return record


def _in_processes(tasks: Sequence[SweepFit], workers: int) -> Iterator[Record]:
    """Run fits in new processes, which need no `if __name__ == "__main__"` in the program."""
    pool = Parallel(n_jobs=workers, return_as="generator_unordered")
    return iter(pool(delayed(SweepFit.run)(task) for task in tasks))
