"""What a sampler keeps of its draws: thinned, capped, on a device of choice, weights or function values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.forward import outputs
from zoo.inference.kernel import Block, Facts
from zoo.inference.potential import Potential

if TYPE_CHECKING:
    from zoo.inference.chains import Sampler


class Store:
    """The stored draws of all chains and their facts.

    Arguments:
        sampler: Says what to keep.
        potential: Turns positions into the sites' values.
    """

    def __init__(self, sampler: Sampler, potential: Potential) -> None:
        self.sampler, self.potential = sampler, potential
        self.thinning, self.seen = sampler.thinning, 0
        self.kept: dict[str, Tensor] = {}

    @property
    def count(self) -> int:
        """Stored draws per chain."""
        return next(iter(self.kept.values())).shape[1] if self.kept else 0

    def add(self, block: Block) -> None:
        """Store every so many of a block's draws."""
        number = block.q.shape[1]
        taken = [place for place in range(number) if (self.seen + place) % self.thinning == 0]
        self.seen += number
        if not taken:
            return
        index = torch.tensor(taken, device=block.q.device)
        new = self._values(block.q[:, index]) | {f"fact/{n}": value[:, index] for n, value in block.facts.items()}
        new = {name: value.to(self.sampler.store_on or value.device) for name, value in new.items()}
        self.kept = {name: torch.cat([self.kept[name], value], 1) if self.kept else value for name, value in new.items()}
        while self.sampler.max_draws is not None and self.count > self.sampler.max_draws:
            self.kept = {name: value[:, ::2] for name, value in self.kept.items()}
            self.thinning *= 2

    def _values(self, q: Tensor) -> dict[str, Tensor]:
        sites, _ = self.potential.unpack(q)  # (C, S, *shape)
        inputs = self.sampler.functions_at
        if inputs is None:
            return {f"draw/{name}": value for name, value in sites.items()}
        program = self.potential.program
        flat = {name: value.flatten(0, 1) for name, value in sites.items()}
        values = outputs(program.model, flat, program.buffers, inputs.to(program.reference))
        noise = {f"draw/{name}": value for name, value in sites.items() if name.startswith("likelihood:")}
        return noise | {"functions": values.reshape(*q.shape[:2], *values.shape[1:])}

    def facts(self) -> Facts:
        """Return the facts of the stored draws, (C, S) each."""
        return {name.removeprefix("fact/"): value for name, value in self.kept.items() if name.startswith("fact/")}

    def results(self) -> dict[str, object]:
        """Return what a `Posterior` takes: draws by site, and function values where they were kept."""
        like = getattr(self.sampler.model, "reference", None)
        kept = {name: value.to(like.dtype) if like is not None else value for name, value in self.kept.items()}
        draws = {name.removeprefix("draw/"): value for name, value in kept.items() if name.startswith("draw/")}
        functions = (self.sampler.functions_at, kept["functions"]) if "functions" in kept else None
        return {"draws": draws, "functions": functions}
