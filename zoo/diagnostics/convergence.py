"""Convergence of a sampler in function space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from zoo.diagnostics.run_faults import MIN_ESS, as_sentences, run_faults
from zoo.diagnostics.temperatures import temperature_faults
from zoo.likelihoods.likelihood import is_noise_site
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.info import MCMCInfo
from zoo.posterior.labelled import ess, rhat, tail_ess
from zoo.posterior.posterior import Posterior
from zoo.runtime.fixed_rows import without_fixed_rows

_USUAL = 1.01  # R-hat that 99 % of the function values may not exceed
_MAXIMUM = 1.05  # R-hat that no function value may exceed
_MAX_WEIGHTS = 500  # weights of a site whose R-hat is computed


@dataclass(frozen=True)
class Convergence:
    """R-hat and effective sample size of function values, and what is wrong with the run.

    Arguments:
        rhat: Rank-normalised split R-hat of each function value, (M,).
        ess: Bulk effective sample size of each function value, (M,).
        tail_ess: Effective sample size of the 5 % and 95 % quantiles of each function
            value, the smaller of both, (M,).
        num_chains: Number of chains C.
        num_samples: Number of draws S of each chain.
        divergences: Number of divergent trajectories.
        weights: The largest R-hat at each site of weights or nodes, by name; infinite
            if chains never moved there.
        faults: What the statistics of the run say against its draws, as sentences with a
            remedy: divergences, saturated trees, a low E-BFMI, chains that never moved.

    Example:
        >>> truth = zoo.references.load("linear")
        >>> found = zoo.convergence(truth.posterior, truth.inputs)
        >>> found.converged, found.warnings, int(found.ess.min()) > 1000
        (True, [], True)
    """

    rhat: Tensor
    ess: Tensor
    tail_ess: Tensor
    num_chains: int
    num_samples: int
    divergences: int
    weights: Mapping[str, float] = field(default_factory=dict)
    faults: Sequence[str] = ()

    @property
    def converged(self) -> bool:
        """Whether 99 % of the function values have R-hat below 1.01, and none is above 1.05.

        A run whose chains agree may have other faults; see `warnings`.
        """
        usual = self.rhat.quantile(0.99)
        largest = self.rhat.max()

        return bool(usual < _USUAL) and bool(largest <= _MAXIMUM)

    @property
    def warnings(self) -> list[str]:
        """Everything that is wrong, as sentences with a remedy; [] if nothing is."""
        found = list(self.faults)
        if not self.converged:
            found.append(
                "chains disagree on the function; run longer chains or more chains"
            )

        smallest = self._smallest_size()
        needed = MIN_ESS * self.num_chains
        if smallest < needed:
            found.append(
                f"the smallest ESS of bulk and tails is {smallest:.0f}, below {needed} "
                f"({MIN_ESS} a chain), so quantiles are imprecise; run longer chains"
            )

        return found

    def __str__(self) -> str:
        agreement = self._agreement()
        size = self._effective_size()
        facts = f"{agreement}; {size}; {self.divergences} divergences"
        told = "".join(f". {sentence}" for sentence in as_sentences(self.warnings))
        if not self.converged:
            return f"not converged: {facts}{told}"

        of_weights = self._agreement_of_weights()
        warned = ", with warnings" if told else ""
        return f"converged{warned}: {facts}{told}{of_weights}"

    __repr__ = __str__

    def _agreement(self) -> str:
        """Say how large the R-hat of function values is."""
        number = len(self.rhat)
        largest = float(self.rhat.max())
        is_usual = self.rhat < _USUAL
        share = float(is_usual.double().mean())

        worst = f"the largest R-hat of {number} function values is {largest:.3f}"
        return f"{worst}, and {share:.0%} are below {_USUAL}"

    def _smallest_size(self) -> float:
        """Return the smallest effective sample size, of bulk and tails."""
        bulk = float(self.ess.min())
        tails = float(self.tail_ess.min())

        return min(bulk, tails)

    def _effective_size(self) -> str:
        """Say how large the effective sample size of function values is."""
        smallest = float(self.ess.min())
        median = float(self.ess.median())

        draws = f"{self.num_chains} x {self.num_samples} draws"
        return f"the smallest ESS is {smallest:.0f}, and the median {median:.0f}, of {draws}"

    def _agreement_of_weights(self) -> str:
        """Explain a large R-hat of weights; "" if there is none."""
        worst = max(self.weights, key=self.weights.__getitem__, default="")
        largest = self.weights.get(worst, 0.0)
        if largest <= _MAXIMUM:
            return ""

        return (
            f". The largest R-hat of weights is {largest:.2f} ({worst}), which is no fault: "
            "the same function has many weights, because hidden units can be permuted and tanh "
            "units can change sign"
        )


def convergence(posterior: Posterior, x: Tensor) -> Convergence:
    r"""Rank-normalised split R-hat and ESS of function values f(x), and the faults of the run.

    Predictions are made of function values, so these must agree between chains. Weights
    need not: permutations of hidden units give the same function. The R-hat of weights
    is in `weights`, and the text explains it if it is large although the functions
    agree.

    The checks are those of Stan, each with a sentence and a remedy in `warnings`:

    * R-hat of function values: 99 % below 1.01, none above 1.05;
    * ESS of bulk and tails of every function value: at least 100 for each chain;
    * divergences: none;
    * trees of NUTS: less than 5 % of the draws reach `max_tree_depth`;
    * E-BFMI of every chain: at least 0.3,

    .. math:: \text{E-BFMI} = \frac{\sum_n (E_n - E_{n-1})^2}{\sum_n (E_n - \bar E)^2};

    * chains: all move.

    The last four are also a warning after the run. A run of fewer than 20 draws a chain
    (50 for E-BFMI) is too short for them.

    References:
        Rank-normalization, folding, and localization: An improved R-hat (Vehtari et al., 2021)
        A Conceptual Introduction to Hamiltonian Monte Carlo (Betancourt, 2017)
        What Are Bayesian Neural Network Posteriors Really Like?
        (Izmailov, Vikram, Hoffman, Wilson, 2021)

    Arguments:
        posterior: The posterior from a sampler, two chains or more.
        x: Inputs (N, ...) of the function values.

    Raises:
        ValueError: A guide's draws, which are independent by construction; one chain;
            fewer than four draws.

    Example:
        >>> truth = zoo.references.load("linear")
        >>> print(zoo.convergence(truth.posterior, truth.inputs))
        converged: the largest R-hat of 60 function values is 1.005, ...
    """
    if not isinstance(posterior, DrawsPosterior):
        raise ValueError(
            "draws from a guide are independent, so their R-hat is always 1; use zoo.fidelity to "
            "compare the guide with a reference, or zoo.diagnostics.sbc to test its calibration"
        )

    num_chains = posterior.num_chains
    length = posterior.num_samples // num_chains
    if num_chains < 2 or length < 4:
        raise ValueError(
            "R-hat needs at least 2 chains and at least 4 draws per chain, "
            f"but this posterior has {num_chains} chains of {length}"
        )

    functions = posterior.predict(x).functions.double().cpu().numpy()
    values = functions.reshape(num_chains, length, -1)  # (C, S, M)
    constant = np.ptp(values, axis=(0, 1)) == 0
    moving = values[:, :, ~constant]
    if moving.shape[-1] == 0:
        raise ValueError(
            "no function value ever changed: every proposal was rejected; "
            "narrow the prior or warm up longer"
        )

    return Convergence(
        rhat=Tensor(rhat(moving)),
        ess=Tensor(ess(moving)),
        tail_ess=Tensor(tail_ess(moving)),
        num_chains=num_chains,
        num_samples=length,
        divergences=_num_divergences(posterior),
        weights=_largest_rhat(posterior),
        faults=_faults(posterior),
    )


def _num_divergences(posterior: DrawsPosterior) -> int:
    """Return the number of divergent trajectories."""
    if not isinstance(posterior.info, MCMCInfo):
        return 0

    return int(posterior.info.diverging.sum())


def _faults(posterior: DrawsPosterior) -> list[str]:
    """Return what the statistics of the run say against its draws."""
    if not isinstance(posterior.info, MCMCInfo):
        return []

    caveat = getattr(posterior.info, "caveat", "")
    faults = run_faults(posterior.info) + temperature_faults(posterior.info)

    return [*faults, caveat] if caveat else faults


def _largest_rhat(posterior: DrawsPosterior) -> dict[str, float]:
    """Return the largest R-hat at each site of weights or nodes, of some of its parameters."""
    priors = posterior.model.latents
    found = {}
    for name, draws in posterior.draws.items():
        if is_noise_site(name):
            continue

        moving = without_fixed_rows(draws, priors[name])
        flat = moving.reshape(*moving.shape[:2], -1)  # (C, S, P)
        values = flat.double().cpu().numpy()
        stride = max(1, values.shape[-1] // _MAX_WEIGHTS)
        of_weights = rhat(values[:, :, ::stride])

        # a weight that never moved has no R-hat
        of_weights = np.nan_to_num(of_weights, nan=np.inf)
        found[name] = float(of_weights.max())

    return found
