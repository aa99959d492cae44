"""The last layer integrated out: exact on linear models, a bound everywhere."""

import math

import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from guides._base.conditional_normal import _derivatives
from zoo import inference, likelihoods, networks, priors
from zoo.inference.svi.elbo import elbo

NOISE = 0.5


def regression(network, x, y, scale=NOISE):
    prior = priors.WeightPrior(dist.Normal(0.3, 0.8))
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(scale)), (x, y)


@pytest.fixture
def linear():
    torch.manual_seed(0)
    x = torch.randn(30, 3)
    y = x.sum(-1, keepdim=True) + NOISE * torch.randn(30, 1)
    model, data = regression(nn.Sequential(nn.Linear(3, 1)), x, y)
    features = torch.cat([x, torch.ones(30, 1)], -1).double()
    return (
        model,
        data,
        exact.linear_posterior(features, y[:, 0].double(), NOISE, 0.8, 0.3),
    )


@pytest.fixture
def hidden():
    torch.manual_seed(1)
    x = torch.randn(20, 2)
    y = x[:, :1].sin() + NOISE * torch.randn(20, 1)
    return regression(networks.MLP(2, 1, hidden=[4]), x, y)


def test_the_loss_on_linear_regression_is_the_evidence_at_every_draw(linear):
    model, data, known = linear
    guide = guides.LastLayer(model, example=data)
    assert guide.is_exact
    for _ in range(3):
        assert elbo(model, guide, *data).item() == pytest.approx(
            known.log_evidence.item(), abs=1e-4
        )
    ignorant = guides.LastLayer(model)  # draws from the prior: what the check rejects
    ignorant.data.keep(data[0][:1], data[1][:1])
    assert elbo(model, ignorant, *data).item() < known.log_evidence.item() - 1


def test_the_conditional_is_the_exact_posterior(linear):
    model, data, known = linear
    guide = guides.LastLayer(model, example=data)
    conditional = guide.conditional({})
    assert torch.allclose(conditional.mean, known.mean, atol=1e-5)
    assert torch.allclose(conditional.covariance_matrix, known.covariance, atol=1e-7)

    fit = inference.SVI(model, guides.LastLayer(model), num_steps=1, progress=False)
    posterior = fit.fit(data)
    bound = posterior.bound(data)
    assert bound.value * 30 == pytest.approx(-known.log_evidence.item(), abs=1e-3)
    draws = posterior.sample(2000)["0.weight"].squeeze(1).double()
    errors = (draws.mean(0) - known.mean[:3]) / (draws.std(0) / 2000**0.5)
    assert (errors.abs() < 4.5).all(), errors  # false alarm in 5 of 100,000


def test_the_last_layer_adds_no_noise_and_its_bound_is_the_collapsed_one(hidden):
    model, (x, y) = hidden
    guide = guides.LastLayer(model, make=wide, example=(x, y))
    for _ in range(3):
        with torch.no_grad():
            q = pyro.poutine.trace(guide).get_trace(x, y)
            replayed = pyro.poutine.replay(model, trace=q)
            p = pyro.poutine.trace(replayed).get_trace(x, y)
            ratio = (p.log_prob_sum() - q.log_prob_sum()).item()

        draw = {name: q.nodes[name]["value"] for name in guide.rest.sites}
        hiddens = torch.tanh(x @ draw["layer1.weight"].T + draw["layer1.bias"])
        features = torch.cat([hiddens, torch.ones(20, 1)], -1).double()
        known = exact.linear_posterior(features, y[:, 0].double(), NOISE, 0.8, 0.3)
        prior = sum(model.latents[name].log_prob(draw[name]).item() for name in draw)
        own = guide.rest.log_prob(draw).item()
        collapsed = known.log_evidence.item() + prior - own
        assert ratio == pytest.approx(collapsed, abs=2e-3)


def wide(model, **options):
    return guides.MeanField(model, init_scale=0.5, **options)


def test_a_batch_gives_an_unbiased_estimate(hidden):
    model, (x, y) = hidden
    guide = guides.LastLayer(model, example=(x, y))
    guide.freeze("rest.*")
    pyro.set_rng_seed(0)
    with torch.no_grad(), pyro.validation_enabled(False):
        whole = torch.stack([elbo(model, guide, x, y) for _ in range(40)])
        parts = []
        for number in range(80):
            rows = slice(0, 10) if number % 2 else slice(10, 20)
            parts.append(elbo(model, guide, x[rows], y[rows], num_data=20))
    parts = torch.stack(parts).reshape(40, 2).mean(-1)
    error = (whole.var() / 40 + parts.var() / 40).sqrt()
    assert (whole.mean() - parts.mean()).abs() < 4.5 * error


def test_classes_have_the_laplace_approximation_and_still_a_bound():
    torch.manual_seed(0)
    x = torch.linspace(-2, 2, 12).reshape(-1, 1)
    y = (x[:, 0] > 0.3).long()
    prior = priors.by_name(
        {"*weight": dist.Normal(0.0, 2.0)}, otherwise=priors.Frozen()
    )
    network = nn.Sequential(nn.Linear(1, 1))
    nn.init.zeros_(network[0].bias)
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(prior), likelihoods.Bernoulli()
    )
    guide = guides.LastLayer(model, example=(x, y.reshape(-1, 1).float()))
    assert guide.bound
    assert not guide.is_exact
    assert guide._given_rest(0).is_log_concave

    grid = torch.linspace(-15, 15, 4001, dtype=torch.float64)
    signed = (2 * y - 1).double() * x[:, 0].double()
    log_joint = nn.functional.logsigmoid(grid[:, None] * signed).sum(-1)
    log_joint = log_joint + dist.Normal(0.0, 2.0).log_prob(grid)
    evidence = (log_joint.logsumexp(0) + math.log(30 / 4000)).item()
    mode = grid[log_joint.argmax()].item()
    conditional = guide.conditional({})
    assert conditional.mean.item() == pytest.approx(mode, abs=0.02)

    draws = conditional.sample((4000,))[:, 0]
    joint = nn.functional.logsigmoid(draws[:, None] * signed).sum(-1)
    joint = joint + dist.Normal(0.0, 2.0).log_prob(draws)
    terms = joint - conditional.log_prob(draws[:, None])
    bound, error = terms.mean().item(), terms.std().item() / 4000**0.5
    assert bound < evidence + 4 * error
    assert bound > evidence - 0.2

    losses = [elbo(model, guide, x, y.reshape(-1, 1).float()) for _ in range(10)]
    losses = torch.stack(losses)
    assert (losses.mean() - bound).abs() < 4.5 * losses.std() / 10**0.5


def test_the_mode_is_found_where_the_density_is_not_log_concave():
    torch.manual_seed(0)
    x = torch.linspace(-2, 2, 40).unsqueeze(-1)
    y = x.sin() + (0.2 + 0.2 * x.abs()) * torch.randn(40, 1)
    model = zoo.BayesianNetwork(
        networks.MLP(1, 2, hidden=[8]),
        priors.WeightPrior(dist.Normal(0.0, 1.5)),
        likelihoods.HeteroscedasticGaussian(),
    )

    guide = guides.LastLayer(model, example=(x, y))
    rest = guide.rest()
    given = guide._given_rest(guide._newton_steps())
    assert not given.is_log_concave
    stated = given._stated(rest)

    def negative(elements):
        return given._negative(stated, rest, elements)

    def slope(elements):
        return (1.5 * torch.func.grad(negative)(elements)).norm()

    found = guide.conditional(rest).mean.float()
    assert slope(found) < 0.1

    undamped = torch.zeros_like(found)  # Newton's method alone: what the check rejects
    for _ in range(guide._newton_steps()):
        gradient, curvature = _derivatives(negative, undamped)
        step, is_singular = torch.linalg.solve_ex(curvature, gradient)
        if is_singular:  # it has gone so far that nothing curves
            break
        undamped = undamped - step
    assert not slope(undamped) < 10

    # the energies of draws of a normal are half of their number of elements above the mode
    draws = guide.conditional(rest).sample((200,)).float()
    excess = torch.vmap(negative)(draws).mean() - negative(found)
    assert 0.8 < excess / (len(found) / 2) < 1.5


def test_a_learned_noise_scale_belongs_to_the_rest(hidden):
    _, data = hidden
    model, _ = regression(networks.MLP(2, 1, hidden=[4]), *data, dist.HalfNormal(1.0))
    guide = guides.LastLayer(model)
    assert guide.last == ["layer2.weight", "layer2.bias"]
    assert set(guide.rest.sites) == {
        "layer1.weight",
        "layer1.bias",
        "likelihood:scale",
    }
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(*data), batch_size=7
    )
    engine = inference.SVI(model, guide, num_steps=4, progress=False)
    posterior = engine.fit(loader)
    assert torch.equal(posterior.guide.data.arguments()[0][0], data[0])
    assert posterior.predict(data[0], num_samples=5).mean.shape == (20, 1)


def test_a_point_estimate_of_the_features_is_used_in_draws():
    torch.manual_seed(0)
    x, y = torch.randn(20, 2), torch.randn(20, 1)
    prior = priors.last_layer(
        dist.Normal(0.0, 1.0), otherwise=priors.Point(dist.Normal(0.0, 1.0))
    )
    model = zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[4]),
        priors.WeightPrior(prior),
        likelihoods.Gaussian(NOISE),
    )
    posterior = inference.SVI(
        model, guides.LastLayer(model), lr=0.1, num_steps=30, progress=False
    ).fit((x, y))
    weight, bias = posterior.state["layer1.weight"], posterior.state["layer1.bias"]
    hiddens = torch.tanh(x @ weight.T + bias)
    features = torch.cat([hiddens, torch.ones(20, 1)], -1).double()
    known = exact.linear_posterior(features, y[:, 0].double(), NOISE, 1.0, 0.0)
    draws = posterior.sample(2000)["layer2.weight"].squeeze(1).double()
    errors = (draws.mean(0) - known.mean[:4]) / (draws.std(0) / 2000**0.5)
    assert (errors.abs() < 4.5).all(), errors


def test_another_prior_or_too_many_elements_are_refused():
    network = networks.MLP(2, 1, hidden=[3])
    laplace = zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Laplace(0.0, 1.0)), likelihoods.Gaussian(1.0)
    )
    with pytest.raises(ValueError, match=r"needs a normal prior .*'layer2\.weight'"):
        guides.LastLayer(laplace)
    wide, _ = regression(networks.MLP(2, 1, hidden=[2000]), None, None)
    with pytest.raises(ValueError, match=r"has 2,001 elements, too many"):
        guides.LastLayer(wide)
