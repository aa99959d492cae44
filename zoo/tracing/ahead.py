"""A graph that another process compiles while this one does something else."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.fx import GraphModule

from zoo.tracing.compiler import compile_module
from zoo.tracing.compiler_cache import use_writable_folder
from zoo.tracing.kept import place_of
from zoo.tracing.likeness import Likeness
from zoo.tracing.repetition import ONCE
from zoo.tracing.written_graph import WrittenNode, read, written

_PROGRAM = (
    "import sys; from zoo.tracing.ahead import compile_file; compile_file(sys.argv[1])"
)


class Ahead:
    """Another process, which compiles a graph and leaves the result in the compiler's folder.

    Who needs the graph waits for it, and then compiles as if there were no such process: the
    compiler finds what it needs in its folder. So results do not depend on the process, nor
    on how fast it is, and it may fail.

    Arguments:
        process: The process.
        file: The file with its graph.
    """

    def __init__(self, process: subprocess.Popen[bytes], file: Path) -> None:
        self.process = process
        self.file = file

    @classmethod
    def begin(cls, module: GraphModule, inputs: Sequence[Tensor]) -> Ahead | None:
        """Begin to compile a graph, unless it is there or this would gain nothing.

        Arguments:
            module: A graph of aten's operations.
            inputs: All of its inputs, on a CPU.
        """
        use_writable_folder()
        if _num_cores() == 1 or place_of(module, inputs, ONCE).exists():
            return None

        likenesses = tuple(map(Likeness.of, inputs))
        task = _Task(written(module), likenesses, torch.get_num_threads())
        with tempfile.NamedTemporaryFile(suffix=".graph", delete=False) as file:
            pickle.dump(task, file)

        command = [sys.executable, "-W", "ignore", "-c", _PROGRAM, file.name]

        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

        return cls(process, Path(file.name))

    def wait(self) -> None:
        """Wait until the process has ended; it is ended if the waiting is interrupted."""
        try:
            self.process.wait()
        finally:
            self.process.kill()
            self.file.unlink(missing_ok=True)


class _Task(NamedTuple):
    """A graph for another process.

    Arguments:
        nodes: The nodes of the graph.
        inputs: What its inputs are like.
        num_threads: Number of threads that it will run with.
    """

    nodes: list[WrittenNode]
    inputs: tuple[Likeness, ...]
    num_threads: int


def compile_file(path: str) -> None:
    """Compile the graph of a file and remove the file; this is what the other process runs.

    Arguments:
        path: A file that `Ahead.begin` has written.
    """
    file = Path(path)
    task: _Task = pickle.loads(file.read_bytes())
    file.unlink()

    torch.set_num_threads(task.num_threads)
    inputs = [likeness.tensor() for likeness in task.inputs]
    compile_module(read(task.nodes), inputs)


def _num_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))

    return os.cpu_count() or 1
