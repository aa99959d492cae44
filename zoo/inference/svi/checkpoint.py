"""The checkpoint of a run of SVI: opened once, restored from, and written between epochs."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from zoo.data import Batches
from zoo.inference.run_files import (
    SHARE,
    digest,
    is_plain,
    random_state,
    read_run,
    set_random_state,
)
from zoo.inference.svi.options import TrainerOptions
from zoo.inference.svi.state import TrainingState
from zoo.posterior.storage import write_file
from zoo.runtime.rows import tensors_of

# The names of tensors in the file begin with one of these.
_PRESENT = "kept/"
_LAST_GOOD = "good/"
_OPTIMIZER = "optimizer/"


class TrainerCheckpoint:
    """The file of a run: parameters, buffers, optimiser, history and random state.

    A resumed run continues with the same batches and the same noise. If it is run in the
    same mode ("plain" or "traced"), it ends with the same bits as a run that was never
    stopped.

    Arguments:
        path: The file.
        run: The settings, shapes and data of the run, as words or hashes.
        header: The header that was read from the file, empty if there was no file.
        tensors: The tensors that were read from the file.
    """

    def __init__(
        self,
        path: Path,
        run: dict[str, str],
        header: dict[str, Any],
        tensors: dict[str, Tensor],
    ) -> None:
        self.path = path
        self.run = run
        self._header = header
        self._tensors = tensors
        self._written_at = 0.0
        self._seconds_to_write = 0.0

    @classmethod
    def open(cls, path: Path, run: dict[str, str]) -> TrainerCheckpoint:
        """Read the file, if it exists, and check that it belongs to this run.

        Arguments:
            path: The file.
            run: The settings, shapes and data of the run, as words or hashes.

        Raises:
            FileNotFoundError: The folder of the file does not exist.
            ValueError: The file is damaged, is not a checkpoint, or belongs to another
                run; the message says which.
        """
        header, tensors = read_run(path, run, "SVI")
        return cls(path, run, header, tensors)

    def restore(self, state: TrainingState) -> None:
        """Set a run to the state in the file; without a file the run is left as it is."""
        if not self._header:
            return

        info = self._header["facts"]
        tensors = self._tensors

        with torch.no_grad():
            for number, present in enumerate(state.tensors):
                present.copy_(tensors[f"{_PRESENT}{number}"])

            for number, last_good in enumerate(state.last_good):
                same = tensors[f"{_PRESENT}{number}"]
                last_good.copy_(tensors.get(f"{_LAST_GOOD}{number}", same))

        _restore_optimizer(state.optimizer, info["groups"], tensors)
        if state.scheduler is not None:
            schedule = state.scheduler.state_dict() | info["schedule"]
            state.scheduler.load_state_dict(schedule)

        state.loss_history = tensors["losses"].tolist()
        state.held_out_scores.values = info["scores"]
        state.seconds_before = info["spent"]
        set_random_state(tensors, state.tensors[0])
        self._tensors = {}  # frees their memory

    def write(self, state: TrainingState, last: bool = False) -> None:
        """Write a run between two epochs, but only as often as costs little of its time.

        Arguments:
            state: The run.
            last: Whether the run is complete, so that it is written in any case.
        """
        began = time.perf_counter()
        is_too_soon = began - self._written_at < self._seconds_to_write / SHARE
        if state.num_steps == 0 or (is_too_soon and not last):
            return

        content = {"meaning": self.run, "facts": _info_of(state)}
        write_file(self.path, _tensors_of(state), {"run": json.dumps(content)})
        self._written_at = time.perf_counter()
        self._seconds_to_write = self._written_at - began


def describe_run(
    options: TrainerOptions, data: Batches, tensors: list[Tensor]
) -> dict[str, str]:
    """Return what makes a run the same run, in words or as hashes.

    Arguments:
        options: The settings.
        data: The data.
        tensors: The parameters and buffers.
    """
    shapes = [tuple(tensor.shape) for tensor in tensors]
    return {
        "engine": options.description,
        "learning rate": str(options.lr),
        "steps": str(options.num_steps),
        "parameters": str(shapes),
        "data": _data_hash(data),
        "batch": str(data.size),
    }


def _data_hash(data: Batches) -> str:
    """Return a hash of the data, or their number if a loader holds them."""
    if data.x is None:
        return str(data.num_data)
    return digest(tensors_of((data.x, data.y)))


def _tensors_of(state: TrainingState) -> dict[str, Tensor]:
    """Return the tensors of a run by their names in the file."""
    found: dict[str, Tensor] = {}
    for number, tensor in enumerate(state.tensors):
        found[f"{_PRESENT}{number}"] = tensor.detach()

    # Without held-out scores the last good parameters are the present ones.
    if state.held_out_scores.values:
        for number, tensor in enumerate(state.last_good):
            found[f"{_LAST_GOOD}{number}"] = tensor

    moments = state.optimizer.state_dict()["state"]
    for number, values in moments.items():
        for name, value in values.items():
            found[f"{_OPTIMIZER}{number}/{name}"] = torch.as_tensor(value)

    found["losses"] = torch.tensor(state.loss_history, dtype=torch.float64)
    return found | random_state(state.tensors[0])


def _info_of(state: TrainingState) -> dict[str, Any]:
    """Return what the file holds of a run besides tensors."""
    schedule: dict[str, Any] = {}
    if state.scheduler is not None:
        schedule = _writable(state.scheduler.state_dict())
    return {
        "groups": [_writable(group) for group in state.optimizer.param_groups],
        "schedule": schedule,
        "scores": state.held_out_scores.values,
        "spent": state.seconds,
    }


def _writable(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that JSON can hold: numbers, strings and lists of them."""
    found = {}
    for name, value in settings.items():
        if isinstance(value, (list, tuple)):
            can_be_written = all(is_plain(element) for element in value)
        else:
            can_be_written = is_plain(value) and not isinstance(value, torch.dtype)

        if can_be_written and name != "params":
            found[name] = value
    return found


def _restore_optimizer(
    optimizer: Optimizer, groups: list[dict[str, Any]], tensors: Mapping[str, Tensor]
) -> None:
    """Set the moments and the learning rates of an optimiser."""
    state = optimizer.state_dict()
    for present, saved in zip(state["param_groups"], groups, strict=True):
        present.update(saved)

    for name, value in tensors.items():
        if name.startswith(_OPTIMIZER):
            _, number, key = name.split("/")
            moments = state["state"].setdefault(int(number), {})
            moments[key] = value

    optimizer.load_state_dict(state)
