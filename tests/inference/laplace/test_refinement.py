"""The refined Laplace approximation: the posterior of the network linearised at a mode."""

import cases
import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, off, one_thread  # noqa: F401
from torch import nn

import zoo
from zoo import datasets, inference, likelihoods, networks, priors
from zoo.inference.laplace import laplace

NOISE = 0.5
X = torch.randn(40, 2, generator=torch.Generator().manual_seed(0)).double()
Y = X.sum(-1, keepdim=True).sin()


def fit(model, data, structure="full", num_samples=1, batch_size=None, **options):
    options = {"num_steps": 0, "refined": True} | options
    engine = inference.Laplace(
        model,
        structure=structure,
        num_samples=num_samples,
        progress=False,
        **options,
    )
    return engine.fit(data, batch_size)


def model_of(network, likelihood, scale=1.0):
    prior = priors.WeightPrior(dist.Normal(0.2, scale))
    return zoo.BayesianNetwork(network.double(), prior, likelihood)


def flat(values, network):
    names = dict(network.named_parameters())
    return torch.cat([values[name].flatten() for name in names])


@pytest.fixture(scope="module")
def linear():
    pyro.set_rng_seed(0)
    data = datasets.toy.linear(num_data=15, noise=NOISE, prior_scale=1.0).train
    data = data.x.double(), data.y.double()
    model = model_of(networks.MLP(3, 1, hidden=[]), likelihoods.Gaussian(NOISE))
    features, targets = exact.features(data[0]), data[1].squeeze(-1)
    return model, data, exact.linear_posterior(features, targets, NOISE, 1.0, 0.2)


@pytest.mark.parametrize("batch_size", [None, 4])
def test_on_a_linear_model_it_is_exact_from_any_start(linear, batch_size):
    model, data, known = linear
    posterior = fit(model, data, num_samples=3000, batch_size=batch_size)
    assert torch.allclose(flat(posterior.mean, model.network), known.mean, atol=1e-3)
    draws = posterior.sample()
    draws = torch.cat([draws["layer1.weight"].flatten(1), draws["layer1.bias"]], -1)
    assert off(draws, known.mean) < LIMIT
    evidence = known.log_evidence.item()
    assert posterior.info.log_marginal_likelihood == pytest.approx(evidence, abs=1e-5)

    at_the_start = fit(model, data, num_samples=3000, refined=False)  # rejected
    draws = at_the_start.sample()
    draws = torch.cat([draws["layer1.weight"].flatten(1), draws["layer1.bias"]], -1)
    assert off(draws, known.mean) > LIMIT
    assert at_the_start.info.log_marginal_likelihood < evidence - 1


def logistic(temperature=1.0):
    """Return a logistic regression, its data, and its mode and curvature by Newton's method."""
    torch.manual_seed(0)
    y = (X.sum(-1) + torch.randn(40).double() > 0).long()
    model = model_of(nn.Sequential(nn.Linear(2, 2)), likelihoods.Categorical(), 2.0)
    features = torch.cat([X, torch.ones(40, 1).double()], -1)

    def energy(w):
        logits = features @ torch.cat([w[:4].reshape(2, 2), w[4:, None]], -1).T
        loss = nn.functional.cross_entropy(logits, y, reduction="sum")
        return loss / temperature + ((w - 0.2) / 2).square().sum() / 2

    w = torch.zeros(6).double()
    for _ in range(20):
        curvature = torch.func.hessian(energy)(w)
        w = w - torch.linalg.solve(curvature, torch.func.grad(energy)(w))
    return model, (X, y), w, torch.func.hessian(energy)(w), energy(w)


@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_on_a_logistic_regression_it_is_the_normal_at_the_mode(temperature):
    model, data, mode, curvature, energy = logistic(temperature)
    posterior = fit(model, data, likelihood_temperature=temperature)
    assert torch.allclose(flat(posterior.mean, model.network), mode, atol=2e-3)
    volume = 6 * torch.tensor(2.0).log() + torch.logdet(curvature) / 2
    integral = -(energy + volume).item()
    assert posterior.info.log_marginal_likelihood == pytest.approx(integral, abs=1e-3)

    other = fit(model, data, refined=False, likelihood_temperature=temperature)
    assert other.info.log_marginal_likelihood < integral - 1  # at the first values
    assert posterior.predict(X).log_prob(data[1]).mean() > -0.6


def bent(outputs=1, likelihood=None):
    torch.manual_seed(1)
    network = networks.MLP(2, outputs, hidden=[4])
    return model_of(network, likelihood or likelihoods.Gaussian(NOISE))


@pytest.fixture
def search_that_ends_early(monkeypatch):
    monkeypatch.setattr(laplace, "can_polish", lambda *_: False)


def test_a_network_is_linear_regression_on_its_derivatives(search_that_ends_early):
    model = bent()
    posterior = fit(model, (X, Y), num_steps=30, num_samples=3000)
    centre = posterior.centre
    by_weight = torch.func.jacrev(lambda at: model.output(at, X))(centre)
    features = torch.cat(
        [by_weight[name].flatten(2)[:, 0] for name in model.latents], -1
    )
    at = torch.cat([centre[name].flatten() for name in model.latents])
    targets = (Y - model.output(centre, X))[:, 0] + features @ at
    known = exact.linear_posterior(features, targets, NOISE, 1.0, 0.2)
    mean = torch.cat([posterior.mean[name].flatten() for name in model.latents])
    assert torch.allclose(mean, known.mean, atol=1e-3)
    assert not torch.allclose(at, known.mean, atol=0.1)

    functions = posterior.predict(X).outputs[..., 0]
    expected = model.output(centre, X)[:, 0] + features @ (known.mean - at)
    assert off(functions, expected) < LIMIT
    assert off(posterior.predict(X, linearised=False).outputs[..., 0], expected) > LIMIT
    evidence = known.log_evidence.item()
    assert posterior.info.log_marginal_likelihood == pytest.approx(evidence, abs=1e-4)


@pytest.mark.parametrize("structure", ["diag", "kron"])
def test_every_structure_has_the_curvature_of_the_linear_modelsoutputs_by_differences(
    structure,
):
    data = X, (X.prod(-1) > 0).long()
    model = bent(2, likelihoods.Categorical())
    full = fit(model, data, num_steps=10)
    other = fit(model, data, structure, num_steps=10, num_samples=4000)
    for name, value in other.mean.items():
        assert torch.allclose(value, full.mean[name], atol=0.01)

    if structure == "diag":
        logits = outputs_by_differences(full, full.mean)
        by_weight = torch.func.jacrev(lambda at: model.output(at, X))(full.centre)
        probs = logits.softmax(-1)
        of_logits = torch.diag_embed(probs) - probs[:, :, None] * probs[:, None]
        for name, value in other.sample().items():
            jacobian = by_weight[name].flatten(2)
            second = torch.einsum("nop,noq,nqp->p", jacobian, of_logits, jacobian)
            variance = 1 / (1 + second)
            squares = (value - full.mean[name]).flatten(1).square()
            assert off(squares, variance) < LIMIT


def outputs_by_differences(posterior, weights):
    """Return the outputs of the linearised network by finite differences."""
    model, centre = posterior.model, posterior.centre
    step = {name: 1e-5 * (weights[name] - at) for name, at in centre.items()}
    ahead = {name: at + step[name] for name, at in centre.items()}
    behind = {name: at - step[name] for name, at in centre.items()}
    slope = (model.output(ahead, X) - model.output(behind, X)) / 2e-5
    return model.output(centre, X) + slope


def test_the_last_layer_alone_is_refined(search_that_ends_early):
    model = bent()
    posterior = fit(model, (X, Y), num_steps=5, layers="last")
    assert torch.equal(
        posterior.mean["layer1.weight"], posterior.centre["layer1.weight"]
    )
    assert not torch.equal(
        posterior.mean["layer2.bias"], posterior.centre["layer2.bias"]
    )


def test_it_is_saved_and_read_back(tmp_path):
    posterior = fit(bent(), (X, Y), num_steps=5, num_samples=4)
    posterior.save(tmp_path / "posterior")
    again = zoo.load(tmp_path / "posterior", bent())
    assert again.is_refined
    assert again.info.refined
    assert torch.equal(again.mean["layer1.bias"], posterior.mean["layer1.bias"])
    assert torch.equal(again.predict(X).outputs, posterior.predict(X).outputs)
    assert "refined" in repr(inference.Laplace(bent(), refined=True))
    assert "refined" in repr(again.info)


def test_recurrent_layers_are_refined_too():
    model = cases.model("GRU", "WeightPrior", "Gaussian").double()
    x, y = cases.data("GRU", "Gaussian")
    posterior = fit(model, (x.double(), y.double()), "diag", num_samples=2)
    assert posterior.predict(x.double()).mean.isfinite().all()
