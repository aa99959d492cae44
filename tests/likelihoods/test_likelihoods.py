"""Likelihoods: densities against the formula, noise with a prior, any distribution at all."""

import math

import pyro.distributions as dist
import pytest
import torch
from torch.nn.functional import softplus

import guides
import zoo
from zoo import inference, likelihoods, networks, priors

F = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))


def test_gaussian():
    y = torch.randn(6, 2)
    expected = (
        -0.5 * ((y - F) / 0.3).square() - math.log(0.3) - 0.5 * math.log(2 * math.pi)
    )
    assert torch.allclose(
        likelihoods.Gaussian(0.3).distribution(F, {}).log_prob(y), expected, atol=1e-5
    )
    likelihood = likelihoods.Gaussian(torch.tensor([0.1, 0.2]))
    scales = likelihood.distribution(F, {}).scale
    assert torch.allclose(scales, torch.tensor([0.1, 0.2]).expand(6, 2))


def test_gaussian_with_a_prior_for_each_output():
    likelihood = likelihoods.Gaussian(dist.HalfNormal(torch.tensor([1.0, 2.0])))
    prior = likelihood.priors(F.double())["likelihood:scale"]
    assert prior.event_shape == (2,)
    assert prior.sample().dtype == torch.float64
    assert repr(likelihood) == "Gaussian(scale=HalfNormal((2,)))"


@pytest.mark.parametrize(
    "prior",
    [
        dist.LogNormal(0.0, 1.0),
        dist.Gamma(2.0, 2.0),
        dist.HalfCauchy(1.0),
        dist.Uniform(0.01, 3.0),
    ],
)
def test_the_noise_is_learned(prior):
    network = networks.MLP(1, 1, hidden=[])
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihoods.Gaussian(prior)
    )
    x = torch.randn(200, 1)
    y = x + 0.5 * torch.randn(200, 1)
    engine = inference.SVI(
        model, guides.MeanField(model), num_steps=400, lr=0.05, progress=False
    )
    noise = engine.fit((x, y)).sample(100)["likelihood:scale"].mean()
    assert noise.item() == pytest.approx((y - x).std().item(), rel=0.15)


@pytest.mark.parametrize(
    ("prior", "start"),
    [(dist.LogNormal(-3.0, 1.0), math.exp(-3.0)), (dist.Gamma(2.0, 2.0), 1.0)],
)
def test_fits_begin_at_the_median_of_the_noise_or_where_it_is_not_known_at_one(
    prior, start
):
    network = networks.MLP(1, 1, hidden=[])
    weights = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(network, weights, likelihoods.Gaussian(prior))
    site = guides.Delta(model).sites["likelihood:scale"]
    assert site.init.item() == pytest.approx(start, rel=1e-5)


def test_heteroscedastic():
    y = torch.randn(6, 1)
    mean, scale = F[:, :1], 1e-3 + softplus(F[:, 1:])
    expected = torch.distributions.Normal(mean, scale).log_prob(y)
    assert torch.allclose(
        likelihoods.HeteroscedasticGaussian().distribution(F, {}).log_prob(y), expected
    )


def test_heteroscedastic_noise_is_found():
    x = torch.linspace(-1, 1, 300).reshape(-1, 1)
    y = torch.where(x < 0, 0.1, 1.0) * torch.randn(300, 1)
    model = zoo.BayesianNetwork(
        networks.MLP(1, 2, hidden=[10]),
        priors.WeightPrior(dist.Normal(0.0, 2.0)),
        likelihoods.HeteroscedasticGaussian(),
    )
    engine = inference.SVI(
        model, guides.Delta(model), num_steps=500, lr=0.03, progress=False
    )
    posterior = engine.fit((x, y))
    prediction = posterior.predict(torch.tensor([[-0.7], [0.7]]), num_samples=1)
    noise = prediction.aleatoric.sqrt()
    assert noise[0] < 0.25 < 0.6 < noise[1]


def test_categorical():
    y = torch.tensor([0, 1, 0, 1, 1, 0])
    expected = F.log_softmax(-1)[torch.arange(6), y]
    assert torch.allclose(
        likelihoods.Categorical().distribution(F, {}).log_prob(y), expected
    )


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.long, torch.int32, torch.bool]
)
def test_bernoulli_takes_zeros_and_ones_of_any_type(dtype):
    y = torch.tensor([0, 1, 0, 1, 1, 0]).reshape(6, 1).to(dtype)
    model = zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[]),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Bernoulli(),
    )
    posterior = inference.SVI(
        model, guides.MeanField(model), num_steps=2, progress=False
    ).fit((F, y))
    prediction = posterior.predict(F, num_samples=5)
    assert prediction.probs.shape == (6, 1)
    probs = prediction.outputs.sigmoid().mean(0)
    expected = torch.where(y.bool(), probs, 1 - probs).log().squeeze(-1)
    assert torch.allclose(prediction.log_prob(y), expected, atol=1e-5)


def test_integer_labels_of_any_width():
    model = zoo.BayesianNetwork(
        networks.MLP(2, 3, hidden=[]),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Categorical(),
    )
    for dtype in (torch.int64, torch.int32, torch.uint8):
        y = torch.tensor([0, 1, 2, 0, 1, 2]).to(dtype)
        posterior = inference.SVI(
            model, guides.MeanField(model), num_steps=2, progress=False
        ).fit((F, y))
        assert torch.isfinite(posterior.predict(F, num_samples=2).log_prob(y)).all()


def test_pixels_with_a_class_each():
    class Pixels(torch.nn.Conv2d):
        def forward(self, x):
            return super().forward(x).movedim(1, -1)  # classes last

    model = zoo.BayesianNetwork(
        Pixels(1, 3, 1),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Categorical(),
    )
    x, y = torch.randn(6, 1, 4, 4), torch.randint(3, (6, 4, 4))
    posterior = inference.SVI(
        model, guides.MeanField(model), num_steps=2, progress=False
    ).fit((x, y))
    prediction = posterior.predict(x, num_samples=2)
    assert prediction.log_prob(y).shape == (6,)
    assert prediction.entropy.shape == (6, 4, 4)


@pytest.mark.parametrize(
    ("make", "y"),
    [
        (
            lambda f: dist.Poisson(f.exp()),
            torch.tensor([0, 1, 4, 2, 0, 1]).reshape(6, 1),
        ),
        (lambda f: dist.Gamma(2.0, f.exp()), torch.rand(6, 1) + 0.1),
        (lambda f: dist.StudentT(3.0, f, 1.0), torch.randn(6, 1)),
        (lambda f: dist.VonMises(f, 2.0), torch.randn(6, 1).remainder(6) - 3),
    ],
    ids=["Poisson", "Gamma", "StudentT", "VonMises"],
)
def test_any_distribution_is_a_likelihood(make, y):
    model = zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[]),
        priors.WeightPrior(dist.Normal(0.0, 0.3)),
        likelihoods.From(make),
    )
    posterior = inference.SVI(
        model, guides.MeanField(model), num_steps=2, progress=False
    ).fit((F, y))
    prediction = posterior.predict(F, num_samples=4)
    direct = make(prediction.outputs).log_prob(y.float()).reshape(4, 6)
    assert torch.allclose(
        prediction.log_prob(y), direct.logsumexp(0) - math.log(4), atol=1e-4
    )
    assert prediction.samples().shape == (4, *y.shape)
    assert torch.allclose(
        prediction.epistemic + prediction.aleatoric, prediction.std.square(), atol=1e-5
    )


def test_a_target_outside_the_support_is_refused_with_the_name_of_the_distribution():
    likelihood = likelihoods.From(lambda f: dist.Poisson(f.exp()))
    y = torch.zeros_like(F)
    y[3, 1] = -2.0
    sentence = r"target 3 is \[0.0, -2.0\], .* targets must be values in the support of Poisson"
    with pytest.raises(ValueError, match=sentence):
        likelihood.check(F, y)


class Laplace(likelihoods.Likelihood):
    """A likelihood as a user writes it."""

    target = "finite real numbers"

    def distribution(self, output, noise):
        return dist.Laplace(output, 0.1)


def test_a_likelihood_of_your_own_needs_a_distribution_only():
    model = zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[]),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        Laplace(),
    )
    y = torch.randn(6, 1)
    guide = guides.MeanField(model)
    posterior = inference.SVI(model, guide, num_steps=2, progress=False).fit((F, y))
    prediction = posterior.predict(F, num_samples=4)
    assert prediction.std.shape == (6, 1)
    assert repr(model.likelihood) == "Laplace()"
    y[2] = math.nan
    sentence = (
        r"the targets hold NaN .*, the first in row 2; .* or give Laplace missing='nan'"
    )
    with pytest.raises(ValueError, match=sentence):
        model.likelihood.check(F[:, :1], y)


def test_a_likelihood_without_a_distribution_says_what_to_define():
    sentence = r"Likelihood has no method distribution\(output, noise\)"
    with pytest.raises(NotImplementedError, match=sentence):
        likelihoods.Likelihood().distribution(F, {})


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("Normal", r"likelihoods.Gaussian\(scale=0.1\)"),
        ("Softmax", r"likelihoods.Categorical\(\)"),
        ("CrossEntropy", r"likelihoods.Categorical\(\)"),
        ("Logistic", r"likelihoods.Bernoulli\(\)"),
        ("BCE", r"likelihoods.Bernoulli\(\)"),
        ("Poisson", r"likelihoods.From\(lambda f: dist.Poisson\(f.exp\(\)\)\)"),
    ],
)
def test_a_wrong_name_is_answered_with_the_right_call(name, instead):
    with pytest.raises(AttributeError, match=f"no attribute '{name}'; write {instead}"):
        getattr(likelihoods, name)


def test_any_other_name_is_answered_as_usual():
    sentence = "module 'zoo.likelihoods' has no attribute 'Weibull'"
    with pytest.raises(AttributeError, match=sentence):
        _ = likelihoods.Weibull
    assert dir(likelihoods) == sorted(likelihoods.__all__)


def test_repr_names_the_arguments():
    def counts(f):
        return dist.Poisson(f.exp())

    assert repr(likelihoods.From(counts)) == "From(counts)"
    assert repr(likelihoods.Bernoulli()) == "Bernoulli()"
    assert repr(likelihoods.HeteroscedasticGaussian()) == "HeteroscedasticGaussian()"
