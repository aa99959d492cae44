"""Convergence of a sampler, evaluated where it matters: in function space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.info import MCMCInfo
from zoo.posterior.labelled import ess, rhat
from zoo.posterior.posterior import Posterior

WORST = 1.05  # R-hat that none may exceed


@dataclass(frozen=True)
class Convergence:
    """R-hat and effective sample size of function values, with a verdict in words.

    Arguments:
        rhat: Rank-normalised split R-hat of each function value, (M,).
        ess: Bulk effective sample size of each function value, (M,).
        num_chains: Number of chains C.
        num_samples: Draws per chain S.
        divergences: Number of divergent trajectories.
        weights: The largest R-hat at each site of weights or nodes, by name; infinite
            where chains never moved.
    """

    rhat: Tensor
    ess: Tensor
    num_chains: int
    num_samples: int
    divergences: int
    weights: Mapping[str, float] = field(default_factory=dict)

    @property
    def converged(self) -> bool:
        """Whether 99 % of the function values have R-hat below 1.02, and none is above 1.05."""
        return bool(self.rhat.quantile(0.99) < 1.02) and bool(self.rhat.max() <= WORST)

    def __str__(self) -> str:
        within = float((self.rhat < 1.02).double().mean())
        facts = (
            f"R-hat of {len(self.rhat)} function values: {self.rhat.max():.3f} at most, {within:.0%} below 1.02; "
            f"ESS {self.ess.min():.0f} at least, {self.ess.median():.0f} in the middle, of "
            f"{self.num_chains} x {self.num_samples} draws; {self.divergences} divergences"
        )
        if not self.converged:
            return f"not converged: {facts}; run longer, or with more chains"
        return f"converged: {facts}{self._of_weights()}"

    def _of_weights(self) -> str:
        worst = max(self.weights, key=self.weights.__getitem__, default=None)
        if worst is None or self.weights[worst] <= WORST:
            return ""
        return (
            f". R-hat of weights is up to {self.weights[worst]:.2f} ({worst}): hidden units can be permuted, and units "
            "of tanh turned round, without changing the function, so chains may agree on functions and not on weights"
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<p>{self}</p>"


def convergence(posterior: Posterior, x: Tensor) -> Convergence:
    r"""Rank-normalised split R-hat and bulk ESS of function values f(x), draws of a sampler.

    Weights may wander among the permutations of hidden units that give one and the same
    function, so their R-hat says little; function values are what predictions are made
    of. Theirs is in `weights`, and is explained where it is large though the functions
    agree.

    References:
        Rank-normalization, folding, and localization: An improved R-hat (Vehtari et al., 2021)
        What Are Bayesian Neural Network Posteriors Really Like? (Izmailov, Vikram, Hoffman, Wilson, 2021)

    Arguments:
        posterior: The posterior from a sampler, two chains or more.
        x: Inputs (N, ...) at which the functions are looked at.

    Raises:
        ValueError: A guide's draws, which are independent by construction; one chain;
            fewer than four draws.
    """
    if not isinstance(posterior, DrawsPosterior):
        raise ValueError(
            "draws from a guide are independent, so their R-hat is 1 whatever the guide; zoo.diagnostics.sbc says "
            "whether guide and engine are calibrated, and zoo.fidelity how far they are from the truth"
        )
    chains, draws = posterior.num_chains, posterior.num_samples // posterior.num_chains
    if chains < 2 or draws < 4:
        raise ValueError(
            f"R-hat needs at least 2 chains and at least 4 draws per chain, and this posterior has {chains} x {draws}"
        )
    values = (
        posterior.predict(x).functions.double().cpu().numpy().reshape(chains, draws, -1)
    )  # (C, S, M)
    still = np.ptp(values, axis=(0, 1)) == 0
    moving = values[:, :, ~still]
    if moving.shape[-1] == 0:
        raise ValueError(
            "no function value ever changed: every proposal was rejected; narrow the prior or warm up longer"
        )
    divergences = 0
    if isinstance(posterior.info, MCMCInfo):
        divergences = int(posterior.info.diverging.sum())
    weights = {
        name: worst(value)
        for name, value in posterior.draws.items()
        if not name.startswith("likelihood:")
    }
    return Convergence(
        Tensor(rhat(moving)), Tensor(ess(moving)), chains, draws, divergences, weights
    )


def worst(draws: Tensor) -> float:
    """Return the largest R-hat of a site's draws (C, S, *shape), of 500 of its numbers at most."""
    values = draws.flatten(2).double().cpu().numpy()
    values = values[:, :, :: max(1, values.shape[-1] // 500)]
    return float(np.nan_to_num(rhat(values), nan=np.inf).max())
