"""One thread at a time: Pyro has one stack of handlers and one parameter store for a process."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from pyro.poutine import runtime

from zoo.runtime.caller import stack_level

_PATIENCE = 1.0  # seconds that a thread waits before it says so


class _Lock:
    """A lock that its thread may take again."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.lock = threading.RLock()
        self.depth = 0  # of blocks inside each other


_locks = [_Lock()]  # the lock of this process


@contextmanager
def turn() -> Iterator[None]:
    """Wait until no other thread runs a fit or a prediction, and keep others waiting.

    Handlers of Pyro act on the programs of all threads: two fits at once record each
    other's sites. Training mode, the parameter store and the number of threads are shared
    as well. A block inside a block of the same thread does not wait. After the outermost
    block the stack of handlers is what it was before, however the block ended.

    Example:
        >>> with turn(), turn():
        ...     pyro.poutine.trace(model).get_trace().nodes["layer1.bias"]["type"]
        'sample'
    """
    mine = _lock_of_this_process()
    _acquire(mine.lock)
    mine.depth += 1
    handlers = list(runtime._PYRO_STACK)

    try:
        yield
    finally:
        mine.depth -= 1
        if mine.depth == 0:
            runtime._PYRO_STACK[:] = handlers

        mine.lock.release()


def _lock_of_this_process() -> _Lock:
    """Return the lock; a process that was forked while a thread held it has a new one."""
    if _locks[0].process != os.getpid():
        _locks[0] = _Lock()

    return _locks[0]


def _acquire(lock: threading.RLock) -> None:
    """Wait for the lock, and say so once if that takes long."""
    if lock.acquire(timeout=_PATIENCE):
        return

    warnings.warn(
        "another thread runs a fit or a prediction; this one waits until it has ended, "
        "because Pyro runs one program at a time",
        stacklevel=stack_level(),
    )
    lock.acquire()
