"""The settings of one engine of SVI, checked and frozen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from zoo.data import Batches
from zoo.inference.schedules import cosine
from zoo.inference.svi.arguments import (
    check_early_stopping,
    check_length,
    check_optimizer,
    check_scheduler,
)
from zoo.inference.svi.averaging import Average, check_average
from zoo.inference.svi.early_stopping import EarlyStopping
from zoo.inference.svi.optimizers import MakeOptimizer, MakeScheduler
from zoo.inference.svi.phases import NumParticles, Phase, check_phases, phases
from zoo.inference.svi.rates import RateOf, check_scale_rate, rates_of
from zoo.inference.tempering import Tempering
from zoo.inference.time_limit import SharedTimeLimit, TimeLimit, check_time_limit
from zoo.runtime.counts import check_count
from zoo.runtime.files.output_path import check_is_path
from zoo.runtime.processes import Processes, joined
from zoo.runtime.programs import PyroProgram

DEFAULT_NUM_STEPS = 8000


@dataclass(frozen=True, kw_only=True)
class SVIOptions:
    """The settings of SVI; `SVI` says what each of them means.

    A run has them with the number of its steps, see `of_a_run`.

    Arguments:
        num_steps: Gradient steps, None for the default number or if epochs are given.
        num_epochs: Passes through the data, instead of steps.
        lr: Learning rate.
        scale_lr: Learning rate of the scales, None for the default.
        optimizer: Makes the optimiser.
        scheduler: Makes the learning-rate scheduler; "auto" is a cosine for Adam, and
            none for another optimiser.
        num_particles: Draws from the guide at each step, or at the first and the last.
        deterministic: Share of the steps without noise, the first ones.
        average: The kind of average of the parameters, None for none.
        restarts: Number of fits from different means.
        scales_only: Whether only the guide's scales are fitted.
        tempering: Temperatures of the posterior.
        early_stopping: When to stop before all steps are taken, None for never.
        compile: How a step is run.
        precision: That of the network's products: "float32", "bf16" or "auto".
        distributed: Whether several processes share the run; None to find out.
        accumulate: Number of parts of a process's batch.
        checkpoint: The file that the run is written to, None for none.
        time_limit: Seconds after which a run ends, None for no limit.
        progress: Whether to show a progress bar.
        description: The engine in words, for the progress bar.
        per_epoch: Gradient steps in an epoch.

    Raises:
        ValueError: A setting of another kind, or a number out of range.
    """

    num_steps: int | None = None
    num_epochs: int | None = None
    lr: float = 2e-2
    scale_lr: float | RateOf | None = None
    optimizer: MakeOptimizer = torch.optim.Adam
    scheduler: MakeScheduler | Literal["auto"] | None = "auto"
    num_particles: NumParticles = 1
    deterministic: float = 0.0
    average: Average | None = None
    restarts: int = 1
    scales_only: bool = False
    tempering: Tempering = Tempering()  # noqa: RUF009
    early_stopping: EarlyStopping | None = None
    compile: str = "auto"
    precision: str = "float32"
    distributed: bool | None = False
    accumulate: int = 1
    checkpoint: str | Path | None = None
    time_limit: float | None = None
    progress: bool = True
    description: str = "SVI"
    per_epoch: int = 1

    def __post_init__(self) -> None:
        check_length(self.num_steps, self.num_epochs)
        check_phases(self.deterministic, self.num_particles)
        check_average(self.average)
        check_count("restarts", self.restarts)
        check_count("accumulate", self.accumulate)
        if self.scales_only and self.deterministic:
            raise ValueError(
                "scales_only moves nothing in the steps without noise; omit deterministic"
            )

        if self.checkpoint is not None:
            check_is_path(self.checkpoint, "checkpoint")

        check_time_limit(self.time_limit)
        check_optimizer(self.optimizer)
        check_scheduler(self.scheduler, self.optimizer)
        check_scale_rate(self.scale_lr, self.optimizer)
        check_early_stopping(self.early_stopping)

    def ranks(self) -> Processes | None:
        """Return the processes that share the run; None for one alone."""
        return joined(self.distributed)

    @property
    def length(self) -> str:
        """The length of a run as it was written, e.g. "num_epochs=20"."""
        if self.num_epochs is not None:
            return f"num_epochs={self.num_epochs}"

        return f"num_steps={self.total_steps}"

    def limit(self) -> TimeLimit:
        """Return the time of a run that begins now."""
        ranks = self.ranks()
        if ranks is None:
            return TimeLimit(self.time_limit)

        return SharedTimeLimit(self.time_limit, ranks)

    @property
    def total_steps(self) -> int:
        """The number of steps of a run that is not given in epochs."""
        return self.num_steps or DEFAULT_NUM_STEPS

    @property
    def phases(self) -> list[Phase]:
        """The parts of a run."""
        return phases(self.total_steps, self.deterministic, self.num_particles)

    @property
    def made_scheduler(self) -> MakeScheduler | None:
        """What makes the scheduler; None for none, or for one of Pyro."""
        if self.scheduler != "auto":
            return self.scheduler

        return cosine() if self._is_adam else None

    @property
    def _is_adam(self) -> bool:
        """Whether the optimiser is the default one, so that its defaults hold."""
        return self.optimizer is torch.optim.Adam

    def rates(self, guide: PyroProgram, names: Iterable[str]) -> dict[str, float]:
        """Return the learning rate of each parameter by name; none for optimisers of Pyro.

        Arguments:
            guide: The guide.
            names: Names of its parameters and of point estimates.
        """
        is_scheduled = self._is_adam and self.scheduler is not None
        return rates_of(guide, names, self.lr, self.scale_lr, is_scheduled)

    def of_a_run(self, data: Batches, description: str) -> SVIOptions:
        """Return the settings of a fit to these batches, with its number of steps.

        Arguments:
            data: The batches.
            description: The engine in words.
        """
        num_steps = self.total_steps
        if self.num_epochs is not None:
            num_steps = self.num_epochs * data.per_epoch

        return replace(
            self,
            num_steps=num_steps,
            num_epochs=None,
            description=description,
            per_epoch=data.per_pass,
        )
