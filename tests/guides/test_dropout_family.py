"""Dropout: the choice of layers, three kinds of masks, averaged weights and learned rates."""

import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
import torch.nn.functional as F
from monte_carlo import LIMIT, off, one_thread, repeat  # noqa: F401
from torch import nn

import guides
import zoo
from guides._lazy.examples import BatchFirst
from guides._lazy.masks import MaskedWeight, bernoulli
from zoo import inference, likelihoods, networks, priors
from zoo.inference.svi.elbo import elbo

WEIGHTS = priors.WeightPrior(dist.Normal(0.0, 1.0))


@pytest.fixture
def model():
    return zoo.BayesianNetwork(
        networks.MLP(3, 1, hidden=[4, 4]), WEIGHTS, likelihoods.Gaussian(0.5)
    )


# Which layers


def has_zeros(guide):
    draws = guide.distribution
    return {
        name
        for name, site in guide.sites.items()
        if site.prior.event_dim == 2 and (draws(site).expand([50]).rsample() == 0).any()
    }


@pytest.mark.parametrize(
    ("layers", "dropped"),
    [
        ("*", {"layer1.weight", "layer2.weight", "layer3.weight"}),
        ("layer2", {"layer2.weight"}),
        (["layer1.weight", "*3*"], {"layer1.weight", "layer3.weight"}),
    ],
)
def test_only_the_chosen_layers_are_dropped(model, layers, dropped):
    assert has_zeros(guides.MCDropout(model, p=0.3, layers=layers)) == dropped
    assert set(guides.ConcreteDropout(model, layers=layers).rates()) == dropped
    assert set(guides.GaussianDropout(model, layers=layers).alpha()) == dropped


def test_nodes_that_are_not_chosen_are_kept():
    prior = priors.NodePrior(dist.Bernoulli(0.5), weights=priors.Frozen())
    guide = guides.MCDropout(
        zoo.BayesianNetwork(
            networks.MLP(3, 1, hidden=[4]), prior, likelihoods.Gaussian(0.5)
        ),
        p=0.5,
        layers="layer2",
    )
    kept = {
        name: guide.distribution(site).expand([50]).sample().mean()
        for name, site in guide.sites.items()
    }
    assert kept["layer1.nodes_in"] == 1
    assert 0.3 < kept["layer2.nodes_in"] < 0.7


FAULTS = {
    "pattern": (
        lambda m: guides.MCDropout(m, layers="layer7"),
        r"no weight is called 'layer7'; .*layer\d.we",
    ),
    "bias": (
        lambda m: guides.ConcreteDropout(m, layers=["*", "*.bias"]),
        r"no weight is called '\*\.bias'",
    ),
    "masks": (
        lambda m: guides.MCDropout(m, masks="pixel"),
        "'channel', 'element' or 'weight', not 'pixel'",
    ),
    "p": (lambda m: guides.MCDropout(m, p=1.5), "at least 0 and below 1, not 1.5"),
    "p of ConcreteDropout": (
        lambda m: guides.ConcreteDropout(m, p=0.0),
        "p .* above 0 and below 1, not 0.0",
    ),
    "temperature": (
        lambda m: guides.ConcreteDropout(m, temperature=2.0),
        "at most 1, not 2.0",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_argument_is_answered_with_a_sentence(model, fault):
    make, words = FAULTS[fault]
    with pytest.raises(ValueError, match=words):
        make(model)


# Kinds of masks

B, P = 4, 0.3


def layer_case(kind):
    pyro.set_rng_seed(0)
    if kind == "linear":
        return (
            F.linear,
            torch.randn(2, 3, dtype=torch.float64),
            torch.randn(B, 3, dtype=torch.float64),
        )
    return (
        F.conv2d,
        torch.randn(2, 3, 2, 2, dtype=torch.float64),
        1 + torch.randn(B, 3, 3, 3, dtype=torch.float64),
    )


def variances(layer, weight, x):
    """Return the variance of single outputs under each of the three kinds of masks."""
    odds = P / (1 - P)
    channels = torch.stack(
        [layer(x[:, i : i + 1], weight[:, i : i + 1]) for i in range(x.shape[1])]
    )
    each = odds * layer(x.square(), weight.square())
    return {"channel": odds * channels.square().sum(0), "element": each, "weight": each}


@pytest.mark.parametrize("masks", ["channel", "element", "weight"])
@pytest.mark.parametrize("kind", ["linear", "conv2d"])
def test_the_outputs_of_a_layer_have_the_moments_of_its_masks(kind, masks):
    layer, weight, x = layer_case(kind)

    def output():
        masked = MaskedWeight(weight, bernoulli(weight, P), masks)
        masked.examples = BatchFirst()
        return layer(x, masked)

    draws = repeat(output, 2000, traced=True)
    mean, expected = layer(x, weight), variances(layer, weight, x)
    assert off(draws, mean) < LIMIT
    assert off((draws - mean).square(), expected[masks]) < LIMIT
    assert off((draws - mean).square(), expected[masks] * (1 - P)) > LIMIT
    other = expected["channel" if masks != "channel" else "element"]
    assert (off((draws - mean).square(), other) < LIMIT) == (kind == "linear")
    # Two examples have one mask or two.
    together = ((draws - mean)[:, 0] * (draws - mean)[:, 1]).flatten(1)
    assert (off(together, 0.0) < LIMIT) == (masks != "weight")


@pytest.mark.parametrize("masks", ["channel", "element", "weight"])
def test_a_draw_that_is_one_function_drops_columns_or_weights(masks):
    pyro.set_rng_seed(1)
    weight = torch.ones(6, 8, 3, dtype=torch.float64)
    draws = MaskedWeight(weight, bernoulli(weight, P), masks).draws(torch.Size([200]))
    assert set(draws.unique().tolist()) == {0.0, 1 / (1 - P)}
    whole = (draws == draws[:, :1, :, :1]).all()
    assert bool(whole) == (masks != "weight")
    assert off((draws == 0).double()[:, 0, :, 0], P) < LIMIT


def test_a_kind_of_mask_changes_no_divergence(model):
    """All kinds have the same E[W] and E[W²]."""
    data = torch.zeros(1, 3), torch.zeros(1, 1)
    with torch.no_grad():
        values = {}
        for masks in ("channel", "element", "weight"):
            guide = guides.MCDropout(model, p=P, masks=masks)
            sites = {
                name: (guide.distribution(site), model.latents[name])
                for name, site in guide.sites.items()
            }
            values[masks] = sum(
                torch.distributions.kl_divergence(*pair) for pair in sites.values()
            )
            assert torch.isfinite(elbo(model, guide, *data))
    assert values["channel"] == values["element"] == values["weight"]


# Averaged weights


def test_averaged_weights_are_one_deterministic_network_and_not_the_mean_of_draws(
    model,
):
    pyro.set_rng_seed(2)
    x, y = torch.randn(20, 3), torch.randn(20, 1)
    guide = guides.MCDropout(model, p=0.4)
    for name in ("layer1.weight", "layer2.weight"):
        guide.loc[name].data.mul_(5)
    posterior = inference.SVI(model, guide, num_steps=2, lr=0.05, progress=False).fit(
        (x, y)
    )
    averaged = posterior.with_guide(posterior.guide.averaged())
    functions = averaged.predict(x, num_samples=3).functions
    assert torch.equal(functions[0], functions[2])
    means = {name: posterior.guide.loc[name].detach() for name in posterior.guide.sites}
    assert torch.allclose(functions[0], model.output(means, x), atol=1e-6)
    draws = posterior.predict(x, num_samples=400).functions.double()
    assert off(draws, functions[0]) > LIMIT  # a network is not linear in its weights
    assert not posterior.guide.averaged().bound
    assert posterior.guide.averaged().num_parameters() == 0
    with pytest.raises(ValueError, match="Averaged has no density"):
        averaged.distributions()


def test_averaged_nodes_are_scaled_by_the_probability_of_1_and_points_keep_their_fit():
    pyro.set_rng_seed(3)
    prior = priors.NodePrior(dist.Bernoulli(0.8), weights=priors.Point())
    model = zoo.BayesianNetwork(
        networks.MLP(3, 1, hidden=[4]), prior, likelihoods.Gaussian(0.5)
    )
    x, y = torch.randn(20, 3), torch.randn(20, 1)
    posterior = inference.SVI(
        model, guides.MCDropout(model, p=0.2), num_steps=5, lr=0.1, progress=False
    ).fit((x, y))
    averaged = posterior.with_guide(posterior.guide.averaged())
    hidden = F.linear(
        0.8 * x, posterior.state["layer1.weight"], posterior.state["layer1.bias"]
    ).tanh()
    expected = F.linear(
        0.8 * hidden, posterior.state["layer2.weight"], posterior.state["layer2.bias"]
    )
    assert torch.allclose(
        averaged.predict(x, num_samples=1).functions[0], expected, atol=1e-6
    )


# Learned rates

NOISE, SCALE, TEMPERATURE = 2.5, 1.3, 0.1
COEFFICIENTS = torch.tensor([1.2, -0.8, 0.3], dtype=torch.float64)


def linear(num_data):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(num_data, 2, generator=generator, dtype=torch.float64)
    y = exact.features(x) @ COEFFICIENTS + NOISE * torch.randn(
        num_data, generator=generator, dtype=torch.float64
    )
    prior = priors.WeightPrior(dist.Normal(0.0, SCALE))
    model = zoo.BayesianNetwork(
        nn.Linear(2, 1).double(), prior, likelihoods.Gaussian(NOISE)
    )
    return model, (x, y.unsqueeze(-1))


def at_the_coefficients(model, p):
    guide = guides.ConcreteDropout(model, p=p, temperature=TEMPERATURE)
    with torch.no_grad():
        guide.loc["weight"].copy_(COEFFICIENTS[:2].unsqueeze(0))
        guide.loc["bias"].copy_(COEFFICIENTS[2:])
    return guide


def parts(data, p):
    """Return the parts of the ELBO: expected log likelihood, expected log prior, and entropy."""
    first, second = exact.relaxed_mask_moments(p, TEMPERATURE)
    inputs = exact.features(data[0]) * COEFFICIENTS
    mean = inputs[:, :2].sum(-1) * first / (1 - p) + inputs[:, 2]
    variance = inputs[:, :2].square().sum(-1) * (second - first**2) / (1 - p) ** 2
    log_density = torch.distributions.Normal(mean, NOISE).log_prob(data[1].squeeze(-1))
    squares = COEFFICIENTS.square() / torch.tensor([1 - p, 1 - p, 1.0])
    log_prior = (
        -squares / (2 * SCALE**2) - torch.tensor(2 * torch.pi * SCALE**2).log() / 2
    ).sum()
    entropy = (
        2
        * torch.distributions.Bernoulli(torch.tensor(p, dtype=torch.float64)).entropy()
    )
    return (log_density - variance / (2 * NOISE**2)).sum(), log_prior, entropy


def test_relaxed_masks_have_a_tenth_less_variance_than_zeros_and_ones():
    for p in (0.05, 0.3, 0.6):
        first, second = exact.relaxed_mask_moments(p, TEMPERATURE)
        assert abs((second - first**2) / (p * (1 - p)) - (1 - TEMPERATURE)) < 0.02
        assert abs(first - (1 - p)) < 0.01


@pytest.mark.parametrize("p", [0.1, 0.3])
def test_the_loss_of_learned_rates_is_the_closed_form(p):
    pyro.set_rng_seed(4)
    model, data = linear(5)
    guide = at_the_coefficients(model, p)
    assert not guide.bound
    likelihood, log_prior, entropy = parts(data, p)
    draws = repeat(lambda: elbo(model, guide, *data), 500, traced=True)
    assert off(draws, likelihood + log_prior + entropy) < LIMIT
    for wrong in (
        0.0,  # no entropy
        -entropy,  # the wrong sign
        entropy / 2,  # of one unit
    ):
        assert off(draws, likelihood + log_prior + wrong) > LIMIT


def logit_gradient(data, p, keep=lambda parts: sum(parts), step=1e-4):
    """Return the derivative of the closed form with respect to the logit of p."""
    logit = torch.logit(torch.tensor(p, dtype=torch.float64))
    up, down = (
        float(keep(parts(data, float((logit + sign * step).sigmoid()))))
        for sign in (1, -1)
    )
    return (up - down) / (2 * step)


@pytest.mark.parametrize("p", [0.1, 0.3])
def test_the_gradient_of_a_rate_is_that_of_the_closed_form(p):
    pyro.set_rng_seed(5)
    model, data = linear(5)
    guide = at_the_coefficients(model, p)
    draws = repeat(
        lambda: torch.autograd.grad(elbo(model, guide, *data), guide.logit["weight"])[
            0
        ],
        500,
        traced=True,
    )
    assert off(draws, logit_gradient(data, p)) < LIMIT
    # With an entropy that does not depend on p:
    assert (
        off(draws, logit_gradient(data, p, keep=lambda parts: parts[0] + parts[1]))
        > LIMIT
    )
    # Without the gradient through the masks:
    assert (
        off(draws, logit_gradient(data, p, keep=lambda parts: parts[1] + parts[2]))
        > LIMIT
    )


def best(data):
    grid = torch.linspace(-7.0, 0.0, 281).sigmoid().tolist()
    return max(grid, key=lambda p: float(sum(parts(data, p))))


def test_the_gradient_of_a_rate_is_zero_at_the_best_one():
    """The grid has steps of 2.5 percent in p; at its best p the gradient is 0.1 standard error."""
    pyro.set_rng_seed(6)
    model, data = linear(12)

    def draws(p):
        guide = at_the_coefficients(model, p)
        return repeat(
            lambda: torch.autograd.grad(
                elbo(model, guide, *data), guide.logit["weight"]
            )[0],
            600,
            traced=True,
        )

    assert off(draws(best(data)), 0.0) < LIMIT
    for wrong in (best(data) * 2, 1 - best(data)):
        assert off(draws(wrong), 0.0) > LIMIT


def test_a_fitted_rate_falls_as_the_number_of_data_grows():
    pyro.set_rng_seed(7)
    rates = []
    for num_data in (4, 40):
        model, data = linear(num_data)
        guide = at_the_coefficients(model, 0.2).freeze("loc.*")
        rates.append(
            inference.SVI(model, guide, num_steps=150, lr=0.1, progress=False)
            .fit(data)
            .guide.rates()["weight"]
        )
    assert rates[1] < 0.5 * rates[0]
    assert 0.5 < rates[0] / best(linear(4)[1]) < 2.0
    assert torch.equal(guide.loc["weight"].flatten(), COEFFICIENTS[:2])


def test_a_relaxed_mask_does_not_take_a_log_uniform_prior():
    model = zoo.BayesianNetwork(
        nn.Linear(2, 1),
        priors.WeightPrior(priors.LogUniform()),
        likelihoods.Gaussian(0.5),
    )
    for family in (guides.MCDropout, guides.ConcreteDropout):
        with pytest.raises(
            ValueError,
            match=r"log-uniform prior of 'weight' is infinite at 0, and .*Dropout sets weights to",
        ):
            family(model)
