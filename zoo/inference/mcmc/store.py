"""What a sampler keeps of its draws: thinned, capped, on a device of choice, weights or function values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.inference.mcmc.kernel import Block
from zoo.inference.mcmc.potential import Potential
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.inputs import evaluate_once, place_inputs

if TYPE_CHECKING:
    from zoo.inference.mcmc.sampler import Sampler


class Store:
    """The stored draws of all chains and their facts.

    Arguments:
        sampler: Says what to keep.
        potential: Turns positions into the sites' values.

    Raises:
        ValueError: Inputs that the network does not take.
    """

    def __init__(self, sampler: Sampler, potential: Potential) -> None:
        self.sampler, self.potential = sampler, potential
        self.thinning, self.seen, self.count = sampler.thinning, 0, 0
        self.parts: list[dict[str, Tensor]] = []
        if sampler.functions_at is not None:
            program = potential.program
            self.inputs = place_inputs(program.model, sampler.functions_at)
            evaluate_once(
                program.model,
                {**program.buffers, **potential.own_values()},
                self.inputs,
                rows=1,
            )

    def add(self, block: Block) -> None:
        """Store every so many of a block's draws."""
        number = block.q.shape[1]
        taken = [
            place for place in range(number) if (self.seen + place) % self.thinning == 0
        ]
        if taken:
            index = torch.tensor(taken, device=block.q.device)
            new = self._values(block.q[:, index]) | {
                f"fact/{n}": fact[:, index] for n, fact in block.facts.items()
            }
            self.parts.append(
                {
                    name: value.to(self.sampler.store_on or value.device)
                    for name, value in new.items()
                }
            )
        self.seen += number
        self.count += len(taken)
        while (
            self.sampler.max_draws is not None and self.count > self.sampler.max_draws
        ):
            self.put(
                {name: value[:, ::2].clone() for name, value in self.kept().items()}
            )
            self.thinning *= 2

    def kept(self) -> dict[str, Tensor]:
        """Return all that is kept, (C, S, ...) each, as one piece."""
        if len(self.parts) > 1:
            self.parts = [
                {
                    name: torch.cat([part[name] for part in self.parts], 1)
                    for name in self.parts[0]
                }
            ]
        return self.parts[0] if self.parts else {}

    def put(self, kept: dict[str, Tensor]) -> None:
        """Hold this instead of what is held."""
        self.parts = [kept] if kept else []
        self.count = next(iter(kept.values())).shape[1] if kept else 0

    def _values(self, q: Tensor) -> dict[str, Tensor]:
        program = self.potential.program
        sites, _ = self.potential.unpack(q)  # (C, S, *shape)
        if self.sampler.functions_at is None:
            kept = {f"draw/{name}": value for name, value in sites.items()}
        else:
            flat = {name: value.flatten(0, 1) for name, value in sites.items()}
            values = evaluate_draws(
                program.model, flat, program.buffers, self.inputs
            ).unflatten(0, q.shape[:2])
            noise = {
                f"draw/{name}": value
                for name, value in sites.items()
                if name.startswith("likelihood:")
            }
            kept = noise | {"functions": values}
        return {name: value.to(program.dtype) for name, value in kept.items()}

    def facts(self) -> dict[str, Tensor]:
        """Return the facts of the stored draws, (C, S) each."""
        return {
            name.removeprefix("fact/"): value
            for name, value in self.kept().items()
            if name.startswith("fact/")
        }

    def draws(self) -> dict[str, Tensor]:
        """Return the stored draws by site, (C, S, *shape) each."""
        return {
            name.removeprefix("draw/"): value
            for name, value in self.kept().items()
            if name.startswith("draw/")
        }
