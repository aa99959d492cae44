"""ArviZ for every posterior, a sampler's or a guide's."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.data import Data, full
from zoo.diagnostics.labelled import labelled
from zoo.forward import outputs
from zoo.info import MCMCInfo
from zoo.model import BayesianNetwork
from zoo.posterior import Posterior
from zoo.prediction import Prediction

STATISTICS = ("acceptance_rate", "diverging", "n_steps", "lp")


def to_arviz(
    posterior: Posterior, data: Data | None = None, num_samples: int | None = None, weights: bool = True
) -> object:
    """Convert a posterior to ArviZ's InferenceData (0.23) or DataTree (1.x).

    Groups: `posterior` (every site), `log_likelihood` and `posterior_predictive` (variable `y`, pointwise),
    `observed_data`, and `sample_stats` from a sampler. Without data, and of a Pyro model that is not ours, there are
    the first and the last.

    `az.loo` on a guide's draws: leave-one-out reweights draws as if they came from the posterior. From a guide they
    come from q, so the result is the leave-one-out score of q read as the posterior, too good by what q is too
    narrow; the Pareto k diagnostic sees the reweighting between data, not the distance from q to the posterior.

    References:
        ArviZ a unified library for exploratory analysis of Bayesian models in Python (Kumar et al., 2019)
        Practical Bayesian model evaluation using leave-one-out cross-validation and WAIC (Vehtari et al., 2017)

    Arguments:
        posterior: The posterior.
        data: Inputs and targets; None leaves the groups out that need them.
        num_samples: Draws from a guide, 1000 where nothing is said, one chain; a sampler gives all it has.
        weights: Whether draws of weights and nodes go in; for a big network leave them out.

    Example:
        >>> results = to_arviz(posterior, data.train, num_samples=20)
        >>> results.posterior["layer1.weight"].shape
        (1, 20, 10, 6)
    """
    count = None if posterior.draws is not None else 1000 if num_samples is None else num_samples
    chains, draws = posterior.num_chains or 1, posterior.sample(count)

    def by_chain(values: Tensor) -> object:
        return values.reshape(chains, -1, *values.shape[1:]).cpu().numpy()

    kept = {name: value for name, value in draws.items() if weights or name.startswith("likelihood:")}
    groups = {"posterior": {name: by_chain(value) for name, value in kept.items()}}
    if data is not None and isinstance(posterior.model, BayesianNetwork):
        x, y = full(posterior.model, data)
        if posterior.functions is None:
            draws = {name: value.to(x.device) for name, value in draws.items()}
            values = outputs(posterior.model, draws, posterior.state, x)
            prediction = Prediction(posterior.model.likelihood, values, draws)
        else:
            prediction = posterior.predict(x)
        groups["log_likelihood"] = {"y": by_chain(prediction.pointwise(y))}
        groups["posterior_predictive"] = {"y": by_chain(prediction.samples())}
        groups["observed_data"] = {"y": y.cpu().numpy()}
        if not kept:  # a container needs a posterior group to know its draws
            groups["posterior"] = {"log_likelihood": by_chain(torch.as_tensor(prediction.pointwise(y)).sum(-1))}
    if isinstance(posterior.info, MCMCInfo):
        groups["sample_stats"] = {name: getattr(posterior.info, name).numpy() for name in STATISTICS}
    return labelled(groups)
