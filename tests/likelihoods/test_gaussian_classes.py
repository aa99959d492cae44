"""Gaussian classes in the latents of a flow: discriminant analysis, and conjugate means."""

import cases
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal

import guides
import zoo
from zoo import inference, likelihoods, networks, priors

COVARIANCE = torch.tensor([[2.0, 0.8], [0.8, 0.7]])
CENTRES = torch.tensor([[0.0, 0.0], [2.0, -1.0], [-1.0, 1.5]])


class Affine(nn.Module):
    """The flow z = W x + b, whose log determinant is known."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.eye(2))
        self.bias = nn.Parameter(torch.zeros(2))

    def forward(self, x):
        z = x @ self.weight.T + self.bias
        log_volume = torch.linalg.slogdet(self.weight).logabsdet
        return torch.cat([z, log_volume.expand(len(x), 1)], -1)


def classes(number):
    """Return data of three classes with one covariance, as often each."""
    y = torch.arange(number) % 3
    return MultivariateNormal(CENTRES[y], COVARIANCE).sample(), y


def discriminant_analysis(x, means, covariance):
    """Return the class probabilities of linear discriminant analysis, (N, K)."""
    precision = torch.linalg.inv(covariance)
    shift = -(means @ precision * means).sum(-1) / 2
    return (x @ precision @ means.T + shift).softmax(-1)


def test_an_affine_flow_is_linear_discriminant_analysis():
    torch.manual_seed(0)
    x, y = classes(60)
    network = Affine()
    inverse = torch.linalg.inv(torch.linalg.cholesky(COVARIANCE))
    network.weight.data = inverse
    likelihood = likelihoods.GaussianClasses(CENTRES @ inverse.T)
    found = likelihood.distribution(network(x).detach(), {})
    torch.testing.assert_close(
        found.probs, discriminant_analysis(x, CENTRES, COVARIANCE), atol=1e-5, rtol=0
    )
    nearest = discriminant_analysis(x, CENTRES, torch.eye(2))
    assert (found.probs - nearest).abs().max() > 0.1
    density = MultivariateNormal(CENTRES[y], COVARIANCE).log_prob(x)
    expected = density + torch.tensor(1 / 3).log()
    torch.testing.assert_close(found.log_prob(y), expected, atol=1e-4, rtol=0)


def test_a_fitted_affine_flow_finds_the_analysis_of_most_likely_moments():
    pyro.set_rng_seed(0)
    x, y = classes(90)
    means = dist.Normal(torch.zeros(3, 2), 100.0)
    prior = priors.WeightPrior(dist.Normal(0.0, 100.0))
    model = zoo.BayesianNetwork(Affine(), prior, likelihoods.GaussianClasses(means))
    guide = guides.Delta(model)
    engine = inference.SVI(model, guide, num_steps=800, lr=0.05, progress=False)
    posterior = engine.fit((x, y))
    centres = torch.stack([x[y == label].mean(0) for label in range(3)])
    within = x - centres[y]
    expected = discriminant_analysis(x, centres, within.T @ within / len(x))
    found = posterior.predict(x, 1).probs
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=0)
    wrong = discriminant_analysis(x, centres, torch.cov(x.T))  # of all the data
    assert (wrong - expected).abs().max() > 0.05


def test_random_means_have_the_conjugate_posterior_and_evidence():
    pyro.set_rng_seed(0)
    x, y = classes(30)
    scale, count = 2.0, 10
    means = dist.Normal(torch.zeros(3, 2), scale)
    frozen = priors.WeightPrior(priors.Frozen())
    model = zoo.BayesianNetwork(Affine(), frozen, likelihoods.GaussianClasses(means))
    assert set(model.latents) == {"likelihood:means"}
    guide = guides.MeanField(model)
    engine = inference.SVI(model, guide, num_steps=1000, lr=0.03, progress=False)
    posterior = engine.fit((x, y))

    variance = 1 / (count + scale**-2)
    site = posterior.distributions()["likelihood:means"]
    sums = torch.stack([x[y == label].sum(0) for label in range(3)])
    expected = torch.full((3, 2), variance**0.5)  # 0.31
    torch.testing.assert_close(site.mean, variance * sums, atol=0.06, rtol=0)
    torch.testing.assert_close(site.stddev, expected, atol=0.06, rtol=0)

    joint = torch.eye(count) + scale**2 * torch.ones(count, count)
    evidence = 30 * torch.tensor(1 / 3).log()
    for label in range(3):
        law = MultivariateNormal(torch.zeros(count), joint)
        evidence += law.log_prob(x[y == label].T).sum()

    bound = posterior.bound((x, y), num_samples=200)
    assert abs(bound.value * 30 + float(evidence)) < 0.3  # a loss, per datum
    without_classes = float(evidence) - 30 * float(torch.tensor(1 / 3).log())
    assert abs(bound.value * 30 + without_classes) > 3


@pytest.mark.parametrize("guide", ["Delta", "MeanField"])
@pytest.mark.parametrize("name", cases.OF_FLOWS)
def test_a_flow_is_fitted_by_any_guide(name, guide):
    pyro.set_rng_seed(0)
    row = cases.OF_FLOWS[name]
    network = networks.NormalisingFlow(row.outputs - 1)
    prior = priors.WeightPrior(dist.Normal(0.0, 0.3))
    model = zoo.BayesianNetwork(network, prior, row.make())
    engine = inference.SVI(
        model, cases.GUIDES[guide](model), num_steps=2, progress=False
    )
    x, y = torch.randn(9, 2), row.targets(9)
    posterior = engine.fit((x, y), batch_size=4)
    prediction = posterior.predict(x, 3)
    torch.testing.assert_close(prediction.probs.sum(-1), torch.ones(9))
    assert torch.isfinite(prediction.log_prob(y)).all()
    total = prediction.epistemic + prediction.aleatoric
    torch.testing.assert_close(prediction.entropy, total, atol=1e-5, rtol=1e-4)
    assert posterior.network().inverse(x).shape == (9, 2)


def test_wrong_means_and_outputs_get_a_sentence():
    with pytest.raises(ValueError, match=r"means must be \(K, D\).* not \(3,\)"):
        likelihoods.GaussianClasses(torch.zeros(3))

    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    likelihood = likelihoods.GaussianClasses(torch.zeros(3, 4))
    model = zoo.BayesianNetwork(networks.MLP(2, 3), prior, likelihood)
    engine = inference.SVI(model, guides.Delta(model), num_steps=1, progress=False)
    sentence = (
        r"4 latents and a log determinant, 5 outputs, not 3; write networks\.Norm"
    )
    with pytest.raises(ValueError, match=sentence):
        engine.fit((torch.randn(6, 2), torch.arange(6) % 3))
