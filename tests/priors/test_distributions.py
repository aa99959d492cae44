"""Our own distributions: densities, divergences, and what an improper one refuses."""

import math

import cases
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, off, one_thread, repeat  # noqa: F401
from torch import nn
from torch.distributions import kl_divergence

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.priors.correlated_filters import CorrelatedFilters
from zoo.runtime.distributions import is_proper

NORMAL = dist.Normal(0.0, 1.0)


def test_the_density_of_a_scale_mixture_is_that_of_torch():
    ours = priors.ScaleMixture(0.3, 1.0, 0.1).expand((4, 2))
    parts = dist.Normal(torch.zeros(2), torch.tensor([1.0, 0.1]))
    theirs = dist.MixtureSameFamily(dist.Categorical(torch.tensor([0.3, 0.7])), parts)
    value = torch.randn(4, 2)
    assert torch.allclose(ours.log_prob(value), theirs.log_prob(value))
    swapped = priors.ScaleMixture(0.7, 1.0, 0.1)
    assert not torch.allclose(swapped.log_prob(value), theirs.log_prob(value))
    assert torch.allclose(ours.variance, theirs.variance)
    draws = ours.sample((3000,))
    assert draws.shape == (3000, 4, 2)
    assert off(draws.square(), ours.variance) < LIMIT
    assert ours.mean.abs().max() == 0


@pytest.mark.parametrize("pi", [0.0, 1.0])
def test_a_scale_mixture_of_one_component_is_normal(pi):
    scale = 1.0 if pi else 0.1
    value = torch.randn(5)
    mixture = priors.ScaleMixture(pi, 1.0, 0.1)
    assert torch.allclose(
        mixture.log_prob(value), dist.Normal(0.0, scale).log_prob(value)
    )


@pytest.mark.parametrize("scales", [(1.0, math.exp(-6)), (math.exp(-6), 1.0)])
def test_the_tail_of_a_scale_mixture_is_accurate(scales):
    value = torch.tensor([0.0, 0.001, 0.01, 0.1, 1.0, 5.0])
    single = torch.tensor([0.5, *scales])
    double = torch.tensor([0.5, *scales], dtype=torch.double)
    log_prob = priors.ScaleMixture(*single).log_prob(value)
    exact = priors.ScaleMixture(*double).log_prob(value.double())
    assert torch.allclose(log_prob.double(), exact, rtol=1e-5)

    # A formula that starts with the narrow component loses digits.
    narrow = -value.square() / (2 * min(scales) ** 2)
    inaccurate = narrow + (log_prob - narrow)
    assert not torch.allclose(inaccurate.double(), exact, rtol=1e-5)


def test_the_density_of_a_scale_mixture_has_the_shape_of_its_batch():
    scalar = priors.ScaleMixture(0.5, 1.0, 0.1).expand((4, 2))
    assert scalar.log_prob(torch.tensor(0.3)).shape == (4, 2)
    vector = priors.ScaleMixture(0.5, torch.tensor([1.0, 2.0]), 0.1).expand((4, 2))
    assert vector.log_prob(torch.zeros(2)).shape == (4, 2)


def test_a_scale_mixture_is_moved_with_all_its_parts():
    mixture = priors.ScaleMixture(0.5, 1.0, 0.1)
    moved = zoo.runtime.distributions.to(mixture, torch.zeros(()).double())
    assert moved.log_prob(torch.tensor(0.3).double()).dtype == torch.float64


def filters(scale=0.5, lengthscale=2.0, taps=(3, 2)):
    return CorrelatedFilters(
        torch.tensor(scale).double(),
        torch.tensor(lengthscale).double(),
        torch.Size(taps),
    )


def covariance(scale=0.5, lengthscale=2.0, taps=(3, 2)):
    """Compute the covariance of the taps element by element."""
    places = [(i, j) for i in range(taps[0]) for j in range(taps[1])]
    distance = torch.tensor(
        [[((a - c) ** 2 + (b - d) ** 2) ** 0.5 for c, d in places] for a, b in places]
    ).double()
    return scale**2 * (-distance / lengthscale).exp()


def test_the_density_of_correlated_filters_is_that_of_a_multivariate_normal():
    ours = filters().expand((4, 5))
    value = ours.sample((2,))
    assert value.shape == (2, 4, 5, 3, 2)
    theirs = torch.distributions.MultivariateNormal(
        torch.zeros(6).double(), covariance()
    )
    assert torch.allclose(ours.log_prob(value), theirs.log_prob(value.flatten(-2)))
    squared = torch.distributions.MultivariateNormal(
        torch.zeros(6).double(), 0.25 * (covariance() / 0.25) ** 2
    )
    assert not torch.allclose(
        squared.log_prob(value.flatten(-2)), theirs.log_prob(value.flatten(-2))
    )


def test_the_divergence_from_correlated_filters_is_the_mean_of_its_estimates():
    loc = 0.3 * torch.randn(2, 2, 3, 2).double()
    scale = 0.1 + torch.rand(2, 2, 3, 2).double()
    q = dist.Normal(loc, scale).to_event(4)
    p = filters().expand((2, 2)).to_event(2)
    exact = kl_divergence(q, p)
    one = torch.distributions.MultivariateNormal(
        loc.flatten(-2), torch.diag_embed(scale.flatten(-2) ** 2)
    )
    whole = torch.distributions.MultivariateNormal(
        torch.zeros(6).double(), covariance()
    )
    assert torch.allclose(exact, kl_divergence(one, whole).sum())

    def estimate():
        z = q.rsample()
        return q.log_prob(z) - p.log_prob(z)

    draws = repeat(estimate, 2000, traced=True)
    assert off(draws, exact) < LIMIT
    uncorrelated = dist.Normal(torch.zeros_like(loc), 0.5).to_event(4)
    assert off(draws, kl_divergence(q, uncorrelated)) > LIMIT


def test_correlated_filters_are_for_convolutions_of_any_dimension():
    network = nn.Sequential(
        nn.Conv1d(2, 4, 5), nn.Conv1d(4, 4, 3, groups=2), nn.Flatten(), nn.Linear(4, 1)
    )
    rule = priors.correlated_filters(0.5, otherwise=NORMAL)
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(rule), likelihoods.Gaussian(0.5)
    )
    assert model.latents["0.weight"].shape() == (4, 2, 5)
    assert type(model.latents["1.weight"].base_dist) is CorrelatedFilters
    assert type(model.latents["3.weight"].base_dist) is dist.Normal
    posterior = cases.ENGINES["HMC"](model).fit(
        (torch.randn(6, 2, 7), torch.randn(6, 1))
    )
    assert posterior.info.compiled == "traced"
    assert "CorrelatedFilters(0.5, 1)" in str(model.summary())


def test_proper_and_improper_priors():
    assert is_proper(NORMAL.expand((3,)).to_event(1))
    assert not is_proper(priors.LogUniform().expand((3, 2)).to_event(2))
    assert not is_proper(dist.ImproperUniform(dist.constraints.real, (), ()))


def test_the_log_uniform_density_and_its_cut():
    prior = priors.LogUniform()
    value = torch.tensor([2.0, -0.5, 0.0])
    log_prob = prior.log_prob(value)
    assert torch.allclose(log_prob[:2], -torch.tensor([2.0, 0.5]).log())
    assert torch.isfinite(log_prob).all()
    with pytest.raises(
        ValueError, match="the log-uniform prior is improper and has no draws"
    ):
        prior.sample()


def improper(**options):
    rule = priors.by_name({"layer1.weight": priors.LogUniform()}, otherwise=NORMAL)
    return zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[3]),
        priors.WeightPrior(rule),
        likelihoods.Gaussian(0.5),
        **options,
    )


def test_an_improper_prior_has_no_prior_predictive():
    sentence = (
        r"the prior of site 'layer1.weight', LogUniform\(\), is improper .* "
        r"such as dist.Normal\(0.0, 1.0\)"
    )
    with pytest.raises(ValueError, match=sentence):
        improper().prior_predictive(torch.zeros(3, 2))


def test_a_noise_scale_with_an_improper_prior_has_an_initial_value_in_its_support():
    flat = dist.ImproperUniform(dist.constraints.positive, (), ())
    network = networks.MLP(2, 1, hidden=[3])
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(NORMAL), likelihoods.Gaussian(flat)
    )
    energy = inference.mcmc.density.potential.Potential(
        model, torch.randn(5, 2), torch.randn(5, 1)
    )
    assert (energy.unpack(energy.prior_draws(2))[0]["likelihood:scale"] == 1.0).all()


def test_a_model_with_an_improper_prior_is_explained_without_draws_from_it():
    model = improper()
    explanation = zoo.explain(model, guides.MeanField(model))
    assert set(explanation.table.column("prior spread")) == {None}
    assert "a prior is improper" in str(explanation)


@pytest.mark.parametrize(
    ("prior", "centre"),
    [(dist.LogNormal(0.0, 0.3), 1.0), (dist.Gamma(20.0, 20.0), 1.0)],
    ids=["LogNormal", "Gamma"],
)
def test_positive_nodes_under_mean_field_and_nuts(prior, centre):
    """One node on a frozen weight has a one-dimensional posterior, known by quadrature."""
    network = nn.Linear(1, 1, bias=False).double()
    with torch.no_grad():
        network.weight.fill_(2.0)
    model = zoo.BayesianNetwork(
        network,
        priors.NodePrior(prior, weights=priors.Frozen()),
        likelihoods.Gaussian(1.0),
    )
    x = torch.linspace(-1, 1, 9).double().unsqueeze(-1)
    y = 3.0 * x
    grid = torch.linspace(0.01, 5.0, 5000).double()
    likelihood = dist.Normal(x * 2.0 * grid, 1.0)
    joint = prior.log_prob(grid) + likelihood.log_prob(y).sum(0)
    mean = (joint.softmax(0) * grid).sum()
    assert mean > 1.1 * centre  # the data change it
    fitted = inference.SVI(
        model, guides.MeanField(model), num_steps=600, lr=0.01, progress=False
    ).fit((x, y))
    drawn = inference.NUTS(
        model,
        num_chains=10,
        warmup_steps=40,
        num_samples=20,
        compile=False,
        progress=False,
    ).fit((x, y))
    for posterior in (fitted, drawn):
        nodes = posterior.sample(200)["nodes_in"]
        assert bool((nodes > 0).all())
        assert nodes.mean().item() == pytest.approx(mean.item(), rel=0.06)


def test_a_transform_that_caches_its_inverse_is_moved():
    prior = dist.LogNormal(0.0, 0.3)
    # This call makes the transform cache its inverse, and the inverse the transform.
    expected = prior.log_prob(torch.tensor(2.0))
    moved = zoo.runtime.distributions.to(prior, torch.zeros((), dtype=torch.float64))
    assert torch.allclose(moved.log_prob(torch.tensor(2.0).double()).float(), expected)
    back = dist.TransformedDistribution(prior, [torch.distributions.ExpTransform().inv])
    moved = zoo.runtime.distributions.to(back, torch.zeros((), dtype=torch.float64))
    assert moved.sample().dtype == torch.float64
