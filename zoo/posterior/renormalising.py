"""Draws of a posterior, each with the statistics of batch normalisation of its own network."""

from __future__ import annotations

from zoo.data import Data, batches
from zoo.posterior.batch_norm import recomputed, statistics
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.posterior import Posterior


def renormalise(
    posterior: Posterior,
    data: Data,
    num_samples: int | None = None,
) -> DrawsPosterior:
    """Draw from a posterior, and recompute the statistics of batch normalisation at each draw.

    A posterior has one set of running means and variances for all its draws. Those of the
    network at a draw are others, and their error can cost more than the draws gain. Each
    draw takes one pass through the data. Dropout is off in it. Where a fit sees augmented
    data, these must be augmented too, by the same loader: other data have other statistics.

    References:
        A Simple Baseline for Bayesian Uncertainty in Deep Learning
        (Maddox, Garipov, Izmailov, Vetrov, Wilson, 2019)

    Arguments:
        posterior: A posterior over the weights of a network with batch normalisation.
        data: The data that it was fitted to, in any form; see `zoo.data.Data`.
        num_samples: Number of draws S, as in `posterior.sample`.

    Returns:
        The stored draws, with `running_mean` and `running_var` (1, S, channels) among them.

    Raises:
        ValueError: A network without batch normalisation.

    Example:
        >>> network = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
        >>> normalised = zoo.BayesianNetwork(network, model.prior, model.likelihood)
        >>> engine = inference.SWAG(normalised, num_epochs=8, lr=1e-3, rank=3, progress=False)
        >>> posterior = engine.fit(data.train, batch_size=20)
        >>> zoo.renormalise(posterior, data.train, num_samples=5).draws["1.running_mean"].shape
        torch.Size([1, 5, 8])
    """
    model = posterior.require_weights("statistics of a draw need its weights")
    if not statistics(model.network, model.plan.frozen):
        raise ValueError(
            "the network has no batch normalisation that a fit changes, so all draws have the "
            "same statistics; use the posterior itself"
        )

    found = batches(model, data)
    drawn = posterior.sample(num_samples)
    values = drawn | recomputed(model, drawn, posterior.state, found)
    draws = {name: value.unsqueeze(0) for name, value in values.items()}

    renormalised = DrawsPosterior(
        model,
        draws=draws,
        state=posterior.state,
        info=posterior.info,
        masks=posterior.masks,
    )
    renormalised.batch_form = posterior.batch_form

    return renormalised
