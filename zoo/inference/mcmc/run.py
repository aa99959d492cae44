"""One run of a sampler: warm-up window by window, then blocks of draws, written down after each."""

from __future__ import annotations

import dataclasses
import time
import warnings
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import torch
from tqdm.std import tqdm

from zoo.inference.mcmc.checkpoint import Checkpoint
from zoo.inference.mcmc.divergences import Divergences
from zoo.inference.mcmc.initialisation import Start
from zoo.inference.mcmc.kernel import Block, Kernel, joined
from zoo.inference.mcmc.potential import Potential
from zoo.inference.mcmc.store import Store
from zoo.posterior.info import MCMCInfo
from zoo.runtime.caller import stack_level

if TYPE_CHECKING:
    from zoo.inference.mcmc.sampler import Sampler

BLOCK = 100  # draws at most between two checkpoints


class Run:
    """What changes while a sampler runs.

    Arguments:
        sampler: The engine.
        potential: What it samples.
        progress: A progress bar over all draws.
        began: When the run began, by `time.perf_counter`.
    """

    def __init__(
        self, sampler: Sampler, potential: Potential, progress: tqdm, began: float
    ) -> None:
        self.sampler, self.potential, self.progress, self.began = (
            sampler,
            potential,
            progress,
            began,
        )
        self.store, self.divergences = Store(sampler, potential), Divergences(potential)
        self.window: list[
            Block
        ] = []  # the draws that the end of a window of warm-up learns from
        self.done, self.warm, self.spent, self.tracing, self.stopped = (
            0,
            0.0,
            0.0,
            0.0,
            "",
        )
        windows = sampler.windows()
        ends = accumulate(count for count, _ in windows)
        self.ends = {
            end: is_due for end, (_, is_due) in zip(ends, windows, strict=True)
        }
        self.total = sampler.warmup_steps + sampler.num_samples
        self.stops = blocks([0, *self.ends, self.total])
        self.checkpoint = Checkpoint.of(sampler, potential)
        taken_up = self.checkpoint is not None and self.checkpoint.exists
        self.kernel: Kernel = self.resumed() if taken_up else self.begun()

    def begun(self) -> Kernel:
        """Make the kernel where chains start."""
        sampler = self.sampler
        self.say(
            "going downhill to a start"
            if sampler.init == "map"
            else "looking for a start"
        )
        begin = Start(self.potential, sampler.init, sampler.compile)
        q = begin(sampler.num_chains)
        self.say("tracing the sampler")
        kernel = sampler.kernel(self.potential, q)
        kernel.num_gradients += begin.num_gradients
        self.tracing = begin.program.seconds
        return kernel

    def resumed(self) -> Kernel:
        """Make the kernel where a checkpoint ended."""
        self.say("taking up the checkpoint")
        plain = dataclasses.replace(
            self.sampler, compile="plain"
        )  # how it goes on is in the checkpoint
        kernel = plain.kernel(self.potential, self.checkpoint.position())
        self.checkpoint.resume(self, kernel)
        self.progress.update(self.done)
        return kernel

    def go(self) -> None:
        """Draw what is still to be drawn; Ctrl-C ends it with what there is."""
        try:
            for stop in self.stops:
                if stop > self.done:
                    self.advance(stop)
        except KeyboardInterrupt:
            self.stopped = f"interrupted after {self.done} of {self.total} steps"
            if self.store.count == 0:
                self.store_position()
        if self.divergences.all:
            warnings.warn(
                f"{self.divergences}: these draws are not from the posterior",
                stacklevel=stack_level(),
            )

    def advance(self, stop: int) -> None:
        """Draw up to a number of draws per chain, learn from them or store them, and write the run down."""
        learning = self.done < self.sampler.warmup_steps
        block = self.kernel.draw(
            stop - self.done, self.ticking(learning), learning=learning
        )
        if not learning:
            self.divergences.add(block)
            self.store.add(block)
        elif self.ends[min(end for end in self.ends if end >= stop)]:
            self.window.append(block)
        self.done += block.q.shape[1]
        if block.interrupted:
            raise KeyboardInterrupt
        if learning and stop in self.ends and self.window:
            self.kernel.end_window(joined(self.window))
            self.window = []
        if learning and stop == self.sampler.warmup_steps:
            self.kernel.end_warm_up()
            self.warm = self.seconds
        if self.checkpoint is not None:
            self.checkpoint.write(self, last=stop == self.total)

    def store_position(self) -> None:
        """Store where the chains stand as the one draw of each."""
        warnings.warn(
            "interrupted in warm-up: the one draw of each chain is where it stood",
            stacklevel=stack_level(),
        )
        energy = self.kernel.state["energy"][:, None]
        nothing = torch.zeros_like(energy)
        facts = {
            "acceptance_rate": nothing,
            "diverging": nothing.bool(),
            "n_steps": nothing.long(),
            "lp": -energy,
        }
        self.store.thinning, self.store.seen = 1, 0
        self.store.add(Block(self.kernel.q[:, None], facts))

    @property
    def seconds(self) -> float:
        """Wall time so far, that before a checkpoint included."""
        return self.spent + time.perf_counter() - self.began

    def say(self, text: str) -> None:
        """Say on the progress bar what is under way."""
        self.progress.set_postfix_str(text)

    def ticking(self, learning: bool) -> object:
        """Return a function that moves the progress bar."""
        shown, phase = 0, "warm-up" if learning else "sampling"

        def tick(done: int, text: str) -> None:
            nonlocal shown
            self.progress.set_postfix_str(f"{phase}, {text}", refresh=False)
            self.progress.update(done - shown)
            shown = done

        return tick

    def info(self) -> MCMCInfo:
        """Gather the facts of the run."""
        facts = self.store.facts()
        return MCMCInfo(
            **{
                name: facts[name].cpu()
                for name in ("acceptance_rate", "diverging", "n_steps", "lp")
            },
            energy=facts["energy"].cpu() if "energy" in facts else None,
            step_size=self.kernel.step_size.cpu(),
            num_gradients=self.kernel.num_gradients,
            seconds_warmup=self.warm,
            seconds=self.seconds,
            seconds_tracing=self.tracing
            + sum(program.seconds for program in self.kernel.programs),
            compiled=self.kernel.how,
            temperature=self.sampler.temperature,
            likelihood_temperature=self.sampler.likelihood_temperature,
            thinning=self.store.thinning,
            stopped=self.stopped,
            divergences=str(self.divergences),
            trajectory_length=self.kernel.trajectory_length,
        )


def blocks(bounds: list[int]) -> list[int]:
    """Say where blocks of draws end: at every bound, and between them after so many draws."""
    pairs = pairwise(bounds)
    return [
        stop
        for first, last in pairs
        if last > first
        for stop in (*range(first + BLOCK, last, BLOCK), last)
    ]
