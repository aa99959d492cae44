"""The last layer of a trained network by a Laplace approximation; the layers below are frozen."""

from __future__ import annotations

import pyro.distributions as dist
from torch import nn

import guides
from zoo import priors
from zoo.datasets import Dataset
from zoo.experiments.running.run import Run
from zoo.inference import Laplace
from zoo.posterior.posterior import Posterior

_LAST_LAYER = priors.WeightPrior(
    priors.last_layer(dist.Normal(0.0, 1.0), otherwise=priors.Frozen())
)


def fit_last_layer(
    run: Run, network: nn.Module, data: Dataset, *, num_samples: int, batch_size: int
) -> Posterior:
    """Return the posterior of the last layer around its trained weights.

    Arguments:
        run: The run.
        network: The trained network.
        data: The data it was trained on.
        num_samples: Number of draws of the posterior.
        batch_size: Number of data whose Jacobians are computed at once.
    """
    model, _ = run.build(network, _LAST_LAYER, guides.Delta)
    engine = Laplace(
        model,
        structure="full",
        num_samples=num_samples,
        num_steps=0,
        prior_structure="scalar",
        progress=run.progress,
    )

    return engine.fit(data.train, batch_size=batch_size)
