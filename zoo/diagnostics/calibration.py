"""Simulation-based calibration: whether an engine gives back the posterior when the truth is drawn from the prior."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import pyro
import torch
from pyro import poutine
from torch import Tensor

from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.prediction import Prediction
from zoo.runtime.progress import bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEVEL, REPLICATES = (
    0.95,
    4000,
)  # of the bands, for all quantities together; draws that they are found from


@dataclass(frozen=True, repr=False, eq=False)
class Ranks:
    """Ranks of the true value among the posterior's draws, which are uniform where all is well.

    Arguments:
        ranks: Rank of each simulation, (L,), from 0 to the number of draws, by
            quantity.
        num_samples: Draws of each posterior.
    """

    ranks: Mapping[str, Tensor]
    num_samples: int

    @property
    def deviations(self) -> dict[str, float]:
        """The largest deviation of each quantity's distribution function, in units of the band's half width."""
        return {
            name: float(distance(rank, self.num_samples) / self.critical)
            for name, rank in self.ranks.items()
        }

    @property
    def outside(self) -> list[str]:
        """The quantities that leave the bands, the farthest first."""
        deviations = self.deviations
        return sorted(
            (name for name in deviations if deviations[name] > 1),
            key=lambda name: -deviations[name],
        )

    @property
    def critical(self) -> float:
        """The distance that one quantity among all exceeds with a probability of five in a hundred."""
        return critical(
            len(next(iter(self.ranks.values()))), self.num_samples, len(self.ranks)
        )

    def plot(self) -> Axes:
        """Draw the difference of each distribution function from the uniform one, with the bands."""
        from zoo import plots

        return plots.ranks(self.ranks, self.num_samples, self.critical)

    def __str__(self) -> str:
        number = len(next(iter(self.ranks.values())))
        what = f"{len(self.ranks)} quantities in {number} simulations of {self.num_samples} draws"
        if not self.outside:
            return f"calibrated: {what}, all within the bands"
        shown = ", ".join(
            f"{name} ({describe(self.ranks[name], self.num_samples)})"
            for name in self.outside[:4]
        )
        return f"not calibrated: {what}, {len(self.outside)} outside the bands: {shown}"

    __repr__ = __str__


def distance(ranks: Tensor, num_samples: int) -> Tensor:
    """Return the largest standardised distance of the distribution function of ranks (*, L) from the uniform one."""
    counts = torch.zeros(*ranks.shape[:-1], num_samples + 1, dtype=torch.float64)
    counts.scatter_add_(-1, ranks, torch.ones_like(ranks, dtype=torch.float64))
    below = counts.cumsum(-1)[..., :-1] / ranks.shape[-1]
    expected = torch.arange(1, num_samples + 1) / (num_samples + 1)
    return (
        (below - expected).abs() / (expected * (1 - expected) / ranks.shape[-1]).sqrt()
    ).amax(-1)


@lru_cache
def critical(num_simulations: int, num_samples: int, num_quantities: int) -> float:
    """Return the distance that the farthest of some quantities of uniform ranks exceeds five times in a hundred."""
    random = torch.Generator().manual_seed(0)
    uniform = torch.randint(
        num_samples + 1, (REPLICATES, num_simulations), generator=random
    )
    return float(
        distance(uniform, num_samples).quantile(1 - (1 - LEVEL) / num_quantities)
    )


def describe(ranks: Tensor, num_samples: int) -> str:
    """Say what shape of ranks it is: a draw too narrow puts the truth at the ends."""
    place = (ranks.double() + 0.5) / (num_samples + 1)
    if abs(float(place.mean()) - 0.5) > 0.08:
        return "draws too low" if place.mean() > 0.5 else "draws too high"
    return "draws too narrow" if float(place.var()) > 1 / 12 else "draws too wide"


def sbc(
    model: BayesianNetwork,
    fit: Callable[[tuple[Tensor, Tensor]], Posterior],
    x: Tensor,
    functions_at: Tensor | None = None,
    *,
    num_simulations: int = 200,
    num_samples: int = 99,
    progress: bool = True,
) -> Ranks:
    r"""Draw the truth from the prior, data from it, fit, and rank the truth among the posterior's draws; many times.

    .. math:: z^* \sim p(z), \quad y \sim p(y \mid z^*), \quad z_1, \dots, z_S \sim q(z \mid y): \quad
        \#\{ s: g(z_s) < g(z^*) \} \sim \text{Uniform}\{0, \dots, S\}

    The quantities g are function values, the noise, and the log likelihood of the data,
    which sees what the others do not; never single weights, whose names the
    permutations of hidden units exchange.

    References:
        Validating Bayesian Inference Algorithms with Simulation-Based Calibration (Talts, Betancourt, Simpson, Vehtari,
        Gelman, 2018)
        Simulation-Based Calibration Checking for Bayesian Computation: The Choice of Test Quantities Shapes Sensitivity
        (Modrák, Moon, Kim, Bürkner, Huurre, Faltejsková, Gelman, Vehtari, 2023)
        Graphical test for discrete uniformity and its applications in goodness-of-fit evaluation and multiple sample
        comparison (Säilynoja, Bürkner, Vehtari, 2022)

    Arguments:
        model: A model without point estimates.
        fit: Fits simulated data (x, y): a sampler's `fit`, or a function that makes a
            fresh guide and fits it.
        x: Inputs (N, ...) of the simulated data.
        functions_at: Inputs at which functions are ranked; the first three of x where
            nothing is said.
        num_simulations: Number of simulations L.
        num_samples: Draws S of each posterior, thinned to be nearly independent.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: A model with point estimates, which have no prior to be drawn from.
    """
    if model.plan.points:
        raise ValueError(
            f"calibration draws the truth from the prior, and {', '.join(list(model.plan.points)[:3])} have none: give "
            "point estimates a distribution, or keep the network's values by weights=priors.Frozen()"
        )
    functions_at = x[:3] if functions_at is None else functions_at
    found: dict[str, list[Tensor]] = {}
    with bar(num_simulations, "simulations", progress) as shown:
        for _ in range(num_simulations):
            truth, y = simulated(model, x)
            posterior = fit((x, y))
            state = {
                name: value.detach() for name, value in model.network.named_buffers()
            } | model.frozen()
            true = quantities(model, truth, state, x, y, functions_at)
            drawn = quantities(
                model,
                posterior.sample(num_samples),
                posterior.state,
                x,
                y,
                functions_at,
            )
            for name, value in true.items():
                found.setdefault(name, []).append((drawn[name] < value).sum(0))
            shown.update()
    return Ranks(
        {name: torch.stack(ranks).cpu() for name, ranks in found.items()}, num_samples
    )


def simulated(model: BayesianNetwork, x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Draw the latent sites (1, *shape) and targets (N, ...) of inputs."""
    with torch.no_grad(), pyro.validation_enabled(False):
        sites = poutine.trace(model).get_trace(x).nodes
    return {name: sites[name]["value"][None] for name in model.latents}, sites[
        "likelihood:y"
    ]["value"]


def quantities(
    model: BayesianNetwork,
    draws: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    x: Tensor,
    y: Tensor,
    functions_at: Tensor,
) -> dict[str, Tensor]:
    """Return what is ranked of draws (S, ...), (S,) each."""
    values = Prediction(
        model.likelihood, evaluate_draws(model, draws, state, functions_at), draws
    ).functions.flatten(1)
    found = {f"f[{number}]": value for number, value in enumerate(values.T)}
    found |= {
        name: value
        for name, value in draws.items()
        if name.startswith("likelihood:") and value.dim() == 1
    }
    fit = Prediction(
        model.likelihood, evaluate_draws(model, draws, state, x), draws
    ).pointwise(y)
    return found | {"log likelihood": fit.sum(-1)}
