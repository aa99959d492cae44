"""The settings of chains that see batches."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.inference.sgmcmc.batched_data import BatchedData
from zoo.inference.sgmcmc.moments import Adaptation
from zoo.inference.sgmcmc.step_sizes import StepSizes
from zoo.posterior.posterior import Posterior

_NOTHING = Adaptation()


@dataclass(frozen=True)
class EpochOptions:
    """Settings of chains that see batches.

    Arguments:
        data: The batches.
        steps: The learning rates, in units of the mean gradient of a datum.
        temperature: Temperature T of the whole posterior, by which the potential is divided.
        friction: Share α of the momentum that is lost at each step, if there are momenta.
        learned: What is learned in burn-in.
        thermostat_rate: How fast a thermostat changes the friction.
        largest: Largest learning rate times curvature per datum, which burn-in learns; None
            for no limit.
        control: The posterior whose mean is the centre of control variates; None for none.
        caveat: What is to be said of the draws.
        parts: Number of parts of an epoch, each of which gives a draw.
    """

    data: BatchedData
    steps: StepSizes
    temperature: float
    friction: float = 0.0
    learned: Adaptation = _NOTHING
    thermostat_rate: float = 0.0
    largest: float | None = None
    control: Posterior | None = None
    caveat: str = ""
    parts: int = 1


def check_friction(friction: float) -> None:
    """Refuse a friction that is no share of a momentum.

    Raises:
        ValueError: It is not between 0 and 1.
    """
    if not 0 < friction < 1:
        raise ValueError(
            f"friction must be a share of the momentum between 0 and 1, not {friction}; write "
            "inference.SGLD for chains without momenta"
        )
