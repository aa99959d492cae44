"""Initial positions of chains: prior draws, optimised ones, the network's weights, a posterior."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.inference.mcmc.density.potential import GradientFunction, Potential, is_finite
from zoo.posterior.posterior import Posterior
from zoo.posterior.thinning import evenly
from zoo.tracing.traced import Traced

INITS = ("map", "network", "prior")
DESCENT = 1000  # optimisation steps of "map"
_LEARNING_RATE = 0.03
_ATTEMPTS = 100  # draws from the prior before giving up


class Initialiser:
    """Chooses the initial positions of chains.

    "map" draws from the prior and optimises the log joint density for a number of steps, each
    chain separately: a short ensemble of maximum a posteriori fits. A chain that begins at a
    prior draw itself may stay in a mode that has hardly any mass.

    References:
        Microcanonical Langevin Ensembles: Advancing the Sampling of Bayesian Neural Networks
        (Sommer, Robnik, Nozadze, Seljak, Rügamer, 2025)

    Arguments:
        potential: The potential energy.
        init: "map", "prior", "network", or a posterior whose draws are used.
        compile: How the sampler runs its graphs. Nothing is compiled here, because there are
            too few calls.
    """

    def __init__(
        self, potential: Potential, init: str | Posterior, compile: bool | str = "auto"
    ) -> None:
        self.potential = potential
        self.init = init
        self.num_gradients = 0

        is_descent = init == "map" and DESCENT > 0
        self.program = Traced(
            potential.gradient,
            compile=compile if is_descent else "plain",
            calls=DESCENT,
            compiles=False,
        )

    def gradient(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradient (C, P) and the potential (C,) at q (C, P), and count the call."""
        self.num_gradients += len(q)
        gradient, energy = self.program(q)

        return gradient, energy

    def __call__(self, num_chains: int) -> Tensor:
        """Return initial positions q, (C, P).

        Raises:
            ValueError: The log joint density is not finite at the positions, or the posterior
                is of other sites.
        """
        potential = self.potential
        if isinstance(self.init, Posterior):
            q = _posterior_draws(potential, self.init, num_chains)
            return self._checked(q, "draws of the posterior given as init")

        if self.init == "network":
            values = potential.pack(potential.initial_values())
            q = values.expand(num_chains, -1).clone()

            return self._checked(q, "the network's own weights")

        q = finite_prior_draws(potential, self.gradient, num_chains)
        if self.init == "map":
            q = optimise_positions(potential, self.gradient, q, DESCENT)

        return q

    def _checked(self, q: Tensor, description: str) -> Tensor:
        """Refuse positions (C, P) at which the log joint density is not finite."""
        finite = is_finite(*self.gradient(q))

        num_bad = int((~finite).sum())
        if num_bad > 0:
            raise ValueError(
                f"the log joint density is not finite at {num_bad} of {len(q)} initial "
                f"positions, {description}; write init='map'"
            )

        return q


def _posterior_draws(
    potential: Potential, posterior: Posterior, num_chains: int
) -> Tensor:
    """Return draws (C, P) of a posterior: evenly spaced stored draws, or new ones of a guide."""
    draws = posterior.sample_all(num_chains)
    _check_sites(potential, draws)

    num_draws = len(next(iter(draws.values())))
    index = evenly(num_draws, num_chains)

    chosen = {}
    for name, value in draws.items():
        chosen[name] = value[index.to(value.device)]

    return potential.pack(chosen)


def _check_sites(potential: Potential, draws: dict[str, Tensor]) -> None:
    """Refuse draws (S, *shape) of other sites than those of the model."""
    wanted = {}
    for name, prior in potential.program.latents.items():
        wanted[name] = tuple(prior.shape())

    given = {}
    for name, value in draws.items():
        if name not in potential.program.deterministic:
            given[name] = tuple(value.shape[1:])

    parts = []
    for name in sorted(wanted.keys() | given.keys()):
        there = given.get(name, "none")
        here = wanted.get(name, "none")
        if there != here:
            parts.append(f"{name} (posterior {there}, model {here})")

    if parts:
        differences = ", ".join(parts)
        raise ValueError(
            f"init is the posterior of another model: they differ at {differences}; give a "
            "posterior of this model"
        )


def finite_prior_draws(
    potential: Potential, gradient: GradientFunction, num_chains: int
) -> Tensor:
    """Return draws (C, P) from the prior at which the log joint and its gradient are finite.

    Raises:
        ValueError: A chain has no such draw after many attempts.
    """
    q = potential.prior_draws(num_chains)
    for _ in range(_ATTEMPTS):
        bad = ~is_finite(*gradient(q))
        if not bool(bad.any()):
            return q

        q[bad] = potential.prior_draws(int(bad.sum()))

    raise ValueError(
        f"the log joint density was not finite at {_ATTEMPTS} draws from the prior; scale "
        "the data, or narrow the prior"
    )


def optimise_positions(
    potential: Potential, gradient_function: GradientFunction, q: Tensor, num_steps: int
) -> Tensor:
    """Minimise the potential by Adam, each chain separately.

    A chain whose potential becomes infinite keeps its last finite position. Sites that the
    priors of others depend on, e.g. scales of hierarchical priors, do not move: the joint
    density has no maximum over them.

    Arguments:
        potential: The potential energy.
        gradient_function: The gradient (C, P) and the potential (C,) at positions.
        q: Initial positions, (C, P).
        num_steps: Number of steps.
    """
    moves = _moving_elements(potential, q)
    best = q
    q = q.clone()
    q.requires_grad_()

    optimizer = torch.optim.Adam([q], lr=_LEARNING_RATE)
    for _ in range(num_steps):
        gradient, energy = gradient_function(q.detach())
        finite = is_finite(gradient, energy)[:, None]
        best = torch.where(finite, q.detach(), best)

        zeros = torch.zeros_like(gradient)
        q.grad = torch.where(finite, gradient * moves, zeros)
        optimizer.step()

    gradient, energy = gradient_function(q.detach())
    finite = is_finite(gradient, energy)[:, None]

    return torch.where(finite, q.detach(), best)


def _moving_elements(potential: Potential, q: Tensor) -> Tensor:
    """Return 1 for elements of q that are optimised and 0 for others, (P,)."""
    parents = potential.parents()

    parts = []
    for name, shape in potential.shapes.items():
        moves = name not in parents
        parts.append(q.new_full((shape.numel(),), moves))

    return torch.cat(parts)
