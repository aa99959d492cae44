"""One run of a sampler: warm-up window by window, then blocks of draws, written down after each."""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from tqdm.std import tqdm

from zoo.inference.kernel import Block, Kernel
from zoo.inference.potential import Potential
from zoo.inference.store import Store
from zoo.info import MCMCInfo

if TYPE_CHECKING:
    from zoo.inference.chains import Sampler
    from zoo.inference.checkpoint import Checkpoint

BLOCK = 100  # draws between two checkpoints


class Run:
    """What changes while a sampler runs.

    Arguments:
        sampler: The engine.
        kernel: The chains.
        store: Where draws go.
        checkpoint: Where the run is written to, None where it is not.
        progress: A progress bar over all draws.
    """

    def __init__(
        self, sampler: Sampler, kernel: Kernel, store: Store, checkpoint: Checkpoint | None, progress: tqdm
    ) -> None:
        self.sampler, self.kernel, self.store, self.checkpoint, self.progress = (
            *(sampler, kernel, store),
            *(checkpoint, progress),
        )
        self.began = time.perf_counter()
        self.done, self.warm, self.spent = 0, 0.0, 0.0
        self.stopped, self.divergences = "", ""
        self.parts = [(count, "metric" if ends else "warm-up") for count, ends in sampler.windows() if count]
        left = sampler.num_samples
        while left > 0:
            self.parts.append((min(BLOCK, left), "sampling"))
            left -= BLOCK
        if checkpoint is not None and checkpoint.exists:
            checkpoint.resume(self)

    def go(self) -> None:
        """Run all parts that are not done yet."""
        warm_up = [number for number, (_, kind) in enumerate(self.parts) if kind != "sampling"]
        self.progress.update(sum(count for count, _ in self.parts[: self.done]))
        for number in range(self.done, len(self.parts)):
            count, kind = self.parts[number]
            block = self.kernel.draw(count, self._tick(kind), learning=kind != "sampling")
            if kind == "sampling":
                self._say_where(block)
                self.store.add(block)
            if block.interrupted:
                self._interrupt(number, block)
                return
            if kind == "metric":
                self.kernel.end_window(block)
            if warm_up and number == warm_up[-1]:
                self.kernel.end_warm_up()
                self.warm = self.seconds
            self.done = number + 1
            if self.checkpoint is not None:
                self.checkpoint.write(self)

    @property
    def seconds(self) -> float:
        """Wall time so far, that before a checkpoint included."""
        return self.spent + time.perf_counter() - self.began

    def _tick(self, kind: str) -> object:
        shown = 0

        def tick(done: int, text: str) -> None:
            nonlocal shown
            self.progress.set_postfix_str(f"{'sampling' if kind == 'sampling' else 'warm-up'}, {text}", refresh=False)
            self.progress.update(done - shown)
            shown = done

        return tick

    def _interrupt(self, number: int, block: Block) -> None:
        total = self.sampler.warmup_steps + self.sampler.num_samples
        done = sum(count for count, _ in self.parts[:number]) + block.q.shape[1]
        self.stopped = f"interrupted after {done} of {total} steps"
        if self.store.count == 0:
            warnings.warn("interrupted in warm-up: the one draw of each chain is where it stood", stacklevel=5)
            energy = self.kernel.state["energy"]
            nothing = {
                "acceptance_rate": torch.zeros_like(energy),
                "diverging": torch.zeros_like(energy, dtype=torch.bool),
                "n_steps": torch.zeros_like(energy, dtype=torch.long),
                "lp": -energy,
            }
            self.store.add(Block(self.kernel.q[:, None], {name: value[:, None] for name, value in nothing.items()}))

    def _say_where(self, block: Block) -> None:
        if not self.divergences and block.facts and bool(block.facts["diverging"].any()):
            self.divergences = where(self.kernel.potential, block.q, block.facts["diverging"])

    def info(self, began: float) -> MCMCInfo:
        """Gather the facts of the run."""
        facts = self.store.facts()
        before = self.began - began
        return MCMCInfo(
            **{name: facts[name].cpu() for name in ("acceptance_rate", "diverging", "n_steps", "lp")},
            step_size=self.kernel.step_size.cpu(),
            num_gradients=self.kernel.num_gradients,
            seconds_warmup=self.warm + before,
            seconds=self.seconds + before,
            seconds_tracing=sum(program.seconds for program in self.kernel.programs),
            compiled=self.kernel.how,
            temperature=self.sampler.temperature,
            likelihood_temperature=self.sampler.likelihood_temperature,
            thinning=self.store.thinning,
            stopped=self.stopped,
            divergences=self.divergences,
        )


def where(potential: Potential, q: Tensor, diverging: Tensor) -> str:
    """Say at which site draws (C, S, P) that diverged lie farthest from the others, in unconstrained space."""
    count, total = int(diverging.sum()), diverging.numel()
    said = f"{count} of {total} draws diverged"
    if count == total:
        return f"{said}: the step size is too large, or the log joint is not finite nearby"
    inside, outside = q[diverging], q[~diverging]
    away = (inside.mean(0) - outside.mean(0)) / outside.std(0, correction=0).clamp_min(1e-12)
    sizes = [shape.numel() for shape in potential.shapes.values()]
    worst = [float(part.abs().max()) for part in away.split(sizes)]
    name = max(zip(worst, potential.shapes, strict=True))[1]
    place = int(away.abs().argmax())
    return (
        f"{said}, farthest from the others at site {name!r}: there {float(inside.mean(0)[place]):.3g} on average, "
        f"elsewhere {float(outside.mean(0)[place]):.3g} ± {float(outside.std(0, correction=0)[place]):.2g}, in "
        "unconstrained space"
    )
