"""How high draws of a posterior stand in its own landscape."""

from __future__ import annotations

from zoo.data import Data
from zoo.landscape.points.ends import model_of
from zoo.landscape.points.location import Location
from zoo.landscape.points.target import BatchNorm, Target, Terms
from zoo.posterior.posterior import Posterior


def heights(
    posterior: Posterior,
    data: Data,
    num_samples: int = 100,
    *,
    test: Data | None = None,
    batch_norm: BatchNorm = "recompute",
) -> Terms:
    r"""Evaluate the negative log posterior at draws of a posterior.

    .. math:: L(z_s) = -\tfrac1N \log p(z_s) - \tfrac1N \log p(y \mid z_s), \qquad
        E[L(z)] - L(z^*) = \frac{P}{2N} \text{ for a normal posterior with mode } z^*

    Draws of the posterior of P weights are far above the mode: there is little volume around a
    mode. A fit whose draws are all as low as the mode is a point estimate, or nearly so.

    References:
        A Conceptual Introduction to Hamiltonian Monte Carlo (Betancourt, 2017), section 2

    Arguments:
        posterior: The posterior.
        data: The data that were fitted, in any form; of a data set with a test part, the
            test error of each draw is evaluated too.
        num_samples: Number of draws S.
        test: Test data, for the test error.
        batch_norm: "recompute" takes statistics of batch normalisation anew from the data for
            every draw; "carry" keeps those of the posterior.

    Returns:
        `values`, and its terms `prior` and `loss`, in nats per datum, and `test_error`, (S,)
        each.

    Example:
        >>> found = landscape.heights(posterior, data, num_samples=3)
        >>> found.values.shape, torch.allclose(found.values, found.prior + found.loss)
        (torch.Size([3]), True)
    """
    target = Target(model_of([posterior]), data, test, batch_norm)
    number = posterior.num_available(num_samples)
    draws = posterior.sample(number)
    q = target.potential.pack({name: draws[name] for name in target.model.latents})

    buffers = {}
    for name in target.carried:
        state = posterior.state[name]
        value = draws.get(name, state.expand(number, *state.shape))
        buffers[name] = value.to(q)

    return target.terms(Location(q, buffers))
