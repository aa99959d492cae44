"""The checkpoint of a run of SVI: opened once, restored from, and written between epochs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from zoo.data import Batches
from zoo.inference.fingerprint import describe_data
from zoo.inference.fit_kind import Verdict
from zoo.inference.generators import Generators
from zoo.inference.run_files import (
    FORMAT,
    FORMAT_NAME,
    SHARE,
    check_same_run,
    damaged,
    read_run,
    refused_if_damaged,
)
from zoo.inference.run_writer import RunWriter
from zoo.inference.svi.early_stopping import EarlyStopping
from zoo.inference.svi.optimizer_state import restored, stored
from zoo.inference.svi.state import TrainingState
from zoo.posterior.storage import unprefixed
from zoo.runtime.description.objects import describe_value

# The names of tensors in the file begin with one of these.
_PRESENT = "kept/"
_LAST_GOOD = "good/"
_OPTIMIZER = "optimizer/"
_AVERAGE = "average/"
_BEFORE_SPLIT = "rng_split"  # torch's generator when early stopping held out data

_PLAIN = (bool, int, float, str, type(None))  # what JSON can hold


class TrainerCheckpoint:
    """The file of a run: parameters, buffers, optimiser, history and random state.

    A resumed run continues with the same batches and the same noise. If it is run in the
    same mode ("plain" or "traced"), it ends with the same bits as a run that was never
    stopped.

    Arguments:
        path: The file; if it exists, it is read.
        data: All data, those that early stopping holds out included.
        early_stopping: The settings of early stopping.

    Raises:
        FileNotFoundError: The folder of the file does not exist.
        ValueError: The file is damaged, or is not a checkpoint; the message says which.
    """

    def __init__(
        self, path: Path, data: Batches, early_stopping: EarlyStopping | None
    ) -> None:
        self.path = path
        self._writer = RunWriter(path)
        self._header, self._tensors = read_run(path, "SVI")
        info = self._header.get("facts", {})
        self.mode: str = info.get("mode", "")
        self.stopped: str = info.get("stopped", "")
        self.is_taken_up = bool(self._header)
        self.before_split = self._tensors.get(_BEFORE_SPLIT, torch.get_rng_state())

        self._generators = Generators.of_loader(
            data.model.first_parameter.device, data.loader
        )
        self._run = {
            FORMAT_NAME: FORMAT,
            "early_stopping": describe_value(early_stopping),
            **describe_data(data),
        }
        self._num_steps = 0  # of the run in the file
        self._written_at = 0.0
        self._seconds_to_write = 0.0

    def check(self, run: Mapping[str, str]) -> None:
        """Refuse the file if it is of another run.

        Arguments:
            run: What the run is besides its data, as text by name.

        Raises:
            ValueError: They differ; the message names in what.
        """
        self._run = {**self._run, **run}
        if self._header:
            check_same_run(self.path, self._header["meaning"], self._run)

    def restore(self, state: TrainingState) -> None:
        """Set a run to the state in the file; without a file the run is left as it is.

        Raises:
            DamagedFile: The file does not hold the state of such a run.
        """
        if not self._header:
            return

        self._check(state)
        with refused_if_damaged(self.path):
            self._restore(state)

        self._tensors = {}  # frees their memory

    def _check(self, state: TrainingState) -> None:
        """Refuse tensors that do not fit the run, before one of them is used."""
        for number, present in enumerate(state.tensors):
            value = self._tensors.get(f"{_PRESENT}{number}")
            if value is None or value.shape != present.shape:
                shape = None if value is None else tuple(value.shape)
                raise damaged(
                    self.path,
                    f"tensor {number} of the run has shape {shape}, not {tuple(present.shape)}",
                )

            is_parameter = number < len(state.parameters)
            if is_parameter and not bool(torch.isfinite(value).all()):
                raise damaged(
                    self.path, f"parameter {number} holds NaN or infinite values"
                )

    def _restore(self, state: TrainingState) -> None:
        info = self._header["facts"]
        tensors = self._tensors

        with torch.no_grad():
            for number, present in enumerate(state.tensors):
                present.copy_(tensors[f"{_PRESENT}{number}"])

            for number, average in enumerate(state.averaging.averages):
                average.copy_(tensors[f"{_AVERAGE}{number}"])

            for number, last_good in enumerate(state.last_good):
                same = tensors[f"{_PRESENT}{number}"]
                last_good.copy_(tensors.get(f"{_LAST_GOOD}{number}", same))

        moments = restored(info["moments"], unprefixed(_OPTIMIZER, tensors))
        _restore_optimizer(state.optimizer, info["groups"], moments)
        if state.scheduler is not None:
            schedule = state.scheduler.state_dict() | info["schedule"]
            state.scheduler.load_state_dict(schedule)

        state.averaging.num_averaged = info["num_averaged"]
        state.loss_history = tensors["losses"].tolist()
        state.held_out_scores.values = info["scores"]
        state.seconds_before = info["spent"]
        state.precision = info["precision"]
        state.verdict = Verdict(**info.get("verdict", {}))
        self._num_steps = state.num_steps
        self._generators.set(tensors)

    def write(self, state: TrainingState, mode: str, stopped: str = "") -> None:
        """Write a run between two epochs, but only as often as costs little of its time.

        Arguments:
            state: The run.
            mode: How its steps are computed.
            stopped: Why early stopping ended the run, "" if it did not.
        """
        since = time.perf_counter() - self._written_at
        if since >= self._seconds_to_write / SHARE:
            self.write_now(state, mode, stopped)

    def write_now(self, state: TrainingState, mode: str, stopped: str = "") -> None:
        """Write a run, unless the file holds it already or its parameters are not finite.

        The arguments are those of `write`.
        """
        if state.num_steps == self._num_steps or not state.is_finite:
            return

        began = time.perf_counter()
        info = _info_of(state) | {"mode": mode, "stopped": stopped}
        content = {"meaning": self._run, "facts": info}
        tensors = _tensors_of(state) | self._generators.state()
        tensors[_BEFORE_SPLIT] = self.before_split
        if self._writer.write(tensors, content):
            self._num_steps = state.num_steps

        self._written_at = time.perf_counter()
        self._seconds_to_write = self._written_at - began


def _tensors_of(state: TrainingState) -> dict[str, Tensor]:
    """Return the tensors of a run by their names in the file."""
    found: dict[str, Tensor] = {}
    for number, tensor in enumerate(state.tensors):
        found[f"{_PRESENT}{number}"] = tensor.detach()

    # Without held-out scores the last good parameters are the present ones.
    if state.held_out_scores.values:
        for number, tensor in enumerate(state.last_good):
            found[f"{_LAST_GOOD}{number}"] = tensor

    for number, tensor in enumerate(state.averaging.averages):
        found[f"{_AVERAGE}{number}"] = tensor

    of_optimizer = stored(state.optimizer.state_dict()["state"])
    for name, tensor in of_optimizer.tensors.items():
        found[f"{_OPTIMIZER}{name}"] = tensor

    found["losses"] = torch.tensor(state.loss_history, dtype=torch.float64)
    return found


def _info_of(state: TrainingState) -> dict[str, Any]:
    """Return what the file holds of a run besides tensors."""
    schedule: dict[str, Any] = {}
    if state.scheduler is not None:
        schedule = _writable(state.scheduler.state_dict())
    return {
        "moments": stored(state.optimizer.state_dict()["state"]).layout,
        "groups": [_writable(group) for group in state.optimizer.param_groups],
        "schedule": schedule,
        "scores": state.held_out_scores.values,
        "spent": state.seconds,
        "num_averaged": state.averaging.num_averaged,
        "precision": state.precision,
        "verdict": state.verdict._asdict(),
    }


def _writable(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that JSON can hold: numbers, strings and lists of them."""
    found = {}
    for name, value in settings.items():
        if isinstance(value, (list, tuple)):
            can_be_written = all(isinstance(element, _PLAIN) for element in value)
        else:
            can_be_written = isinstance(value, _PLAIN)

        if can_be_written and name != "params":
            found[name] = value
    return found


def _restore_optimizer(
    optimizer: Optimizer,
    groups: list[dict[str, Any]],
    moments: dict[int, dict[str, Any]],
) -> None:
    """Set the moments and the learning rates of an optimiser."""
    state = optimizer.state_dict()
    for present, saved in zip(state["param_groups"], groups, strict=True):
        present.update(saved)

    state["state"] = moments
    optimizer.load_state_dict(state)


@contextmanager
def generator_before_split(checkpoint: TrainerCheckpoint | None) -> Iterator[None]:
    """Let a run that is taken up hold out the same data as before."""
    if checkpoint is None or not checkpoint.is_taken_up:
        yield
        return

    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(checkpoint.before_split)
        yield
