"""A sampler's run on disk: written after every block of draws, and taken up exactly where it ended."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from zoo.inference.potential import Potential

if TYPE_CHECKING:
    from zoo.inference.chains import Sampler
    from zoo.inference.run import Run

FREE = {"num_samples", "checkpoint", "progress", "compile"}  # what may differ from the run that is taken up


class Checkpoint:
    """The file of a run: its kernel, its draws and the random generator.

    A run that is taken up goes on with the same random numbers and the same way of running its graphs, so that it ends
    where an uninterrupted one does. `num_samples` may be larger than it was.

    Arguments:
        path: The file.
        meaning: What the run is of: settings, sites and data, as one hash each.
        like: A tensor with the device of the chains.
    """

    def __init__(self, path: Path, meaning: dict[str, str], like: Tensor) -> None:
        self.path, self.meaning, self.like = path, meaning, like
        self.exists = path.is_file()
        self.header, self.tensors = self._read() if self.exists else ({}, {})

    @classmethod
    def of(cls, sampler: Sampler, potential: Potential) -> Checkpoint | None:
        """Return the checkpoint of a sampler, None where it has none."""
        if sampler.checkpoint is None:
            return None
        settings = {name: value for name, value in vars(sampler).items() if name not in FREE and is_plain(value)}
        parts = [tensor for tensor in potential.program.data if isinstance(tensor, Tensor)]
        meaning = {
            "sampler": type(sampler).__name__,
            **{name: str(value) for name, value in settings.items()},
            "sites": str({name: tuple(shape) for name, shape in potential.shapes.items()}),
            "data": digest(parts),
        }
        return cls(Path(sampler.checkpoint), meaning, potential.program.reference)

    def _read(self) -> tuple[dict, dict[str, Tensor]]:
        try:
            with safe_open(str(self.path), framework="pt") as file:
                header = json.loads((file.metadata() or {}).get("run", "{}"))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, json.JSONDecodeError) as error:
            raise ValueError(f"checkpoint {self.path} is truncated or damaged ({error}); delete it to begin anew") from error
        given = header.get("meaning", {})
        odd = [name for name in self.meaning if given.get(name) != self.meaning[name]]
        if odd:
            parts = ", ".join(f"{name} ({given.get(name, 'none')}, now {self.meaning[name]})" for name in odd)
            raise ValueError(f"checkpoint {self.path} is of another run: {parts}; delete it, or give another file")
        return header, tensors

    def position(self) -> Tensor:
        """Return where the chains stood, (C, P)."""
        return self.tensors["position"].to(self.like.device)

    def resume(self, run: Run) -> None:
        """Put a run where this one ended."""
        kernel, store = run.kernel, run.store
        for name, value in self.tensors.items():
            kind, _, rest = name.partition("/")
            if kind == "kernel":
                kernel.state[rest] = value.to(self.like.device)
            elif kind == "store":
                store.kept[rest] = value.to(run.sampler.store_on or self.like.device)
        facts = self.header["facts"]
        kernel.num_gradients, store.thinning, store.seen = (facts[name] for name in ("gradients", "thinning", "seen"))
        run.done, run.warm, run.spent = (facts[name] for name in ("done", "warm", "spent"))
        run.divergences = facts["divergences"]
        for program, how in zip(kernel.programs, facts["how"], strict=True):
            program.compile = how or program.compile
        torch.set_rng_state(self.tensors["rng"])
        if "rng_cuda" in self.tensors:
            torch.cuda.set_rng_state(self.tensors["rng_cuda"], self.like.device)

    def write(self, run: Run) -> None:
        """Write a run; one that dies meanwhile leaves the file that was there before."""
        kernel, store = run.kernel, run.store
        tensors = {f"kernel/{name}": value for name, value in kernel.state.items()}
        tensors |= {f"store/{name}": value for name, value in store.kept.items()}
        tensors |= {"position": kernel.q, "rng": torch.get_rng_state()}
        if self.like.is_cuda:
            tensors["rng_cuda"] = torch.cuda.get_rng_state(self.like.device)
        facts = {
            **{"gradients": kernel.num_gradients, "thinning": store.thinning, "seen": store.seen},
            **{"done": run.done, "warm": run.warm, "spent": run.seconds, "divergences": run.divergences},
            "how": [program.how for program in kernel.programs],
        }
        partial = Path(f"{self.path}.part")
        header = {"run": json.dumps({"meaning": self.meaning, "facts": facts})}
        save_file({n: v.detach().contiguous().clone().cpu() for n, v in tensors.items()}, str(partial), metadata=header)
        partial.replace(self.path)


def is_plain(value: object) -> bool:
    """Tell whether a setting is a number, a word or nothing."""
    return value is None or isinstance(value, (bool, int, float, str, torch.dtype))


def digest(tensors: list[Tensor]) -> str:
    """Return a short hash of tensors' shapes and values."""
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
        found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()[:16]
