"""The arguments of all engines of chains, and their checks."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self

import torch

from zoo.inference.mcmc.arguments import (
    check_device,
    check_dtype,
    refuse_other_names,
)
from zoo.inference.mcmc.running.initialisation import INITS
from zoo.inference.reparameterised import as_network
from zoo.inference.tempering import Tempering
from zoo.inference.time_limit import check_time_limit
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.runtime.as_tensors import as_tensors
from zoo.runtime.counts import check_count
from zoo.runtime.programs import PyroProgram
from zoo.runtime.rows import Rows
from zoo.tracing.mode import mode_name


@dataclass(kw_only=True, repr=False, eq=False)
class ChainOptions:
    """The arguments of all engines whose result is draws of chains.

    Arguments:
        model: A model without point estimates: one of the zoo's, or any Pyro model with
            continuous sites.
        num_chains: Number of chains C.
        init: Initial positions: "map", a prior draw after a short optimisation, for each chain
            its own; "prior", a prior draw; "network", the network's own weights; or draws of
            a `Posterior`, e.g. from SVI.
        thinning: One in this many draws is stored.
        max_draws: Largest number of stored draws per chain. If there are more, every second
            one is dropped, repeatedly; None stores all.
        functions_at: Inputs (N, ...) at which the network's outputs are stored instead of its
            weights.
        store_on: Device on which draws are stored, that of the model by default; "cpu" saves
            memory of a GPU.
        dtype: Precision of the chains, that of the model by default; torch.float64 for
            ill-conditioned targets.
        temperature: Temperature T of the whole posterior: draws are from a distribution
            proportional to p(y, z)^(1/T).
        likelihood_temperature: Temperature T_l of the likelihood alone.
        checkpoint: File of the run, which is resumed if it exists. With fewer draws than it has,
            the first ones are returned; with more chains, new ones have a file of their own. A
            folder, or a name without ending, gets a network's draws as they come, in shards:
            memory does not grow with their number, and `zoo.load` reads them while the run
            goes on.
        time_limit: Seconds after which the run ends with the draws that there are; with a
            checkpoint it can go on later.
        compile: How graphs run: "auto" chooses the fastest mode, True compiles, False only
            traces, "plain" runs the program itself.
        distributed: Whether the processes that torchrun has started share the chains, by
            default if there are several. Each adapts on its own chains, so they are equal
            in law to those of one process, and the first one returns them all.
        progress: Whether to show a progress bar.
    """

    model: BayesianNetwork | PyroProgram = field(kw_only=False)
    num_chains: int = 4
    init: Literal["map", "network", "prior"] | Posterior = "map"
    thinning: int = 1
    max_draws: int | None = None
    functions_at: Rows | None = None
    store_on: str | torch.device | None = None
    dtype: torch.dtype | None = None
    temperature: float = 1.0
    likelihood_temperature: float = 1.0
    checkpoint: str | Path | None = None
    time_limit: float | None = None
    compile: bool | str = "auto"
    distributed: bool | None = None
    progress: bool = True

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Refuse names of arguments from other libraries before `__init__` does."""
        names = [part.name for part in fields(cls)]
        refuse_other_names(cls.__name__, kwargs, names)

        return super().__new__(cls)

    def __post_init__(self) -> None:
        self.model = as_network(self.model)
        check_count("num_chains", self.num_chains)
        check_count("thinning", self.thinning)

        if self.max_draws is not None:
            check_count("max_draws", self.max_draws, minimum=2)

        if not isinstance(self.init, Posterior) and self.init not in INITS:
            names = ", ".join(map(repr, INITS))
            raise ValueError(
                f"init must be one of {names}, or a Posterior, not {self.init!r}"
            )

        is_network = isinstance(self.model, BayesianNetwork)
        if self.functions_at is not None and not is_network:
            raise ValueError(
                "functions_at needs a BayesianNetwork; for other models the values of the "
                "sites are stored, so omit functions_at"
            )

        if self.functions_at is not None:
            self.functions_at = as_tensors(self.functions_at)

        check_time_limit(self.time_limit)
        mode_name(self.compile)
        check_dtype(self.dtype)

        if self.store_on is not None:
            check_device("store_on", self.store_on)

        self.tempering = Tempering(self.temperature, self.likelihood_temperature)
