"""The stored draws of a sampler: thinned, limited in number, as weights or function values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.draws import DrawBlock, TransitionInfo
from zoo.likelihoods.likelihood import is_noise_site
from zoo.model import BayesianNetwork
from zoo.posterior.storage import unprefixed
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.inputs import evaluate_once, place_inputs
from zoo.runtime.rows import Rows

DRAW, INFO = "draw/", "info/"  # prefixes of names in the store
_FUNCTIONS = "functions"


@dataclass(frozen=True)
class StoreOptions:
    """What a sampler stores: the arguments of `Sampler` with these names, and a folder.

    Arguments:
        folder: Where draws are written; None if the file of the run or memory has them.
    """

    thinning: int = 1
    max_draws: int | None = None
    functions_at: Rows | None = None
    store_on: str | torch.device | None = None
    folder: Path | None = None


class Store:
    """The stored draws of all chains and their statistics.

    Arguments:
        options: What to store.
        potential: Turns positions into values of the sites.

    Raises:
        ValueError: The network does not take the inputs `functions_at`.
    """

    def __init__(self, options: StoreOptions, potential: Potential) -> None:
        self.options = options
        self.potential = potential
        self.device = torch.device(options.store_on or potential.program.like.device)
        self.thinning = options.thinning
        self.seen = 0  # draws per chain so far, stored or not
        self.count = 0  # draws per chain that are stored
        self._parts: list[dict[str, Tensor]] = []

        self._evaluation: _Evaluation | None = None

        if options.functions_at is not None:
            self._evaluation = _Evaluation.at(options.functions_at, potential)

    def add(self, block: DrawBlock) -> None:
        """Store one in `thinning` draws of a block."""
        first = -self.seen % self.thinning
        if first < block.num_draws:
            index = torch.arange(
                first, block.num_draws, self.thinning, device=block.q.device
            )

            new = self._values(block.q[:, index])
            for name, value in block.info.named().items():
                new[INFO + name] = value[:, index]

            self._parts.append(self._moved(new))
            self.count += len(index)

        self.seen += block.num_draws
        self._drop_draws()

    def _drop_draws(self) -> None:
        """Drop every second draw until there are at most `max_draws`."""
        largest = self.options.max_draws
        while largest is not None and self.count > largest:
            half = {}
            for name, value in self.stored().items():
                half[name] = value[:, ::2].clone()

            self._put(half)
            self.thinning *= 2

    def stored(self) -> dict[str, Tensor]:
        """Return everything that is stored, (C, S, ...) each, by prefixed names."""
        if len(self._parts) > 1:
            joined = {}
            for name in self._parts[0]:
                values = [part[name] for part in self._parts]
                joined[name] = torch.cat(values, 1)

            self._parts = [joined]

        return self._parts[0] if self._parts else {}

    def saved(self) -> Mapping[str, Tensor]:
        """Return what the file of the run keeps of the draws: everything."""
        return self.stored()

    def flush(self) -> bool:
        """Write what the file of the run does not keep, and return whether that succeeded."""
        return True

    def blocks(self) -> Iterator[tuple[dict[str, Tensor], TransitionInfo]]:
        """Yield the stored draws by site, and their statistics."""
        yield self.draws(), self.info()

    def restore(self, stored: Mapping[str, Tensor], thinning: int, seen: int) -> None:
        """Replace everything by what an earlier run stored."""
        self._put(self._moved(stored))
        self.thinning = thinning
        self.seen = seen

    def keep_first(self, num_draws: int) -> None:
        """Keep only what is stored of the first draws of each chain.

        Arguments:
            num_draws: Number of draws, those between stored ones included.
        """
        count = -(-num_draws // self.thinning)
        if count < self.count:
            first = {name: value[:, :count] for name, value in self.stored().items()}
            self._put(first)
            self.seen = num_draws

    def _put(self, stored: dict[str, Tensor]) -> None:
        self._parts = []
        self.count = 0

        if stored:
            first = next(iter(stored.values()))
            self._parts = [stored]
            self.count = first.shape[1]

    def _moved(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Move tensors to the device of the store."""
        return {name: value.to(self.device) for name, value in values.items()}

    def _values(self, q: Tensor) -> dict[str, Tensor]:
        """Return what is stored of positions q (C, S, P), without statistics."""
        dtype = self.potential.program.dtype
        sites, _ = self.potential.unpack(q)  # (C, S, *shape)
        evaluation = self._evaluation

        values = {}
        for name, value in sites.items():
            if is_noise_site(name) or evaluation is None:
                values[DRAW + name] = value.to(self.potential.dtypes.get(name, dtype))

        if evaluation is not None:
            values[_FUNCTIONS] = evaluation.outputs(sites).to(dtype)

        return values

    def info(self) -> TransitionInfo:
        """Return the statistics of the stored draws, (C, S) each, on the CPU."""
        named = {}
        for name, value in unprefixed(INFO, self.stored()).items():
            named[name] = value.cpu()

        return TransitionInfo(**named)

    def draws(self) -> dict[str, Tensor]:
        """Return the stored draws by site, (C, S, *shape), in the order of the model."""
        draws = unprefixed(DRAW, self.stored())  # a file has another order
        return {name: draws[name] for name in self.potential.shapes if name in draws}

    def functions(self) -> tuple[Rows, Tensor] | None:
        """Return inputs and outputs (C, S, N, ...) of the network; None if weights are stored."""
        if self.options.functions_at is None:
            return None

        return self.options.functions_at, self.stored()[_FUNCTIONS]


class _Evaluation(NamedTuple):
    """The network and the inputs at which its outputs are stored."""

    model: BayesianNetwork
    buffers: Mapping[str, Tensor]
    x: Rows

    @classmethod
    def at(cls, x: Rows, potential: Potential) -> _Evaluation:
        """Move inputs (N, ...) to the device of the model, and check them."""
        program = potential.program

        model = program.model
        if not isinstance(model, BayesianNetwork):
            raise ValueError("functions_at needs a BayesianNetwork")

        x = place_inputs(model, x)
        values = {**program.buffers, **potential.initial_values()}
        evaluate_once(model, values, x, rows=1)

        return cls(model, program.buffers, x)

    def outputs(self, sites: Mapping[str, Tensor]) -> Tensor:
        """Return the network's outputs (C, S, N, ...) for values (C, S, *shape) of its sites."""
        flat = {}
        for name, value in sites.items():
            flat[name] = value.flatten(0, 1)

        outputs = evaluate_draws(self.model, flat, self.buffers, self.x)
        shape = next(iter(sites.values())).shape[:2]

        return outputs.unflatten(0, shape)
