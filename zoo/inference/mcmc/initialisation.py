"""Where chains begin: at prior draws, the network's own weights, an earlier posterior, or downhill from the prior."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from zoo.inference.mcmc.potential import Potential
from zoo.posterior.posterior import Posterior
from zoo.posterior.thinning import evenly
from zoo.tracing.traced import Traced, way_of

STARTS = ("map", "network", "prior")
DESCENT = 1000  # steps of "map"
Gradient = Callable[[Tensor], tuple[Tensor, Tensor]]


class Start:
    """The positions at which chains begin.

    "map" draws from the prior and goes downhill for a while, each chain on its own: a
    short ensemble of maximum a posteriori fits. A chain that starts at a bare prior
    draw may stay for good in a mode that has next to no mass.

    References:
        Microcanonical Langevin Ensembles: Advancing the Sampling of Bayesian Neural Networks (Sommer, Robnik, Nozadze,
        Seljak, Rügamer, 2025)

    Arguments:
        potential: The potential.
        where: "map", "prior", "network", or a posterior whose draws are taken.
        compile: How the sampler runs its graphs; on a CPU there are too few calls here
            to compile for.
    """

    def __init__(
        self, potential: Potential, where: str | Posterior, compile: bool | str = "auto"
    ) -> None:
        self.potential, self.where, self.num_gradients = potential, where, 0
        way = way_of(compile)
        if where != "map" or DESCENT == 0:
            way = "plain"
        elif way != "plain" and not potential.program.reference.is_cuda:
            way = "traced"
        self.program = Traced(potential.gradient, compile=way, calls=DESCENT)

    def gradient(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradient (C, P) and the potential (C,) at q (C, P), and count."""
        self.num_gradients += len(q)
        return self.program(q)

    def __call__(self, num_chains: int) -> Tensor:
        """Choose positions q (C, P).

        Raises:
            ValueError: The log joint is finite nowhere it was tried; a posterior of
                other sites.
        """
        potential, where = self.potential, self.where
        if where in ("map", "prior"):
            q = finite_draws(potential, self.gradient, num_chains)
            return (
                descend(potential, self.gradient, q, DESCENT) if where == "map" else q
            )
        if where == "network":
            q = potential.pack(potential.own_values()).expand(num_chains, -1).clone()
        else:
            q = drawn(potential, where, num_chains)
        good = finite(*self.gradient(q))
        if not bool(good.all()):
            place = (
                "the network's own weights"
                if where == "network"
                else "draws of the posterior to start at"
            )
            raise ValueError(
                f"the log joint is not finite at {int((~good).sum())} of {num_chains} starts, {place}; start at 'map'"
            )
        return q


def drawn(potential: Potential, posterior: Posterior, num_chains: int) -> Tensor:
    """Take positions (C, P) from a posterior: evenly from a sampler's draws, anew from a guide."""
    draws = posterior.sample_all(num_chains)
    wanted = {
        name: tuple(prior.shape()) for name, prior in potential.program.latents.items()
    }
    given = {name: tuple(value.shape[1:]) for name, value in draws.items()}
    odd = sorted(
        name
        for name in wanted.keys() | given.keys()
        if wanted.get(name) != given.get(name)
    )
    if odd:
        parts = (
            f"{name} (posterior {given.get(name, 'none')}, model {wanted.get(name, 'none')})"
            for name in odd
        )
        raise ValueError(
            f"chains cannot start at this posterior, it is of another model: {', '.join(parts)}"
        )
    chosen = evenly(len(next(iter(draws.values()))), num_chains)
    return potential.pack(
        {name: value[chosen.to(value.device)] for name, value in draws.items()}
    )


def finite_draws(
    potential: Potential, gradient: Gradient, num_chains: int, attempts: int = 100
) -> Tensor:
    """Draw starting points (C, P) from the prior where the log joint and its gradient are finite."""
    q = potential.prior_draws(num_chains)
    for _ in range(attempts):
        bad = ~finite(*gradient(q))
        if not bool(bad.any()):
            return q
        q[bad] = potential.prior_draws(int(bad.sum()))
    raise ValueError(
        f"the log joint was not finite at {attempts} draws from the prior; scale the data, or narrow the prior"
    )


def descend(potential: Potential, gradient: Gradient, q: Tensor, steps: int) -> Tensor:
    """Go downhill by Adam, every chain on its own; a chain that meets an infinite energy stays where it was."""
    held = (
        potential.parents()
    )  # scales of hierarchical priors, say: the joint density has no maximum in them
    moves = torch.cat(
        [
            q.new_full((shape.numel(),), name not in held)
            for name, shape in potential.shapes.items()
        ]
    )
    good, q = q, q.clone().requires_grad_()
    optimizer = torch.optim.Adam([q], lr=0.03)
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
