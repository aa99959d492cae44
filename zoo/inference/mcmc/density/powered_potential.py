"""The potential energy of chains on the path from the prior to the posterior."""

from __future__ import annotations

from copy import copy

import torch
from torch import Tensor
from torch.func import vmap

from zoo.inference.mcmc.density.potential import Potential
from zoo.runtime.derivatives import with_autograd_if_needed


class PoweredPotential(Potential):
    r"""Potential energy of chains, each at its own power β of the likelihood.

    .. math:: U_\beta(q) = U_0(q) + \beta \, V(q), \quad
        U_0 = -\log p(z) - \log |\partial z / \partial q|, \quad V = -\log p(y \mid z)

    At β = 0 the chains draw from the prior, at β = 1 from the posterior. If the posterior has
    temperatures, V is the difference of its potential and that of the prior.

    Arguments:
        potential: The potential energy of the posterior.
        powers: Power of every chain, (C,), read at each call; who writes to it changes the target.
    """

    def __init__(self, potential: Potential, powers: Tensor) -> None:
        vars(self).update(vars(copy(potential)))
        self.powers = powers
        self.widest = 0  # the powers are of all chains, so these run at once
        self._takes_changes = self.vectorised and self._probe_changes()

    def energy(self, q: Tensor, *own: Tensor) -> Tensor:
        """Return U_β () at q (P,) for a power β ()."""
        (power,) = own
        prior, change = self._parts(q)
        energy = prior + power * change

        return energy.to(q.dtype)

    def rows(self, q: Tensor) -> tuple[Tensor, ...]:
        """Return q (M, P) and the power (M,) of each; rows of one chain follow each other."""
        powers = self.powers.repeat_interleave(len(q) // len(self.powers))

        return q, powers

    def change(self, q: Tensor) -> Tensor:
        """Return V (), the potential of the posterior minus that of the prior, at q (P,)."""
        _, change = self._parts(q)

        return change.to(q.dtype)

    def changes(self, q: Tensor) -> Tensor:
        """Return V (M,) at q (M, P). Call it inside `program.running()`."""
        if self._takes_changes:
            return vmap(self.change)(q)

        return torch.stack([with_autograd_if_needed(self.change, row) for row in q])

    def _probe_changes(self) -> bool:
        """Return whether one call can evaluate V of all chains, without gradients.

        A recurrent layer has a batching rule for its gradient and none without.
        """
        q = self.program.like.new_zeros(2, self.size)
        with self.program.running(), torch.random.fork_rng():
            try:
                vmap(self.change)(q)
            except (RuntimeError, NotImplementedError, ValueError):
                return False

        return True

    def _parts(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """Return U_0 () and V () at q (P,)."""
        sites, jacobian = self.densities(q)

        prior = -jacobian
        change = torch.zeros_like(jacobian)
        for site in sites:
            if site.is_latent:
                prior = prior - site.raw

            if not site.is_latent:
                change = change - site.cooled
            elif self.tempering.whole != 1.0:
                change = change + site.raw - site.cooled

        return prior, change
