"""Evidence that several runs have converged to one posterior, measured on function values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.diagnostics.scores import Functions, classification, floor, regression
from zoo.model import BayesianNetwork
from zoo.posterior.info import MCMCInfo
from zoo.posterior.labelled import ess, rhat
from zoo.posterior.posterior import Posterior
from zoo.posterior.thinning import evenly

EvidenceRow = dict[str, Any]  # a row of a table, by column

BETWEEN = "between"
_QUANTILE = 0.99  # of the R-hats of all function values
_MAX_QUANTILE_RHAT = 1.02
_MAX_RHAT = 1.05
_MAX_FLOOR_SAMPLES = 500


def convergence_evidence(
    functions: Mapping[str, Tensor], posteriors: Mapping[str, Posterior]
) -> list[EvidenceRow]:
    r"""Return a row of evidence for each run, and one for all runs together.

    R-hat is rank-normalised and split, ESS is the bulk ESS. Both are of function values
    without noise. E-BFMI is the minimum over chains,

    .. math:: \text{E-BFMI} = \frac{\sum_n (E_n - E_{n-1})^2}{\sum_n (E_n - \bar E)^2},

    which is low if the momenta do not move a chain between energies. The last row
    treats the chains of all runs as the chains of one sampler. It also has the floor of
    every score of `zoo.fidelity`: the score of one chain against the others.

    References:
        Rank-normalization, folding, and localization: An improved R-hat (Vehtari et al., 2021)
        A Conceptual Introduction to Hamiltonian Monte Carlo (Betancourt, 2017)

    Arguments:
        functions: Function values of each run, (C, S, N, O).
        posteriors: The posterior of each run.
    """
    rows = []
    for name, values in functions.items():
        row = _chain_statistics(name, values)
        row |= _run_statistics(posteriors[name].info)
        rows.append(row)

    pooled = _pool_chains(functions)
    between = _chain_statistics(BETWEEN, pooled)
    first, *_ = posteriors.values()
    between |= _score_floors(first.model, pooled)

    return [*rows, between]


def is_converged(rows: list[EvidenceRow]) -> bool:
    """Return whether R-hat is below 1.02 for 99 % of the function values, and 1.05 at most."""
    for row in rows:
        most_agree = row["R-hat 99 %"] < _MAX_QUANTILE_RHAT
        all_agree = row["R-hat"] <= _MAX_RHAT
        if not (most_agree and all_agree):
            return False
    return True


def bfmi(energy: Tensor) -> Tensor:
    """Return the energy Bayesian fraction of missing information of every chain.

    Arguments:
        energy: Energies, (C, S).
    """
    energy = energy.double()
    steps = energy.diff(dim=1).square().mean(1)
    return steps / energy.var(1, correction=0)  # (C,)


def thin_chains(values: Tensor, num_samples: int) -> Tensor:
    """Return evenly spaced draws of every chain, (C, S, ...) with S = num_samples."""
    return values[:, evenly(values.shape[1], num_samples)]


def _pool_chains(functions: Mapping[str, Tensor]) -> Tensor:
    """Return the chains of all runs, (C, S, N, O), thinned to the same number of draws."""
    runs = list(functions.values())
    num_samples = min(values.shape[1] for values in runs)
    return torch.cat([thin_chains(values, num_samples) for values in runs])


def _chain_statistics(name: str, values: Tensor) -> EvidenceRow:
    """Return R-hat and ESS of function values (C, S, N, O)."""
    flat = values.double().flatten(2).cpu().numpy()  # (C, S, N O)
    num_chains, num_samples, _ = flat.shape
    span = np.ptp(flat, axis=(0, 1))
    varying = flat[:, :, span > 0]

    rhats = rhat(varying)
    high_rhat = float(np.quantile(np.sort(rhats), _QUANTILE))
    max_rhat = float(np.sort(rhats)[-1])

    sizes = ess(varying)
    min_size = float(sizes.min())
    median_size = float(np.median(sizes))

    return {
        "run": name,
        "chains": num_chains,
        "draws": num_samples,
        "R-hat 99 %": round(high_rhat, 4),
        "R-hat": round(max_rhat, 4),
        "least ESS": round(min_size),
        "median ESS": round(median_size),
    }


def _run_statistics(info: MCMCInfo | None) -> EvidenceRow:
    """Return the statistics that a sampler reports; nothing for exact draws."""
    if info is None:
        return {}
    num_divergences = int(info.diverging.sum())
    min_bfmi = None
    if info.energy is not None:
        lowest = float(bfmi(info.energy).min())
        min_bfmi = round(lowest, 2)

    return {
        "divergences": num_divergences,
        "E-BFMI": min_bfmi,
        "gradients": info.num_gradients,
        "seconds": round(info.seconds),
    }


def _score_floors(model: BayesianNetwork, pooled: Tensor) -> EvidenceRow:
    """Return the score of one chain against the others, for every score of `zoo.fidelity`."""
    num_samples = min(pooled.shape[1], _MAX_FLOOR_SAMPLES)
    thinned = thin_chains(pooled, num_samples).double()
    has_classes = model.likelihood.discrete
    chains = []
    for values in thinned:
        no_targets = values.new_zeros(num_samples, 0)
        chain = Functions(values, no_targets)
        chains.append(chain.with_both_classes() if has_classes else chain)

    score = classification if has_classes else regression
    floors = floor(chains, score)
    return {name: round(value, 4) for name, value in floors.items()}
