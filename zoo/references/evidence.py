"""The evidence that runs have converged to one posterior, in function space, within and between them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from zoo.diagnostics.scores import Functions, classification, floor, regression
from zoo.posterior.info import MCMCInfo
from zoo.posterior.labelled import ess, rhat
from zoo.posterior.posterior import Posterior
from zoo.posterior.thinning import evenly
from zoo.predictive.prediction import Prediction

QUANTILE, MOST, WORST = (
    0.99,
    1.02,
    1.05,
)  # of function values, such a share below, and all below
BETWEEN = "between"


def evidence(
    functions: Mapping[str, Tensor], posteriors: Mapping[str, Posterior]
) -> list[dict[str, object]]:
    r"""Return a row of evidence for each run, and one for all of them together.

    R-hat is rank-normalised and split, ESS that of the bulk, both of function values
    without noise. E-BFMI is the least over chains,

    .. math:: \text{E-BFMI} = \frac{\sum_n (E_n - E_{n-1})^2}{\sum_n (E_n - \bar E)^2},

    low where momenta do not carry a chain across energies. The last row takes every
    run's chains as one sampler's, and has the floor of every score of `zoo.fidelity`:
    what one chain scores against the rest.

    References:
        Rank-normalization, folding, and localization: An improved R-hat (Vehtari et al., 2021)
        A Conceptual Introduction to Hamiltonian Monte Carlo (Betancourt, 2017)

    Arguments:
        functions: Function values (C, S, M, O) by run.
        posteriors: The posteriors they are of.
    """
    rows = [
        row(name, values, posteriors[name].info) for name, values in functions.items()
    ]
    least = min(values.shape[1] for values in functions.values())
    together = torch.cat([thinned(values, least) for values in functions.values()])
    discrete = (
        next(iter(posteriors.values())).model.likelihood.discrete
        and together.shape[-1] > 1
    )
    chains = [
        Functions(chain, chain.new_zeros(len(chain), 0))
        for chain in thinned(together, min(least, 500)).double()
    ]
    scores = floor(chains, classification if discrete else regression)
    return [
        *rows,
        row(BETWEEN, together, None)
        | {name: round(value, 4) for name, value in scores.items()},
    ]


def row(name: str, values: Tensor, info: MCMCInfo | None) -> dict[str, object]:
    """Return the evidence of function values (C, S, M, O), and what the run says of itself."""
    flat = values.double().flatten(2).cpu().numpy()
    moving = flat[:, :, np.ptp(flat, axis=(0, 1)) > 0]
    worst, size = np.sort(rhat(moving)), ess(moving)
    found: dict[str, object] = {
        "run": name,
        "chains": len(flat),
        "draws": flat.shape[1],
        "R-hat 99 %": round(float(np.quantile(worst, QUANTILE)), 4),
        "R-hat": round(float(worst[-1]), 4),
        "least ESS": round(float(size.min())),
        "median ESS": round(float(np.median(size))),
    }
    if info is not None:
        found["divergences"] = int(info.diverging.sum())
        found["E-BFMI"] = (
            None if info.energy is None else round(float(bfmi(info.energy).min()), 2)
        )
        found["gradients"] = info.num_gradients
        found["seconds"] = round(info.seconds)
    return found


def bfmi(energy: Tensor) -> Tensor:
    """Return the energy Bayesian fraction of missing information of every chain (C,) of energies (C, S)."""
    energy = energy.double()
    return energy.diff(dim=1).square().mean(1) / energy.var(1, correction=0)


def ships(rows: list[dict[str, object]]) -> bool:
    """Tell whether the evidence is enough: R-hat of 99 % of the function values below 1.02, and of none above 1.05."""
    return all(found["R-hat 99 %"] < MOST and found["R-hat"] <= WORST for found in rows)


def thinned(values: Tensor, count: int) -> Tensor:
    """Take a number of draws of every chain (C, S, ...), evenly."""
    return values[:, evenly(values.shape[1], count)]


def function_values(posterior: Posterior, outputs: Tensor) -> Tensor:
    """Return function values of a network's outputs (C, S, M, O): the outputs, or class probabilities."""
    noise = {name: value.flatten(0, 1) for name, value in posterior.draws.items()}
    prediction = Prediction(posterior.model.likelihood, outputs.flatten(0, 1), noise)
    return prediction.functions.unflatten(0, (len(outputs), -1))
