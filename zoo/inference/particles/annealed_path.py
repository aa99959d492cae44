"""Particles on their way from the prior to the posterior, and the weights of their paths."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from zoo.inference.particles.space import TwoEnergies
from zoo.tracing.traced import Traced

_SHARE = 0.7  # of the steps, in which the power of the likelihood grows
_EXPONENT = 3  # of its growth: most steps go to small powers
_FIRST_STEP_SIZE = 0.1  # in standard deviations of the prior
_LARGEST_STEP_SIZE = 0.5
_FRICTION = 1.0  # the momentum is forgotten over one standard deviation of the prior
_REJECTED = 0.02  # share of the moves that the step size aims at
_FASTEST_CHANGE = 1.1  # of the step size, by one step


def power_at(number: int, num_steps: int) -> float:
    """Return the power of the likelihood after a number of steps, from 0 to 1."""
    share = number / (_SHARE * num_steps)

    return min(1.0, share) ** _EXPONENT


class AnnealedPath:
    r"""Generalised Hamiltonian moves under powers of the likelihood that rise to one.

    .. math:: \gamma_t(z) = p(z) \, p(y | z)^{\beta_t}, \qquad
        \log w = \sum_t (\beta_t - \beta_{t-1}) \log p(y | z_{t-1})

    A move refreshes a part of the momentum, takes one leapfrog step, and is accepted or
    reversed, so that it leaves γ_t as it is for any step size.

    References:
        Annealed importance sampling (Neal, 2001)
        A generalized guided Monte Carlo algorithm (Horowitz, 1991)

    Arguments:
        energies: Gives the fields of `TwoEnergies` at positions (K, P).
        u: Draws from the prior, (K, P).
        num_steps: Number of steps.
    """

    def __init__(self, energies: Traced, u: Tensor, num_steps: int) -> None:
        self.energies_at = energies
        self.num_steps = num_steps
        self.done = 0
        self.u = u
        self.momentum = torch.randn_like(u)
        self.energies = TwoEnergies(*energies(u))
        self.log_weights = u.new_zeros(len(u), dtype=torch.float64)
        self.step_size = _FIRST_STEP_SIZE
        self.acceptance: list[float] = []

    @property
    def power(self) -> float:
        """The present power of the likelihood."""
        return power_at(self.done, self.num_steps)

    def step(self) -> None:
        """Raise the power, add to the weights, and move every particle."""
        before = self.power
        self.done += 1
        rise = self.power - before
        log_likelihood = -self.energies.likelihood.double()
        self.log_weights = self.log_weights + rise * log_likelihood

        self._refresh_momentum()
        rejected = self._move()
        self.acceptance.append(1 - rejected)
        self._adapt(rejected)

    def _refresh_momentum(self) -> None:
        """Replace a part of the momentum by noise."""
        kept = math.exp(-_FRICTION * self.step_size)
        noise = torch.randn_like(self.momentum)
        self.momentum = kept * self.momentum + math.sqrt(1 - kept**2) * noise

    def _move(self) -> float:
        """Take one leapfrog step, accept or reverse it, and return the share of rejections."""
        power, half = self.power, self.step_size / 2
        energies = self.energies
        start = energies.total(power) + _kinetic(self.momentum)

        momentum = self.momentum - half * energies.gradient(power)
        u = self.u + self.step_size * momentum
        there = TwoEnergies(*self.energies_at(u))
        momentum = momentum - half * there.gradient(power)

        end = there.total(power) + _kinetic(momentum)
        probability = (start - end).exp().clamp(max=1.0).nan_to_num(0.0)  # (K,)
        accepted = torch.rand_like(probability) < probability

        column = accepted[:, None]
        self.u = torch.where(column, u, self.u)
        self.momentum = torch.where(column, momentum, -self.momentum)
        self.energies = energies.chosen(there, accepted)

        return 1 - float(probability.mean())

    def _adapt(self, rejected: float) -> None:
        """Change the step size towards the wanted share of rejections.

        Rejections grow with the third power of the step size.
        """
        ratio = _REJECTED / max(rejected, 1e-4)
        change = ratio ** (1 / 6)
        change = min(max(change, 1 / _FASTEST_CHANGE**2), _FASTEST_CHANGE)
        self.step_size = min(self.step_size * change, _LARGEST_STEP_SIZE)


def _kinetic(momentum: Tensor) -> Tensor:
    """Return the kinetic energy of momenta (K, P), (K,)."""
    return 0.5 * momentum.square().sum(-1)
