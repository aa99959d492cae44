"""The processes of one run, as torchrun starts them: sums over them, copies, gathering."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

_Value = TypeVar("_Value")
_PATIENCE = timedelta(days=1)  # for a process that lives but is not there yet


class LostRank(RuntimeError):
    """Another process of the run has ended, or does not answer."""


@dataclass(frozen=True)
class Processes:
    """The processes of one run, and which of them this one is.

    Arguments:
        rank: Number of this process, from 0.
        size: Number of processes K.
        host: The group of processes that exchanges tensors on the CPU, None for the
            default one.
    """

    rank: int = 0
    size: int = 1
    host: Any = None

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def summed(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Return the sum of each tensor over the processes, by one exchange for each dtype."""
        if self.size == 1:
            return list(tensors)

        places: dict[torch.dtype, list[int]] = {}
        for number, tensor in enumerate(tensors):
            places.setdefault(tensor.dtype, []).append(number)

        found = list(tensors)
        for numbers in places.values():
            flat = torch.cat([tensors[number].reshape(-1) for number in numbers])
            with _said():
                dist.all_reduce(flat)

            sizes = [tensors[number].numel() for number in numbers]
            for number, part in zip(numbers, flat.split(sizes), strict=True):
                found[number] = part.view(tensors[number].shape)

        return found

    def total(self, number: float) -> float:
        """Return the sum of a number over the processes."""
        if self.size == 1:
            return number

        value = torch.tensor(number, dtype=torch.float64)
        with _said():
            dist.all_reduce(value, group=self.host)

        return value.item()

    def copy_first(self, tensors: Sequence[Tensor]) -> None:
        """Set tensors to the values that they have in the first process."""
        with _said(), torch.no_grad():
            for tensor in tensors:
                value = tensor.detach().contiguous()
                dist.broadcast(value, 0)
                tensor.copy_(value)

    def from_first(self, value: _Value) -> _Value:
        """Return the value that the first process has."""
        values = [value]
        with _said():
            dist.broadcast_object_list(values, 0, group=self.host)

        return values[0]

    def check_equal(self, facts: Mapping[str, object]) -> None:
        """Check that the processes agree before they begin.

        Arguments:
            facts: Values by what they are called.

        Raises:
            ValueError: They differ; the message names in what.
        """
        every: list[Any] = [None] * self.size
        with _said():
            dist.all_gather_object(every, dict(facts), group=self.host)

        for rank, others in enumerate(every):
            for name, value in every[0].items():
                if others[name] != value:
                    raise ValueError(
                        f"the ranks of a run must agree, but {name} is {value} on rank 0 and "
                        f"{others[name]} on rank {rank}; run one program with the same data on "
                        "all ranks, or write distributed=False"
                    )

    def gather(self, value: Any) -> tuple[list[Any], list[int]]:
        """Return the values of all processes to the first, and those of whom it got none.

        Every other process gets its own value alone. A process that has ended does not
        keep the first one from the others' values.
        """
        if not self.is_first:
            with _said():
                dist.send_object_list([value], 0, group=self.host)
            return [value], []

        values, lost = [value], []
        for rank in range(1, self.size):
            received = [None]
            try:
                dist.recv_object_list(received, rank, group=self.host)
            except RuntimeError:
                lost.append(rank)
            else:
                values.append(received[0])

        return values, lost


ALONE = Processes()


def joined(distributed: bool | None) -> Processes | None:
    """Return the processes of the run, which meet at the first call; None for one alone.

    Arguments:
        distributed: Whether several processes share the run; None if torchrun has started
            more than one, or if `torch.distributed` is initialised.

    Raises:
        ValueError: They are asked for, and there are none.
    """
    if distributed is False or not dist.is_available():
        return None

    is_begun = dist.is_initialized()
    is_started = int(os.environ.get("WORLD_SIZE", "1")) > 1
    if distributed and not is_begun and "WORLD_SIZE" not in os.environ:
        raise ValueError(
            "distributed=True needs several processes; start the program by torchrun "
            "--nproc-per-node 2 program.py, or omit distributed"
        )

    if not is_begun and is_started:
        has_gpu = torch.cuda.is_available() and dist.is_nccl_available()
        backend = "cpu:gloo,cuda:nccl" if has_gpu else "gloo"
        with _said():
            dist.init_process_group(backend, timeout=_PATIENCE)

    if not dist.is_initialized() or dist.get_world_size() == 1:
        return None

    return Processes(dist.get_rank(), dist.get_world_size(), _host(dist.group.WORLD))


@cache
def _host(group: Any) -> Any:
    """Return the group that exchanges tensors on the CPU; None if the default one does."""
    if "gloo" in str(dist.get_backend_config(group)):
        return None

    return dist.new_group(backend="gloo", timeout=_PATIENCE)


@contextmanager
def ended_like_interrupt(ranks: Processes | None) -> Iterator[None]:
    """Let the signal by which torchrun ends a process interrupt its run, as Ctrl-C does.

    If a process is lost, torchrun ends the others. So they keep what they have reached.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if ranks is None or not is_main:
        yield
        return

    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def _said() -> Iterator[None]:
    """Say in a sentence that an exchange has failed."""
    try:
        yield
    except (RuntimeError, ConnectionError) as error:
        raise LostRank(
            "another process of this run has ended or does not answer, so this one ends too; "
            "start the program again, and a checkpoint goes on from its file"
        ) from error
