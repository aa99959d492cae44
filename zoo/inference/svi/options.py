"""The settings of one run of SVI."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.inference.svi.optimizers import MakeOptimizer, MakeScheduler
from zoo.inference.tempering import Tempering


@dataclass(frozen=True)
class TrainerOptions:
    """The settings that the trainer needs.

    Arguments:
        description: The engine in words, for the progress bar.
        num_steps: Gradient steps of the whole run.
        lr: Learning rate.
        optimizer: Makes the optimiser, called as `optimizer(parameters, lr=lr)`.
        scheduler: Makes a learning-rate scheduler from the optimiser.
        num_particles: Draws from the guide at each step.
        tempering: Temperatures of the posterior.
        compile: How a step is run, as in `SVI`.
        progress: Whether to show a progress bar.
        per_epoch: Gradient steps in an epoch.
        precision: That of the network's products: "float32", "bf16" or "auto".
    """

    description: str
    num_steps: int
    lr: float
    optimizer: MakeOptimizer
    scheduler: MakeScheduler | None
    num_particles: int
    tempering: Tempering
    compile: str
    progress: bool
    per_epoch: int = 1
    precision: str = "float32"
