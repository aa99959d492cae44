"""E-BFMI over all draws of a run, also those that are not stored."""

from __future__ import annotations

import torch
from torch import Tensor


class Energies:
    r"""Sums over the energies of all draws, which give the fraction of missing information.

    .. math:: \text{E-BFMI} = \frac{\sum_n (E_n - E_{n-1})^2}{\sum_n (E_n - \bar E)^2}

    Thinned draws cannot give it, because it compares consecutive draws.

    `state` holds (C,) tensors: the number of draws `count`, the `mean` energy, the sum of
    `squares` of the deviations from it, the sum of squared `steps` from draw to draw, and the
    `last` energy. It is empty before the first draw, and if the kernel draws no momenta.

    References:
        A Conceptual Introduction to Hamiltonian Monte Carlo (Betancourt, 2017)
    """

    def __init__(self) -> None:
        self.state: dict[str, Tensor] = {}

    def add(self, energy: Tensor | None) -> None:
        """Add the energies (C, S) of consecutive draws, None if the kernel draws no momenta."""
        if energy is None or energy.shape[1] == 0:
            return

        energy = energy.double()  # (C, S)
        before = self.state or self._without_draws(energy)

        with_last = torch.cat([before["last"][:, None], energy], 1)
        steps = with_last.diff(dim=1).square().sum(1)

        num_new = energy.shape[1]
        count = before["count"] + num_new
        mean = energy.mean(1)
        difference = mean - before["mean"]
        squares = (energy - mean[:, None]).square().sum(1)
        between = difference.square() * before["count"] * num_new / count

        self.state = {
            "count": count,
            "mean": before["mean"] + difference * num_new / count,
            "squares": before["squares"] + squares + between,
            "steps": before["steps"] + steps,
            "last": energy[:, -1],
        }

    def bfmi(self) -> Tensor | None:
        """Return the E-BFMI of each chain (C,); None without energies or with one draw."""
        if not self.state or float(self.state["count"][0]) < 2:
            return None

        fraction = self.state["steps"] / self.state["squares"]

        return fraction.float().cpu()

    def _without_draws(self, energy: Tensor) -> dict[str, Tensor]:
        """Return the state before the first of the energies (C, S)."""
        first = energy[:, 0]
        zeros = torch.zeros_like(first)

        return {
            "count": zeros,
            "mean": first,
            "squares": zeros,
            "steps": zeros,
            "last": first,
        }
