"""Where chains begin: at prior draws, at the network's own weights, or where a short descent from the prior ends."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from zoo.inference.potential import Potential

STARTS = ("map", "network", "prior")
Gradient = Callable[[Tensor], tuple[Tensor, Tensor]]


def start(potential: Potential, gradient: Gradient, where: str, num_chains: int, descent: int = 1000) -> Tensor:
    """Choose the positions q (C, P) at which chains begin.

    "map" draws from the prior and goes downhill for a while, each chain on its own: a short ensemble of maximum a
    posteriori fits. A chain that starts at a bare prior draw may stay for good in a mode that has next to no mass.

    References:
        Microcanonical Langevin Ensembles: Advancing the Sampling of Bayesian Neural Networks (Sommer, Robnik, Nozadze,
        Seljak, Rügamer, 2025)

    Arguments:
        potential: The potential.
        gradient: Its gradient and value for all chains.
        where: "map", "prior" or "network".
        num_chains: Number of chains C.
        descent: Steps of Adam downhill, for "map".

    Raises:
        ValueError: The log joint is finite nowhere it was tried.
    """
    if where == "network":
        q = potential.pack(potential.own_values()).expand(num_chains, -1).clone()
        if not bool(finite(*gradient(q)).all()):
            raise ValueError("the log joint is not finite at the network's own weights; start at 'prior' or 'map'")
        return q
    q = finite_draws(potential, gradient, num_chains)
    return descend(potential, gradient, q, descent) if where == "map" else q


def finite_draws(potential: Potential, gradient: Gradient, num_chains: int, attempts: int = 100) -> Tensor:
    """Draw starting points (C, P) from the prior where the log joint and its gradient are finite."""
    q = torch.stack([potential.prior_draw() for _ in range(num_chains)])
    for _ in range(attempts):
        good = finite(*gradient(q))
        if bool(good.all()):
            return q
        q = torch.where(good[:, None], q, torch.stack([potential.prior_draw() for _ in range(num_chains)]))
    raise ValueError(
        f"the log joint was not finite at {attempts} draws from the prior; scale the data, or narrow the prior"
    )


def descend(potential: Potential, gradient: Gradient, q: Tensor, steps: int) -> Tensor:
    """Go downhill by Adam, every chain on its own; a chain that meets an infinite energy stays where it was."""
    q = q.clone().requires_grad_()
    optimizer = torch.optim.Adam([q], lr=0.03)
    # scales of hierarchical priors stay where they are: the joint density has no maximum in them
    parts = [q.new_full(shape, not name.startswith("prior:")) for name, shape in potential.shapes.items()]
    moves = torch.cat([part.flatten() for part in parts])
    good = q.detach().clone()
    for _ in range(steps):
        slope, energy = gradient(q.detach())
        well = finite(slope, energy)[:, None]
        good = torch.where(well, q.detach(), good)
        q.grad = torch.where(well, slope * moves, torch.zeros_like(slope))
        optimizer.step()
    return torch.where(finite(*gradient(q.detach()))[:, None], q.detach(), good)


def finite(slope: Tensor, energy: Tensor) -> Tensor:
    """Tell of each chain whether its energy and gradient are finite, (C,)."""
    return torch.isfinite(energy) & torch.isfinite(slope).all(-1)
