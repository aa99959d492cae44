"""The two samplers that most references are made with."""

from __future__ import annotations

from typing import Any

from zoo.inference import HMC, MAMS, NUTS
from zoo.inference.engine import Engine
from zoo.model import BayesianNetwork

NUM_CHAINS = 4


def hamiltonian_and_microcanonical(
    model: BayesianNetwork,
    *,
    warmup_steps: int = 500,
    num_samples: int = 1000,
    num_steps: int | None = None,
    init: str = "map",
    target_accept_prob: float = 0.85,
) -> dict[str, Engine]:
    """Return two samplers of different kinds, by name: NUTS or HMC, and MAMS.

    Arguments:
        model: The model.
        warmup_steps: Number of draws in which a chain adapts.
        num_samples: Number of draws of a chain after the warmup.
        num_steps: Leapfrog steps of HMC, whose trajectories vary in length by 90 %.
            MAMS takes half as many steps, of two gradients each. By default, NUTS
            replaces HMC, and MAMS adapts its number of steps.
        init: Where the chains start; see `zoo.inference.NUTS`.
        target_accept_prob: That of NUTS; higher where random scales make it diverge.
    """
    options: dict[str, Any] = {
        "num_chains": NUM_CHAINS,
        "warmup_steps": warmup_steps,
        "num_samples": num_samples,
        "shared_mass": True,
        "init": init,
    }
    if num_steps is None:
        nuts = NUTS(model, target_accept_prob=target_accept_prob, **options)
        mams = MAMS(model, **options)
        return {"NUTS": nuts, "MAMS": mams}

    hmc = HMC(model, num_steps=num_steps, jitter=0.9, **options)
    mams = MAMS(model, num_steps=num_steps // 2, **options)
    return {"HMC": hmc, "MAMS": mams}
