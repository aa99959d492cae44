"""The two kinds of runs that most references come from."""

from __future__ import annotations

from zoo.inference import HMC, MCLMC, NUTS
from zoo.model import BayesianNetwork
from zoo.references.problem import Engine

CHAINS = 4


def hamiltonian_and_microcanonical(
    model: BayesianNetwork,
    *,
    warmup_steps: int = 500,
    num_samples: int = 1000,
    num_steps: int | None = None,
    init: str = "map",
) -> dict[str, Engine]:
    """Return NUTS, or HMC of jittered trajectories where their length is known, and adjusted MCLMC.

    Arguments:
        model: The model.
        warmup_steps: Draws in which a chain adapts.
        num_samples: Draws of a chain that count.
        num_steps: Leapfrog steps of HMC; MCLMC takes half as many, of two gradients
            each.
        init: Where chains begin.
    """
    counts = {
        "num_chains": CHAINS,
        "warmup_steps": warmup_steps,
        "num_samples": num_samples,
    }
    counts |= {"shared_mass": True, "init": init}
    if num_steps is None:
        first = NUTS(model, target_accept_prob=0.85, **counts)
    else:
        first = HMC(model, num_steps=num_steps, jitter=0.9, **counts)
    second = MCLMC(
        model, adjusted=True, num_steps=num_steps and num_steps // 2, **counts
    )
    return {type(first).__name__: first, "MCLMC": second}
