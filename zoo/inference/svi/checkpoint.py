"""A run of SVI on disk: written between epochs, and taken up where it ended."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.inference.run_files import (
    SHARE,
    digest,
    is_plain,
    random_state,
    read_run,
    set_random_state,
)
from zoo.posterior.storage import write_file

if TYPE_CHECKING:
    from zoo.inference.svi.trainer import Trainer


class TrainerCheckpoint:
    """The file of a descent: parameters, point estimates, buffers, the optimiser, the losses and the random generator.

    A run that is taken up goes on with the same batches and the same noise; run in the
    same way ("plain" or "traced") it ends in the same bits as one that was never
    stopped.

    Arguments:
        path: The file.
        descent: The run, whose optimiser has not stepped yet.

    Raises:
        FileNotFoundError: There is no folder for the file.
        ValueError: The file is truncated, foreign, or of another run; the sentence says
            which.
    """

    def __init__(self, path: Path, descent: Trainer) -> None:
        self.path, self.descent = path, descent
        self.written, self.took, self.meaning = 0.0, 0.0, meaning(descent)
        header, tensors = read_run(path, self.meaning, "SVI")
        if header:
            self.resume(header["facts"], tensors)

    def resume(self, facts: dict, tensors: dict[str, Tensor]) -> None:
        """Put the descent where the file's ended."""
        run = self.descent
        with torch.no_grad():
            for part, kept in (("kept", run.kept), ("good", run.good)):
                for number, tensor in enumerate(kept):
                    tensor.copy_(
                        tensors.get(f"{part}/{number}", tensors[f"kept/{number}"])
                    )
        restore_optimizer(run.optimizer, facts["groups"], tensors)
        if run.scheduler is not None:
            run.scheduler.load_state_dict(
                run.scheduler.state_dict() | facts["schedule"]
            )
        run.losses, run.scores, run.spent = (
            tensors["losses"].tolist(),
            facts["scores"],
            facts["spent"],
        )
        set_random_state(tensors, run.kept[0])

    def write(self, last: bool = False) -> None:
        """Write the descent between two epochs, unless that would take up its time."""
        began, run = time.perf_counter(), self.descent
        if not run.losses or (not last and began - self.written < self.took / SHARE):
            return
        tensors = {
            f"kept/{number}": tensor.detach() for number, tensor in enumerate(run.kept)
        }
        if run.scores:
            tensors |= {
                f"good/{number}": tensor for number, tensor in enumerate(run.good)
            }
        for number, state in run.optimizer.state_dict()["state"].items():
            tensors |= {
                f"optimizer/{number}/{name}": torch.as_tensor(value)
                for name, value in state.items()
            }
        tensors |= {
            "losses": torch.tensor(run.losses, dtype=torch.float64)
        } | random_state(run.kept[0])
        groups = [plain(group) for group in run.optimizer.param_groups]
        schedule = (
            plain(run.scheduler.state_dict()) if run.scheduler is not None else {}
        )
        facts = {
            "groups": groups,
            "schedule": schedule,
            "scores": run.scores,
            "spent": run.seconds,
        }
        write_file(
            self.path,
            tensors,
            {"run": json.dumps({"meaning": self.meaning, "facts": facts})},
        )
        self.written = time.perf_counter()
        self.took = self.written - began


def meaning(run: Trainer) -> dict[str, str]:
    """Say what a descent is of, in words or as hashes."""
    engine, data = run.engine, run.data
    return {
        "engine": repr(engine),
        "learning rate": str(engine.lr),
        "steps": str(run.total),
        "parameters": str([tuple(tensor.shape) for tensor in run.kept]),
        "data": digest([data.x, data.y]) if data.x is not None else str(data.num_data),
        "batch": str(data.size),
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, groups: list[dict], tensors: dict[str, Tensor]
) -> None:
    """Give an optimiser its moments and its rates back."""
    whole = optimizer.state_dict()
    for own, saved in zip(whole["param_groups"], groups, strict=True):
        own.update(saved)
    for name, value in tensors.items():
        if name.startswith("optimizer/"):
            _, number, key = name.split("/")
            whole["state"].setdefault(int(number), {})[key] = value
    optimizer.load_state_dict(whole)


def plain(facts: dict[str, object]) -> dict[str, object]:
    """Keep what JSON can hold: numbers, words, and lists of them; never the parameters."""

    def holds(value: object) -> bool:
        whole = isinstance(value, (list, tuple))
        return (
            all(map(is_plain, value))
            if whole
            else is_plain(value) and not isinstance(value, torch.dtype)
        )

    return {
        name: value
        for name, value in facts.items()
        if name != "params" and holds(value)
    }
