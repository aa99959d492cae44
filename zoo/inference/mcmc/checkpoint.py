"""A sampler's run on disk: written as it goes, and taken up exactly where it ended."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.inference.mcmc.kernel import Block, Kernel, joined
from zoo.inference.mcmc.potential import Potential
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
    from zoo.inference.mcmc.run import Run
    from zoo.inference.mcmc.sampler import Sampler

FREE = {
    "num_samples",
    "checkpoint",
    "progress",
    "compile",
    "init",
    "store_on",
}  # what may differ from the run before


class Checkpoint:
    """The file of a run: its kernel, its draws and the random generator.

    A run that is taken up goes on with the same random numbers and the same way of
    running its graphs, so that it ends where an uninterrupted one does. `num_samples`
    may be larger than it was.

    Arguments:
        path: The file.
        meaning: What the run is of: settings, sites and data, in words or as hashes.
        like: A tensor with the device of the chains.

    Raises:
        ValueError: The file is truncated, foreign, or of another run; the sentence says
            which.
    """

    def __init__(self, path: Path, meaning: dict[str, str], like: Tensor) -> None:
        self.path, self.meaning, self.like = path, meaning, like
        self.written, self.took = 0.0, 0.0
        self.header, self.tensors = read_run(path, meaning, "a sampler")
        self.exists = bool(self.header)

    @classmethod
    def of(cls, sampler: Sampler, potential: Potential) -> Checkpoint | None:
        """Return the checkpoint of a sampler, None where it has none."""
        if sampler.checkpoint is None:
            return None
        meaning = {"sampler": type(sampler).__name__}
        for field in dataclasses.fields(sampler):
            value = getattr(sampler, field.name)
            if isinstance(value, Tensor):
                meaning[field.name] = digest([value])
            elif field.name not in FREE and is_plain(value):
                meaning[field.name] = str(value)
        meaning["sites"] = str(
            {name: tuple(shape) for name, shape in potential.shapes.items()}
        )
        meaning["data"] = digest(
            [part for part in potential.program.data if isinstance(part, Tensor)]
        )
        return cls(Path(sampler.checkpoint), meaning, potential.program.reference)

    def position(self) -> Tensor:
        """Return where the chains stood, (C, P)."""
        return self.tensors["position"].to(self.like.device)

    def part(
        self, prefix: str, device: str | torch.device | None = None
    ) -> dict[str, Tensor]:
        """Return the tensors under a prefix by the rest of their names."""
        found = {
            name: value
            for name, value in self.tensors.items()
            if name.startswith(prefix)
        }
        return {
            name.removeprefix(prefix): value.to(device or self.like.device)
            for name, value in found.items()
        }

    def resume(self, run: Run, kernel: Kernel) -> None:
        """Put a run and its kernel, which stands at `position`, where this one ended."""
        facts, state = self.header["facts"], self.part("kernel/")
        if not torch.allclose(
            kernel.state["energy"], state["energy"], rtol=1e-3, atol=0.1
        ):
            raise ValueError(
                f"checkpoint {self.path} is of another model: the log joint where its chains stand was "
                f"{-state['energy'].mean():.6g} and is {-kernel.state['energy'].mean():.6g} now; delete it, or give "
                "another path"
            )
        kernel.state, kernel.num_gradients = state, facts["gradients"]
        for program, way in zip(kernel.programs, facts["ways"], strict=True):
            program.settle(
                way if way and run.sampler.compile == "auto" else run.sampler.compile
            )
        run.store.put(self.part("store/", run.sampler.store_on))
        run.store.thinning, run.store.seen = facts["thinning"], facts["seen"]
        run.divergences.state = self.part("divergences/")
        if "window/q" in self.tensors:
            run.window = [
                Block(
                    self.tensors["window/q"].to(self.like.device),
                    self.part("window/fact/"),
                )
            ]
        run.done, run.warm, run.spent = (
            facts[name] for name in ("done", "warm", "spent")
        )
        set_random_state(self.tensors, self.like)
        self.tensors = {}

    def write(self, run: Run, last: bool) -> None:
        """Write a run, unless that would take up its time; one that dies meanwhile leaves the file as it was."""
        began = time.perf_counter()
        if not last and began - self.written < self.took / SHARE:
            return
        kernel, store = run.kernel, run.store
        tensors = {f"kernel/{name}": value for name, value in kernel.state.items()}
        tensors |= {f"store/{name}": value for name, value in store.kept().items()}
        tensors |= {
            f"divergences/{name}": value
            for name, value in run.divergences.state.items()
        }
        if run.window:
            window = joined(run.window)
            tensors |= {"window/q": window.q} | {
                f"window/fact/{name}": value for name, value in window.facts.items()
            }
        tensors |= {"position": kernel.q} | random_state(self.like)
        facts = {
            **{
                "gradients": kernel.num_gradients,
                "thinning": store.thinning,
                "seen": store.seen,
            },
            **{"done": run.done, "warm": run.warm, "spent": run.seconds},
            "ways": [program.how for program in kernel.programs],
        }
        write_file(
            self.path,
            tensors,
            {"run": json.dumps({"meaning": self.meaning, "facts": facts})},
        )
        self.written = time.perf_counter()
        self.took = self.written - began
