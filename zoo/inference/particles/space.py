"""Particles in coordinates of the prior's scale, and the energies of a model there."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap

from zoo.inference.mcmc.density.potential import Potential

Energy = Callable[[Tensor], Tensor]
_NUM_DRAWS = 100  # of the prior, behind the scale of each coordinate


class TwoEnergies(NamedTuple):
    """TwoEnergies of K particles, of the prior and of the likelihood, and their gradients.

    Arguments:
        prior: Minus the log density of the prior, (K,).
        likelihood: Minus the log likelihood of all data, (K,).
        prior_gradient: Gradient of the first, (K, P).
        likelihood_gradient: Gradient of the second, (K, P).
    """

    prior: Tensor
    likelihood: Tensor
    prior_gradient: Tensor
    likelihood_gradient: Tensor

    def total(self, power: float) -> Tensor:
        """Return the energy of the prior times a power of the likelihood, (K,)."""
        return self.prior + power * self.likelihood

    def gradient(self, power: float) -> Tensor:
        """Return the gradient of that energy, (K, P)."""
        return self.prior_gradient + power * self.likelihood_gradient

    def chosen(self, other: TwoEnergies, is_other: Tensor) -> TwoEnergies:
        """Return these energies, with those of another where a mask (K,) says so."""
        column = is_other[:, None]

        return TwoEnergies(
            torch.where(is_other, other.prior, self.prior),
            torch.where(is_other, other.likelihood, self.likelihood),
            torch.where(column, other.prior_gradient, self.prior_gradient),
            torch.where(column, other.likelihood_gradient, self.likelihood_gradient),
        )


class Space:
    """The unconstrained sites of a model in units of the prior's standard deviations.

    Positions u (K, P) of particles stand for q = scale u. An element that the prior does
    not draw, because it is improper, has scale 1.

    Arguments:
        potential: The potential energy.
    """

    def __init__(self, potential: Potential) -> None:
        self.potential = potential
        self.scale = _prior_scale(potential)  # (P,)

    def from_prior(self, num_particles: int) -> Tensor:
        """Draw positions u from the prior, (K, P)."""
        return self.potential.prior_draws(num_particles) / self.scale

    def values(self, u: Tensor) -> dict[str, Tensor]:
        """Return the values of all sites at positions u (*, P), (*, *shape) by name."""
        values, _ = self.potential.unpack(self.scale * u)

        return values

    def energies(self, u: Tensor) -> tuple[Tensor, ...]:
        """Return the fields of `TwoEnergies` at positions u (K, P); to be traced."""
        prior_gradient, prior = self._gradients(self._prior, u)
        likelihood_gradient, likelihood = self._gradients(self._likelihood, u)

        return prior, likelihood, prior_gradient, likelihood_gradient

    def _gradients(self, energy: Energy, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradients (K, P) and values (K,) of an energy at positions u (K, P)."""
        if self.potential.vectorised:
            return vmap(grad_and_value(energy))(u)

        pairs = [_gradient_of_one(energy, each) for each in u]
        gradients, energies = zip(*pairs, strict=True)

        return torch.stack(gradients), torch.stack(energies)

    def _prior(self, u: Tensor) -> Tensor:
        """Return minus the log density of the latent sites at u (P,), up to a constant."""
        return self._energy(u, latent=True)

    def _likelihood(self, u: Tensor) -> Tensor:
        """Return minus the log density of all other sites at u (P,)."""
        return self._energy(u, latent=False)

    def _energy(self, u: Tensor, latent: bool) -> Tensor:
        sites, jacobian = self.potential.densities(self.scale * u)

        energy = -jacobian if latent else torch.zeros_like(jacobian)
        for site in sites:
            if site.is_latent == latent:
                energy = energy - site.raw

        return energy.to(u.dtype)


def _prior_scale(potential: Potential) -> Tensor:
    """Return the standard deviation of each element under the prior, (P,)."""
    draws = potential.prior_draws(_NUM_DRAWS)
    scale = draws.std(0)
    is_drawn = torch.isfinite(scale) & (scale > 0)

    return torch.where(is_drawn, scale, torch.ones_like(scale))


def _gradient_of_one(energy: Energy, u: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradient (P,) and the value () of an energy at u (P,) by autograd."""
    with torch.enable_grad():
        u = u.detach().requires_grad_()
        value = energy(u)
        (gradient,) = torch.autograd.grad(value, u)

    return gradient, value.detach()
