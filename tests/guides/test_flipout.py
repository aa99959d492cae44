"""Flipout: each example has the mean-field distribution, and two examples are uncorrelated."""

import pyro
import pyro.distributions as dist
import pytest
import torch
import torch.nn.functional as F
from monte_carlo import LIMIT, apart, off, one_thread, repeat  # noqa: F401
from torch import nn
from torch.func import functional_call, vmap

import guides
import zoo
from guides._lazy.examples import BatchFirst
from guides.flipout import FlippedWeight
from guides.local_reparam import LazyWeight
from zoo import likelihoods, priors
from zoo.inference.svi.elbo import elbo

B = 2
# A layer, its options, its weight and its input. There are few outputs, because every pair
# of them is compared.
LAYERS = {
    "linear": (F.linear, {}, (3, 4), (B, 4)),
    "linear over a sequence": (F.linear, {}, (2, 3), (B, 3, 3)),
    "conv1d": (F.conv1d, {"stride": 2}, (2, 3, 3), (B, 3, 7)),
    "conv2d": (F.conv2d, {"padding": 1}, (2, 2, 3, 3), (B, 2, 2, 2)),
    "conv3d": (F.conv3d, {}, (1, 2, 2, 2, 2), (B, 2, 3, 2, 3)),
    "grouped conv2d": (F.conv2d, {"groups": 2}, (2, 2, 2, 2), (B, 4, 3, 3)),
}


@pytest.fixture(params=LAYERS, ids=str)
def case(request):
    pyro.set_rng_seed(0)
    layer, options, weight, x = LAYERS[request.param]
    weight, bias = (
        torch.randn(weight, dtype=torch.float64),
        torch.randn(weight[0], dtype=torch.float64),
    )
    return layer, options, weight, bias, 1 + torch.randn(x, dtype=torch.float64)


def flipped_weight(loc, scale):
    """Return a weight of a layer whose input has the examples in the first dimension."""
    weight = FlippedWeight(loc, scale)
    weight.examples = BatchFirst()
    return weight


def moments(layer, options, weight, bias, scale, bias_scale, x):
    """Return mean (R,) and covariance (R, R) of the outputs of a batch that shares one draw.

    The third result, (R, R), says which pairs of outputs belong to one example.
    """

    def outputs(weight, bias):
        return layer(x, weight, bias, **options).flatten()

    jacobians = torch.autograd.functional.jacobian(outputs, (weight, bias))
    parts = [
        (jacobian.flatten(1), width.flatten().square())
        for jacobian, width in zip(jacobians, (scale, bias_scale), strict=True)
    ]
    covariance = sum((jacobian * variance) @ jacobian.T for jacobian, variance in parts)
    owner = torch.arange(B).repeat_interleave(len(covariance) // B)
    return outputs(weight, bias), covariance, owner.unsqueeze(0) == owner.unsqueeze(1)


def test_each_example_has_the_moments_of_mean_field_and_two_examples_are_uncorrelated(
    case,
):
    """There are at most 324 pairs of outputs: the false alarm rate is 2e-3 per layer."""
    layer, options, weight, bias, x = case
    scale, bias_scale = 0.2 + torch.rand_like(weight), 0.2 + torch.rand_like(bias)
    mean, covariance, same = moments(layer, options, weight, bias, scale, bias_scale, x)

    def second(kind):
        draws = [
            layer(x, kind(weight, scale), kind(bias, bias_scale), **options).flatten()
            for _ in range(2000)
        ]
        return torch.stack(draws), torch.stack(
            [torch.outer(draw - mean, draw - mean) for draw in draws]
        )

    outputs, squares = second(flipped_weight)
    assert off(outputs, mean) < LIMIT
    assert off(squares, covariance * same) < LIMIT
    assert off(squares, covariance) > LIMIT  # one draw for all
    shared = second(lambda loc, scale: FlippedWeight(loc, scale).clone())[1]
    assert off(shared, covariance) < LIMIT
    # Local reparameterisation draws the positions of an example independently.
    local = second(LazyWeight)[1]
    plain_linear = layer is F.linear and x.dim() == 2
    assert (off(local, covariance * same) < LIMIT) == plain_linear


def test_a_layer_that_is_applied_again_has_the_same_weights_and_a_draw_is_kept(
    case,
):
    layer, options, weight, bias, x = case
    flipped = flipped_weight(weight, torch.ones_like(weight))
    assert torch.equal(
        layer(x, flipped, bias, **options), layer(x, flipped, bias, **options)
    )
    drawn = flipped.clone()
    assert torch.equal(
        layer(x, flipped, bias, **options), layer(x, drawn, bias, **options)
    )


def test_the_weight_of_another_kind_of_layer_is_an_ordinary_draw():
    pyro.set_rng_seed(1)
    weight = torch.randn(3, 2, 3, dtype=torch.float64)
    flipped, x = (
        flipped_weight(weight, torch.ones_like(weight)),
        torch.randn(B, 3, 5, dtype=torch.float64),
    )
    output = F.conv_transpose1d(x, flipped)
    assert torch.equal(output, F.conv_transpose1d(x, flipped.clone()))
    unbatched = flipped_weight(weight[:, :, 0], torch.ones(3, 2).double())
    assert torch.equal(
        F.linear(x[0, :2, 0], unbatched), F.linear(x[0, :2, 0], unbatched.clone())
    )


# A convolution, a nonlinearity and a mean over positions: correlations of positions matter.


@pytest.fixture(scope="module")
def pooled():
    pyro.set_rng_seed(2)
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 1),
    ).double()
    x = 1 + torch.randn(20, 1, 6, 6, dtype=torch.float64)
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihoods.Gaussian(0.5)
    )
    return model, (x, x.mean((1, 2, 3)).unsqueeze(-1))


def log_likelihoods(model, guide, data, num_samples):
    """Return the mean log likelihood of a datum under S draws, (S,).

    A lazy draw has noise for each example, so it is averaged over twenty copies of the data.
    """
    x, y = data
    distributions = {
        name: guide.distribution(site) for name, site in guide.sites.items()
    }
    with torch.no_grad():
        if type(guide) is guides.MeanField:
            weights = {
                name: distribution.rsample((num_samples,))
                for name, distribution in distributions.items()
            }
            outputs = vmap(lambda values: functional_call(model.network, values, x))(
                weights
            )
            return dist.Normal(outputs, 0.5).log_prob(y).mean((1, 2))

        def draw():
            weights = {
                name: distribution.rsample()
                for name, distribution in distributions.items()
            }
            for weight in weights.values():
                weight.examples = BatchFirst()
            output = functional_call(model.network, weights, x.repeat(20, 1, 1, 1))
            return dist.Normal(output, 0.5).log_prob(y.repeat(20, 1)).mean()

        return repeat(draw, num_samples, traced=True)


def test_the_expected_likelihood_of_a_convolution_has_no_bias(pooled):
    """The estimate of local reparameterisation is wrong by many standard errors."""
    pyro.set_rng_seed(3)
    model, data = pooled
    mean_field, flipout, local = (
        log_likelihoods(model, family(model, init_scale=0.4), data, count)
        for family, count in (
            (guides.MeanField, 5000),
            (guides.Flipout, 1000),
            (guides.LocalReparam, 100),
        )
    )
    assert apart(flipout, mean_field) < LIMIT
    assert apart(local, mean_field) > LIMIT


def test_the_gradient_is_that_of_mean_field_with_less_variance(pooled):
    pyro.set_rng_seed(4)
    model, data = pooled

    def gradients(family):
        guide = family(model, init_scale=0.3)

        def gradient():
            parts = torch.autograd.grad(
                elbo(model, guide, *data), list(guide.parameters())
            )
            return torch.cat([part.flatten() for part in parts])

        return repeat(gradient, 200, traced=True)

    mean_field, flipout = gradients(guides.MeanField), gradients(guides.Flipout)
    assert apart(flipout, mean_field) < LIMIT
    assert apart(1.5 * flipout, mean_field) > LIMIT
    ratio = float(flipout.var(0).sum() / mean_field.var(0).sum())
    assert ratio < 0.5, ratio
