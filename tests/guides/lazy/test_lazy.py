"""Lazily sampled weights and nodes: their distribution, and their value for fixed noise."""

import pyro
import pyro.distributions as dist
import pytest
import torch
import torch.nn.functional as F
from monte_carlo import LIMIT, off, one_thread  # noqa: F401
from pyro import poutine
from torch import nn

import guides
import zoo
from guides._lazy.examples import BatchFirst
from guides._lazy.masks import MaskedWeight, bernoulli
from guides._lazy.matrix_variate import LazyMatrixVariate
from guides._lazy.nodes import LazyNodes, NodeDraw, ScaledWeight
from guides.flipout import FlippedWeight
from guides.local_reparam import LazyWeight, noise_like
from zoo import likelihoods, networks, priors
from zoo.inference.svi.elbo import elbo
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.predictive.examples.places import Place
from zoo.priors.plan import Nodes
from zoo.runtime.param_scope import ScopedGuide

B = 5
# A layer, its options, its weight and its input, whose first dimension is the batch.
LAYERS = {
    "linear": (F.linear, {}, (4, 6), (B, 6)),
    "linear over a sequence": (F.linear, {}, (4, 6), (B, 3, 6)),
    "linear of one output": (F.linear, {}, (1, 6), (B, 6)),
    "linear of one input": (F.linear, {}, (4, 1), (B, 1)),
    "conv1d": (F.conv1d, {"stride": 2}, (4, 6, 3), (B, 6, 9)),
    "conv2d": (F.conv2d, {"padding": 1}, (4, 6, 3, 3), (B, 6, 5, 5)),
    "conv3d": (F.conv3d, {}, (4, 6, 2, 2, 2), (B, 6, 3, 3, 3)),
    "grouped conv2d": (
        F.conv2d,
        {"groups": 2, "dilation": 2},
        (4, 3, 2, 2),
        (B, 6, 5, 5),
    ),
    "depthwise conv1d": (F.conv1d, {"groups": 6}, (6, 1, 3), (B, 6, 5)),
}


@pytest.fixture(params=LAYERS, ids=str)
def case(request):
    pyro.set_rng_seed(0)
    layer, options, weight, x = LAYERS[request.param]
    weight = torch.randn(weight, dtype=torch.float64)
    return (
        layer,
        options,
        weight,
        torch.randn(weight.shape[0], dtype=weight.dtype),
        torch.randn(x, dtype=weight.dtype),
    )


def batch_first(lazy):
    """Say that the examples are the first dimension of the layer's input."""
    lazy.examples = BatchFirst()
    return lazy


def lazy_product(weight, node, rows):
    """Return a weight times lazily sampled nodes, whose draw for B examples is `rows` (B, C)."""
    source = NodeDraw(lambda: rows[0], lambda size: rows)
    return node.times(weight, batch_first(LazyNodes(rows[0], source)))


# Nodes


@pytest.mark.parametrize("side", ["in", "out"])
@pytest.mark.parametrize("with_bias", [True, False])
def test_a_weight_times_lazy_nodes_is_the_product_when_the_noise_is_fixed(
    case, side, with_bias
):
    layer, options, weight, bias, x = case
    bias = bias if with_bias else None
    groups = options.get("groups", 1)
    size = weight.shape[0] if side == "out" else weight.shape[1] * groups
    node = Nodes("weight", side, groups, size, dist.Normal(1.0, 1.0))
    rows = torch.randn(B, size, dtype=weight.dtype)

    lazy = lazy_product(weight, node, rows)
    assert isinstance(lazy, ScaledWeight)
    assert lazy.shape == weight.shape
    one_by_one = torch.cat(
        [
            layer(x[i : i + 1], node.times(weight, rows[i]), bias, **options)
            for i in range(B)
        ]
    )
    assert torch.allclose(layer(x, lazy, bias, **options), one_by_one, atol=1e-12)
    first_for_all = layer(x, node.times(weight, rows[0]), bias, **options)
    assert not torch.allclose(one_by_one, first_for_all, atol=1e-3)
    assert torch.allclose(
        layer(x, lazy_product(weight, node, rows).clone(), bias, **options),
        first_for_all,
    )


def test_nodes_on_both_sides_multiply_input_and_output(case):
    layer, options, weight, bias, x = case
    groups = options.get("groups", 1)
    sides = {
        "in": Nodes(
            "weight", "in", groups, weight.shape[1] * groups, dist.Normal(1.0, 1.0)
        ),
        "out": Nodes("weight", "out", groups, weight.shape[0], dist.Normal(1.0, 1.0)),
    }
    rows = {
        side: torch.randn(B, node.size, dtype=weight.dtype)
        for side, node in sides.items()
    }
    lazy, plain = weight, [weight] * B
    for side, node in sides.items():
        lazy = lazy_product(lazy, node, rows[side])
        plain = [node.times(plain[i], rows[side][i]) for i in range(B)]
    one_by_one = torch.cat(
        [layer(x[i : i + 1], plain[i], bias, **options) for i in range(B)]
    )
    assert torch.allclose(layer(x, lazy, bias, **options), one_by_one, atol=1e-12)


def test_nodes_once_drawn_as_one_function_stay_that_function(case):
    layer, options, weight, bias, x = case
    groups = options.get("groups", 1)
    node = Nodes(
        "weight", "in", groups, weight.shape[1] * groups, dist.Normal(1.0, 1.0)
    )
    lazy = lazy_product(weight, node, torch.randn(B, node.size, dtype=weight.dtype))
    drawn = lazy.clone()
    assert torch.allclose(
        layer(x, lazy, bias, **options), layer(x, drawn, bias, **options)
    )


@pytest.mark.parametrize("where", ["in", "out", "both"])
def test_a_convolution_with_nodes_is_the_convolution_of_the_scaled_input(where):
    """Each group of the convolution has two of the four input channels."""
    pyro.set_rng_seed(1)
    conv = nn.Conv2d(4, 6, 3, groups=2, padding=1).double()
    prior = priors.NodePrior(
        dist.Normal(1.0, 0.5), where=where, weights=priors.Frozen()
    )
    model = zoo.BayesianNetwork(conv, prior, likelihoods.Gaussian(0.1))
    values = {
        name: distribution.sample() for name, distribution in model.latents.items()
    }
    x = torch.randn(B, 4, 5, 5, dtype=torch.float64)

    ones = torch.ones(6, dtype=torch.float64)
    into = values.get("nodes_in", ones[:4]).reshape(-1, 1, 1)
    out = values.get("nodes_out", ones).reshape(-1, 1, 1)
    expected = F.conv2d(
        x * into, conv.weight, None, padding=1, groups=2
    ) * out + conv.bias.reshape(-1, 1, 1)
    assert torch.allclose(model.output(values, x), expected, atol=1e-12)
    bias_scaled = F.conv2d(x * into, conv.weight, conv.bias, padding=1, groups=2) * out
    assert torch.allclose(bias_scaled, expected) == (where == "in")


def test_gradients_through_lazy_nodes_are_those_of_each_example_on_its_own(case):
    """The scaled input is not stored: the backward pass computes it again."""
    layer, options, weight, bias, x = case
    groups = options.get("groups", 1)
    node = Nodes(
        "weight", "in", groups, weight.shape[1] * groups, dist.Normal(1.0, 1.0)
    )
    leaves = [weight, bias, x, torch.randn(B, node.size, dtype=weight.dtype)]
    weight, bias, x, rows = leaves = [leaf.clone().requires_grad_() for leaf in leaves]
    output = layer(x, lazy_product(weight, node, rows), bias, **options)
    up = torch.randn_like(output)
    each = [
        layer(x[i : i + 1], node.times(weight, rows[i]), bias, **options)
        for i in range(B)
    ]
    for gradient, expected in zip(
        torch.autograd.grad(output, leaves, up),
        torch.autograd.grad(torch.cat(each), leaves, up),
        strict=True,
    ):
        assert torch.allclose(gradient, expected)
    [without_noise] = torch.autograd.grad(layer(x, weight, bias, **options), weight, up)
    [gradient] = torch.autograd.grad(
        layer(x, lazy_product(weight, node, rows), bias, **options), weight, up
    )
    assert not torch.allclose(gradient, without_noise)


def test_other_products_with_nodes_are_ordinary_products():
    """An outer product does not have the shape of a weight with scaled channels."""
    rows = torch.randn(B, 3, dtype=torch.float64)
    nodes = LazyNodes(rows[0], NodeDraw(lambda: rows[0], lambda size: rows))
    column = batch_first(nodes).reshape(-1, 1)
    row = torch.randn(1, 4, dtype=torch.float64)
    assert torch.equal(column * row, rows[0].reshape(-1, 1) * row)
    assert torch.equal(row + 2 * column, row + 2 * rows[0].reshape(-1, 1))


# Weights


def test_a_lazy_weight_gives_a_layer_its_output_with_the_exact_mean_and_variance(
    case, monkeypatch
):
    layer, options, weight, bias, x = case
    scale, bias_scale = torch.rand_like(weight), torch.rand_like(bias)
    mean = layer(x, weight, bias, **options)
    variance = layer(x.square(), scale.square(), None, **options)
    of_bias = bias_scale.square().reshape(
        -1, *[1] * (0 if layer is F.linear else x.dim() - 2)
    )
    for lazy_bias, expected in (
        (LazyWeight(bias, bias_scale), variance + of_bias),
        (bias, variance),
    ):
        for noise in (0.0, 1.0, -2.0):
            monkeypatch.setattr(
                torch,
                "randn",
                lambda size, noise=noise, **like: torch.full(size, noise, **like),
            )
            output = layer(x, LazyWeight(weight, scale), lazy_bias, **options)
            monkeypatch.undo()
            assert torch.allclose(output, mean + noise * expected.sqrt(), atol=1e-7)
    swapped = layer(x.abs(), scale, None, **options)  # scales for variances
    assert not torch.allclose(swapped, variance, rtol=0.1)


@pytest.mark.parametrize("axes", [(0, 1, 2, 3), (0, 3, 1, 2), (3, 2, 1, 0)])
def test_noise_has_the_memory_layout_of_the_tensor_it_is_added_to(axes):
    value = torch.zeros(5, 4, 3, 2, dtype=torch.float64).permute(axes)
    noise = noise_like(value)
    assert (noise.shape, noise.stride(), noise.dtype) == (
        value.shape,
        value.stride(),
        value.dtype,
    )


def test_lazy_and_ordinary_draws_of_a_linear_layer_have_the_same_distribution():
    """Compare first and second moments of 15 outputs; the false alarm rate is 1e-4."""
    pyro.set_rng_seed(2)
    loc, scale = (
        torch.randn(3, 6, dtype=torch.float64),
        torch.rand(3, 6, dtype=torch.float64),
    )
    x = torch.randn(B, 6, dtype=torch.float64)
    mean, variance = x @ loc.T, x.square() @ scale.square().T
    for draw in (
        lambda: LazyWeight(loc, scale),
        lambda: LazyWeight(loc, scale).clone(),
    ):
        outputs = torch.stack([F.linear(x, draw()) for _ in range(2000)])
        assert off(outputs, mean) < LIMIT
        assert off((outputs - mean).square(), variance) < LIMIT
        assert off((outputs - mean).square(), x.abs() @ scale.T) > LIMIT
        assert off((outputs - mean).square(), variance.square()) > LIMIT


def test_a_lazy_weight_once_drawn_stays_drawn(case):
    layer, options, weight, bias, x = case
    for lazy in (
        LazyWeight(weight, torch.ones_like(weight)),
        batch_first(MaskedWeight(weight, bernoulli(weight, 0.5))),
    ):
        drawn = lazy.clone()
        assert torch.equal(lazy * 1, drawn)
        assert torch.allclose(
            layer(x, lazy, bias, **options), layer(x, drawn, bias, **options)
        )


def test_masks_are_one_for_each_example_and_the_same_when_the_layer_is_applied_again(
    case,
):
    layer, options, weight, bias, x = case
    pyro.set_rng_seed(3)
    lazy = batch_first(MaskedWeight(weight, bernoulli(weight, 0.5)))
    first, second = layer(x, lazy, bias, **options), layer(x, lazy, bias, **options)
    assert torch.equal(first, second)
    columns = [1, -1, *[1] * (weight.dim() - 2)]
    masks = [row.reshape(columns) for row in lazy.rows]
    one_by_one = [
        layer(x[i : i + 1], weight * masks[i], bias, **options) for i in range(B)
    ]
    assert torch.allclose(first, torch.cat(one_by_one), atol=1e-12)
    assert len(lazy.rows.unique(dim=0)) > 1


def test_a_lazy_weight_times_lazy_nodes_stays_lazy_in_both():
    """In a layer with dropped weights and nodes, each example has its own masks of both."""
    pyro.set_rng_seed(4)
    weight = torch.ones(4, 6, dtype=torch.float64)
    node = Nodes("weight", "out", 1, 4, dist.Normal(1.0, 1.0))
    dropped = batch_first(MaskedWeight(weight, bernoulli(weight, 0.5)))
    rows = torch.randn(B, 4, dtype=torch.float64)
    output = F.linear(
        torch.ones(B, 6, dtype=torch.float64), lazy_product(dropped, node, rows)
    )
    assert torch.allclose(output, rows * dropped.rows.sum(-1, keepdim=True))


# Training and prediction


def mlp(prior):
    return zoo.BayesianNetwork(
        networks.MLP(3, 1, hidden=[]).double(), prior, likelihoods.Gaussian(0.3)
    )


WEIGHTS = priors.WeightPrior(dist.Normal(0.0, 1.0))
NODES = priors.NodePrior(dist.Normal(1.0, 0.3), weights=priors.Frozen())
BINARY = priors.NodePrior(dist.Bernoulli(0.5), weights=priors.Frozen())
PER_EXAMPLE = {
    "ConcreteDropout": (WEIGHTS, lambda model: guides.ConcreteDropout(model, p=0.5)),
    "Flipout": (WEIGHTS, guides.Flipout),
    "GaussianDropout": (
        WEIGHTS,
        lambda model: guides.GaussianDropout(model, learn="unit"),
    ),
    "LocalReparam": (WEIGHTS, guides.LocalReparam),
    "MCDropout": (WEIGHTS, lambda model: guides.MCDropout(model, p=0.5)),
    "MCDropout over nodes": (BINARY, lambda model: guides.MCDropout(model, p=0.5)),
    "NodeMixture(1)": (
        NODES,
        lambda model: guides.NodeMixture(model, num_components=1),
    ),
    "NodeMixture(3)": (
        NODES,
        lambda model: guides.NodeMixture(model, num_components=3),
    ),
}


def outputs_in_training(model, guide, x):
    trace = poutine.trace(guide).get_trace()
    return (
        poutine.trace(poutine.replay(model, trace=trace))
        .get_trace(x, x[:, :1])
        .nodes["likelihood:y"]["fn"]
        .mean
    )


@pytest.mark.parametrize("name", PER_EXAMPLE)
def test_two_examples_have_noise_of_their_own_in_training_and_one_function_in_prediction(
    name,
):
    pyro.set_rng_seed(5)
    prior, make = PER_EXAMPLE[name]
    model = mlp(prior)
    guide = make(model)
    same = torch.ones(12, 3, dtype=torch.float64)
    assert len(outputs_in_training(model, guide, same).unique()) > 1

    posterior = GuidePosterior(model, state={}, info=None, scoped=ScopedGuide(guide))
    x = torch.randn(2, 3, dtype=torch.float64)
    functions = posterior.predict(
        torch.cat([same, x, x.sum(0, keepdim=True), 0 * x[:1]]), num_samples=50
    ).functions
    assert (functions[:, :12] == functions[:, :1]).all()
    one, two, both, none = functions[:, 12:].unbind(1)
    assert torch.allclose(one + two - none, both)  # linear functions
    assert functions[:, 0].std() > 0  # that differ


def test_mean_field_shares_its_noise_in_training():
    """This is the wrong answer that the previous test rejects."""
    pyro.set_rng_seed(6)
    model = mlp(WEIGHTS)
    same = torch.ones(12, 3, dtype=torch.float64)
    assert len(outputs_in_training(model, guides.MeanField(model), same).unique()) == 1


# The probabilities of `MCDropout` over nodes are fixed.
WITH_PARAMETERS = [name for name in PER_EXAMPLE if name != "MCDropout over nodes"]


@pytest.mark.parametrize("name", WITH_PARAMETERS)
def test_a_gradient_reaches_every_parameter_through_lazy_draws(name):
    pyro.set_rng_seed(7)
    prior, make = PER_EXAMPLE[name]
    model = mlp(prior)
    guide = make(model)
    x = torch.randn(B, 3, dtype=torch.float64)
    elbo(model, guide, x, x[:, :1]).backward()
    for parameter_name, parameter in guide.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert (parameter.grad != 0).any(), parameter_name


# Where the examples are


def lazy_of_each_kind(weight):
    """Return the lazily sampled weights with noise for each example, and no place of them."""
    masked = MaskedWeight(weight, bernoulli(weight, 0.5))
    flipped = FlippedWeight(weight, torch.ones_like(weight))
    source = NodeDraw(
        lambda: torch.randn(6).double(), lambda size: torch.randn(size, 6).double()
    )
    scaled = weight * LazyNodes(weight[0], source).reshape(1, -1)
    ones = torch.ones_like(weight)
    matrix = LazyMatrixVariate(weight, ones[:, 0], ones[0]).rsample()
    return masked, flipped, scaled, matrix


def test_without_a_place_of_the_examples_a_layer_gets_one_ordinary_draw():
    """A guess that dimension 0 has the examples would give each row its own noise."""
    pyro.set_rng_seed(8)
    weight = torch.ones(4, 6, dtype=torch.float64)
    x = torch.ones(B, 6, dtype=torch.float64)
    for lazy in lazy_of_each_kind(weight):
        output = F.linear(x, lazy)
        assert len(output.unique(dim=0)) == 1
        assert torch.equal(output, F.linear(x, lazy.clone()))
    for lazy in lazy_of_each_kind(weight):
        lazy.examples = BatchFirst(is_single=True)
        assert len(F.linear(x, lazy).unique(dim=0)) > 1


@pytest.mark.parametrize("kind", range(3))
def test_noise_of_an_example_is_at_all_its_places(kind):
    """Positions of a sequence in front, behind, or merged with the batch have equal noise."""
    pyro.set_rng_seed(9)
    T, weight = 3, torch.ones(4, 6, dtype=torch.float64)
    lazy = lazy_of_each_kind(weight)[kind]
    steps = torch.arange(T * B)
    lazy.examples = {
        torch.Size([T, B, 6]): Place(B, 1),
        torch.Size([B, T, 6]): Place(B, 0),
        torch.Size([T * B, 6]): Place(B, 0, steps % B),
        torch.Size([B * T, 1, 6]): Place(B, 0, steps // T),
    }
    shapes = [(T, B, 6), (B, T, 6), (T * B, 6), (B * T, 1, 6)]
    time_first, in_front, time_merged, merged = (
        F.linear(torch.ones(shape, dtype=torch.float64), lazy) for shape in shapes
    )
    assert len(in_front.unique(dim=0)) > 1
    assert torch.equal(in_front, in_front[:, :1].expand_as(in_front))
    assert torch.equal(time_first, in_front.transpose(0, 1))
    assert torch.equal(time_merged.reshape(T, B, 4), time_first)
    assert torch.equal(merged.reshape(B, T, 4), in_front)


def test_an_input_that_was_not_located_is_refused_after_noise_for_each_example():
    lazy = MaskedWeight(torch.ones(4, 6), bernoulli(torch.ones(4), 0.5))
    lazy.examples = {torch.Size([B, 6]): Place(B, 0)}
    F.linear(torch.ones(B, 6), lazy)
    with pytest.raises(
        RuntimeError, match=r"got an input of shape \(7, 6\), .*; use a guide without"
    ):
        F.linear(torch.ones(7, 6), lazy)
