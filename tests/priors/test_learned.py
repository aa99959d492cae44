"""Learned scales: the maximum of the evidence on linear regression, files, and refusals."""

import exact
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, networks, priors

NOISE = 0.5
SITE = "prior:weight.log_scale"
X = torch.randn(12, 3, generator=torch.Generator().manual_seed(1))
Y = X @ torch.tensor([[4.0], [-3.0], [2.0]]) + NOISE * torch.randn(
    12, 1, generator=torch.Generator().manual_seed(2)
)


def regression(rule):
    network = nn.Linear(3, 1, bias=False)
    return zoo.BayesianNetwork(
        network, priors.WeightPrior(rule), likelihoods.Gaussian(NOISE)
    )


def evidence(scale):
    prior_scale = torch.tensor(scale).double()
    posterior = exact.linear_posterior(
        X.double(), Y.double().squeeze(-1), NOISE, prior_scale
    )
    return posterior.log_evidence


def best_scale():
    scales = torch.linspace(0.5, 10.0, 951).tolist()
    return max(scales, key=evidence)


@pytest.fixture(scope="module")
def posterior():
    torch.manual_seed(0)
    model = regression(priors.Learned(0.3))
    guide = guides.FullRank(model)
    engine = inference.SVI(model, guide, num_steps=1500, lr=0.03, progress=False)
    return engine.fit((X, Y))


def test_the_scale_maximises_the_evidence(posterior):
    learned = float(posterior.state[SITE].exp())
    best = best_scale()
    of_the_mode = float(exact_mean(0.3).square().mean().sqrt())

    assert learned == pytest.approx(best, rel=0.03)
    assert (
        abs(of_the_mode - best) > 0.1 * best
    )  # the size of the weights under the first prior


def exact_mean(scale):
    prior_scale = torch.tensor(scale).double()
    return exact.linear_posterior(
        X.double(), Y.double().squeeze(-1), NOISE, prior_scale
    ).mean


def test_the_loss_is_the_evidence_at_the_learned_scale(posterior):
    best = float(evidence(best_scale())) / len(X)
    losses = posterior.info.losses[-200:]
    error = float(losses.std() / 200**0.5)

    assert posterior.info.bound
    assert -float(losses.mean()) == pytest.approx(best, abs=4 * error + 0.02)
    assert best - float(evidence(0.3)) / len(X) > 0.5  # the initial scale is far worse


def test_the_scale_is_a_parameter_and_no_site(posterior):
    model = posterior.model
    guide = guides.FullRank(model)

    assert set(model.latents) == {"weight"}
    assert posterior.info.num_parameters == guide.num_parameters() + 1


def test_one_scale_for_each_input():
    model = regression(priors.Learned(by="input"))
    engine = inference.SVI(model, guides.MeanField(model), num_steps=3, progress=False)
    posterior = engine.fit((X, Y))

    assert posterior.state[SITE].shape == (3,)


def test_the_scale_is_in_the_file_and_continues_a_fit(posterior, tmp_path):
    path = tmp_path / "posterior.safetensors"
    posterior.save(path)
    model = regression(priors.Learned(0.3))
    again = zoo.load(path, model, guide=guides.FullRank(model))
    assert torch.equal(again.state[SITE], posterior.state[SITE])

    engine = inference.SVI(
        model, guides.FullRank(model), num_steps=1, lr=1e-6, progress=False
    )
    continued = engine.fit((X, Y), init=posterior)
    torch.testing.assert_close(continued.state[SITE], posterior.state[SITE])


def test_learned_scales_become_a_prior_for_samplers(posterior):
    fixed = priors.Learned.fixed(posterior)
    model = regression(fixed)

    scale = model.latents["weight"].base_dist.scale
    torch.testing.assert_close(scale, posterior.state[SITE].exp().expand(1, 3))
    with pytest.raises(ValueError, match=r"does not optimise.*Learned\.fixed"):
        inference.NUTS(posterior.model, progress=False).fit((X, Y))
    with pytest.raises(ValueError, match="whose precision it learns itself"):
        inference.Laplace(posterior.model, progress=False).fit((X, Y))


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="must be positive, not -1"):
        priors.Learned(-1.0)
    with pytest.raises(ValueError, match="by must be"):
        priors.Learned(by="row")

    network = networks.MLP(3, 1, hidden=[2])
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(NOISE))
    engine = inference.SVI(model, guides.MeanField(model), num_steps=1, progress=False)
    with pytest.raises(ValueError, match="has no learned scales"):
        priors.Learned.fixed(engine.fit((X, Y)))
