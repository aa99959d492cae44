"""ArviZ for every posterior, a sampler's or a guide's."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.data import Data, full
from zoo.diagnostics.labelled import labelled
from zoo.model import BayesianNetwork
from zoo.posterior.info import MCMCInfo
from zoo.posterior.posterior import Posterior
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.inputs import place_inputs
from zoo.predictive.prediction import Prediction

STATISTICS = ("acceptance_rate", "diverging", "n_steps", "lp", "energy")


def to_arviz(
    posterior: Posterior,
    data: Data | None = None,
    num_samples: int | None = None,
    weights: bool = True,
    x: Tensor | None = None,
    num_prior_samples: int = 0,
) -> object:
    """Convert a posterior to ArviZ's InferenceData (0.23) or DataTree (1.x).

    Groups: `posterior` (every site), `log_likelihood` and `posterior_predictive`
    (variable `y`, pointwise), `observed_data`, and `sample_stats` from a sampler.
    Without data, and of a Pyro model that is not ours, there are the first and the
    last. With inputs to look at functions, `posterior` has function values `f` too, by
    which `az.plot_trace`, `az.plot_rank` and `az.summary` say something about a
    network: its weights may wander among permutations of hidden units. With prior draws
    there are `prior` and `prior_predictive`.

    `az.loo` on a guide's draws: leave-one-out reweights draws as if they came from the
    posterior. From a guide they come from q, so the result is the leave-one-out score
    of q read as the posterior, too good by what q is too narrow; the Pareto k
    diagnostic sees the reweighting between data, not the distance from q to the
    posterior.

    References:
        ArviZ a unified library for exploratory analysis of Bayesian models in Python (Kumar et al., 2019)
        Practical Bayesian model evaluation using leave-one-out cross-validation and WAIC (Vehtari et al., 2017)

    Arguments:
        posterior: The posterior.
        data: Inputs and targets; None leaves the groups out that need them.
        num_samples: Draws from a guide, 1000 where nothing is said, one chain; a
            sampler gives all it has.
        weights: Whether draws of weights and nodes go in; for a big network leave them
            out.
        x: Inputs (M, ...) at which function values go in, `f` (C, S, M, ...).
        num_prior_samples: Draws of the prior.

    Example:
        >>> results = to_arviz(posterior, data.train, num_samples=20)
        >>> results.posterior["layer1.weight"].shape
        (1, 20, 10, 6)
    """
    count = (
        None
        if posterior.draws is not None
        else 1000
        if num_samples is None
        else num_samples
    )
    chains, draws = posterior.num_chains or 1, posterior.sample(count)

    def by_chain(values: Tensor) -> object:
        return values.reshape(chains, -1, *values.shape[1:]).cpu().numpy()

    kept = {
        name: value
        for name, value in draws.items()
        if weights or name.startswith("likelihood:")
    }
    groups = {"posterior": {name: by_chain(value) for name, value in kept.items()}}
    if data is not None and isinstance(posterior.model, BayesianNetwork):
        data_x, y = full(posterior.model, data)
        prediction = predicted(posterior, draws, data_x)
        groups["log_likelihood"] = {"y": by_chain(prediction.pointwise(y))}
        groups["posterior_predictive"] = {"y": by_chain(prediction.samples())}
        groups["observed_data"] = {"y": y.cpu().numpy()}
        if not kept:  # a container needs a posterior group to know its draws
            groups["posterior"] = {
                "log_likelihood": by_chain(
                    torch.as_tensor(prediction.pointwise(y)).sum(-1)
                )
            }
    if x is not None:
        groups["posterior"]["f"] = by_chain(predicted(posterior, draws, x).functions)
    if num_prior_samples > 0:
        groups |= prior_groups(
            posterior.model,
            num_prior_samples,
            full(posterior.model, data)[0] if data is not None else None,
        )
    if isinstance(posterior.info, MCMCInfo):
        facts = {name: getattr(posterior.info, name) for name in STATISTICS}
        groups["sample_stats"] = {
            name: values.numpy() for name, values in facts.items() if values is not None
        }
    return labelled(groups)


def predicted(posterior: Posterior, draws: dict[str, Tensor], x: Tensor) -> Prediction:
    """Predict at inputs by given draws, or by the function values that were kept there."""
    if posterior.functions is not None:
        return posterior.predict(x)
    x = place_inputs(posterior.model, x)
    draws = {name: value.to(x.device) for name, value in draws.items()}
    return Prediction(
        posterior.model.likelihood,
        evaluate_draws(posterior.model, draws, posterior.state, x),
        draws,
    )


def prior_groups(
    model: BayesianNetwork, num_samples: int, x: Tensor | None
) -> dict[str, dict[str, object]]:
    """Return draws of the prior, and of its predictive where there are inputs, as one chain."""
    draws = model.prior_draws(num_samples)
    groups = {
        "prior": {name: value[None].cpu().numpy() for name, value in draws.items()}
    }
    if x is not None:
        values = evaluate_draws(model, draws, {}, place_inputs(model, x))
        groups["prior_predictive"] = {
            "y": Prediction(model.likelihood, values, draws)
            .samples()[None]
            .cpu()
            .numpy()
        }
    return groups
