"""Predictions: the mixture over draws, its uncertainty, its quantiles, and other units."""

import math

import pyro.distributions as dist
import pytest
import torch

import zoo
from zoo import likelihoods, networks, priors
from zoo.predictive.prediction import Prediction

OUTPUTS = torch.randn(40, 5, 1, generator=torch.Generator().manual_seed(0))  # (S, N, O)
SCALES = torch.linspace(0.2, 1.0, 40)  # learned noise, one for each draw
GAUSSIAN = Prediction(
    likelihoods.Gaussian(dist.HalfNormal(1.0)), OUTPUTS, {"likelihood:scale": SCALES}
)
CLASSES = Prediction(
    likelihoods.Categorical(),
    torch.randn(40, 5, 3, generator=torch.Generator().manual_seed(1)),
)
Y = torch.linspace(-1, 1, 5).reshape(5, 1)


def test_the_density_is_that_of_the_mixture_and_not_of_its_moments():
    components = torch.distributions.Normal(OUTPUTS, SCALES.reshape(-1, 1, 1))
    density = components.log_prob(Y).double().exp().mean(0).squeeze(-1)
    assert torch.allclose(GAUSSIAN.log_prob(Y).double(), density.log(), atol=1e-5)
    matched = torch.distributions.Normal(GAUSSIAN.mean, GAUSSIAN.std)
    wrong = matched.log_prob(Y).squeeze(-1)
    assert not torch.allclose(GAUSSIAN.log_prob(Y), wrong, atol=1e-2)


def test_the_learned_noise_belongs_to_its_draw():
    shuffled = Prediction(
        GAUSSIAN.likelihood, OUTPUTS, {"likelihood:scale": SCALES.flip(0)}
    )
    assert not torch.allclose(GAUSSIAN.log_prob(Y), shuffled.log_prob(Y), atol=1e-3)


def test_a_scale_for_each_output():
    outputs = torch.zeros(3, 5, 2)
    scales = torch.tensor([[0.1, 1.0]]).expand(3, 2)
    prediction = Prediction(
        likelihoods.Gaussian(dist.HalfNormal(1.0)),
        outputs,
        {"likelihood:scale": scales},
    )
    assert torch.allclose(prediction.std, torch.tensor([0.1, 1.0]).expand(5, 2))
    y = torch.full((5, 2), 0.5)
    expected = (
        torch.distributions.Normal(0.0, torch.tensor([0.1, 1.0])).log_prob(y).sum(-1)
    )
    assert torch.allclose(prediction.log_prob(y), expected)


def test_the_variance_is_split_into_epistemic_and_aleatoric():
    assert torch.allclose(GAUSSIAN.epistemic, OUTPUTS.var(0, correction=0))
    assert torch.allclose(GAUSSIAN.aleatoric, SCALES.square().mean().expand(5, 1))
    assert torch.allclose(
        GAUSSIAN.epistemic + GAUSSIAN.aleatoric, GAUSSIAN.std.square()
    )
    assert torch.allclose(GAUSSIAN.samples().std(0), GAUSSIAN.std, rtol=0.6)


def test_the_entropy_is_split_into_mutual_information_and_expected_entropy():
    probs = CLASSES.outputs.softmax(-1)
    entropy = -(probs.mean(0) * probs.mean(0).log()).sum(-1)
    expected = -(probs * probs.log()).sum(-1).mean(0)
    assert torch.allclose(CLASSES.entropy, entropy, atol=1e-6)
    assert torch.allclose(CLASSES.aleatoric, expected, atol=1e-6)
    assert torch.allclose(CLASSES.epistemic, entropy - expected, atol=1e-6)
    assert torch.allclose(CLASSES.probs, probs.mean(0))
    assert CLASSES.epistemic.min() > 0


def test_draws_that_agree_have_no_epistemic_uncertainty():
    for likelihood, width in (
        (likelihoods.Gaussian(0.1), 1),
        (likelihoods.Categorical(), 3),
    ):
        prediction = Prediction(
            likelihood, torch.randn(1, 5, width).expand(7, 5, width)
        )
        assert torch.allclose(prediction.epistemic, torch.zeros(()), atol=1e-6)
    sure = torch.distributions.Categorical(logits=1e3 * torch.randn(1, 5000, 3))
    assert Prediction(likelihoods.Categorical(), sure.logits).epistemic.max() == 0
    mixture = torch.distributions.Categorical(probs=sure.probs[0])
    # the wrong answer: the difference of two roundings of one entropy
    wrong = mixture.entropy() - sure.entropy()[0]
    assert wrong.max() > 1e-5


@pytest.mark.parametrize("probability", [0.5, 0.9, 0.99])
def test_an_interval_has_its_probability(probability):
    lower, upper = GAUSSIAN.interval(probability)
    mixture = torch.distributions.Normal(OUTPUTS, SCALES.reshape(-1, 1, 1))
    tail = (1 - probability) / 2
    assert torch.allclose(mixture.cdf(lower).mean(0), torch.tensor(tail), atol=1e-4)
    assert torch.allclose(mixture.cdf(upper).mean(0), torch.tensor(1 - tail), atol=1e-4)


@pytest.mark.parametrize("scale", [1.0, 2.5, -2.5, torch.tensor([-2.5])])
def test_quantiles_are_the_ends_of_intervals(scale):
    moved = GAUSSIAN.affine(10.0, scale)
    lower, upper = moved.interval(0.9)
    assert torch.allclose(moved.quantile(0.05), lower, atol=1e-5)
    assert torch.allclose(moved.quantile(0.95), upper, atol=1e-5)
    assert (moved.quantile(0.05) < moved.quantile(0.95)).all()


def test_each_output_has_quantiles_in_its_own_units():
    outputs = torch.randn(40, 5, 2)
    moved = Prediction(likelihoods.Gaussian(0.3), outputs).affine(
        torch.tensor([1.0, -1.0]), torch.tensor([2.0, -3.0])
    )
    lower, upper = moved.interval(0.5)
    assert torch.allclose(moved.quantile(0.25), lower, atol=1e-5)
    assert torch.allclose(moved.quantile(0.75), upper, atol=1e-5)


def test_a_quantile_has_its_probability_without_a_distribution_function():
    outputs = 0.3 * torch.randn(4000, 3, 1)
    prediction = Prediction(likelihoods.From(DISTRIBUTIONS["Gamma"]), outputs)
    drawn = DISTRIBUTIONS["Gamma"](outputs).sample((2,))
    for scale in (1.0, -2.0):
        quantile = prediction.affine(1.0, scale).quantile(0.2)
        below = (1.0 + scale * drawn < quantile).double().mean((0, 1))
        error = 4.5 * math.sqrt(0.2 * 0.8 * (1 / 8000 + 1 / 4000))
        assert (below - 0.2).abs().max() < error, below


def test_a_quantile_of_the_wrong_probability():
    with pytest.raises(ValueError, match="probability must be between 0 and 1, not 1"):
        GAUSSIAN.quantile(1)
    with pytest.raises(AttributeError, match="classes, which have no order"):
        CLASSES.quantile(0.5)


DISTRIBUTIONS = {
    "Exponential": lambda f: dist.Exponential(f.exp()),
    "LogNormal": lambda f: dist.LogNormal(f, 0.5),
    "Gamma": lambda f: dist.Gamma(2.0, f.exp()),
    "StudentT": lambda f: dist.StudentT(3.0, f, 1.0),
    "StudentT without mean": lambda f: dist.StudentT(1.0, f, 1.0),
    "Cauchy": lambda f: dist.Cauchy(f, 1.0),
    "Laplace": lambda f: dist.Laplace(f, 1.0),
    "Beta": lambda f: dist.Beta(f.exp(), 2.0),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("num_samples", [1, 4000])
def test_an_interval_of_any_distribution_has_its_probability(name, num_samples):
    outputs = 0.3 * torch.randn(num_samples, 3, 1)
    lower, upper = Prediction(likelihoods.From(DISTRIBUTIONS[name]), outputs).interval(
        0.8
    )
    drawn = DISTRIBUTIONS[name](outputs).sample((8000 // num_samples,))
    inside = ((drawn >= lower) & (drawn <= upper)).double().mean((0, 1))
    error = 4.5 * math.sqrt(
        0.8 * 0.2 * (1 / 8000 + 1 / max(num_samples, 1000))
    )  # false alarm 4e-4 over all rows
    assert (inside - 0.8).abs().max() < error, inside


def test_an_interval_of_counts_has_at_least_its_probability():
    outputs = 2.0 + 0.1 * torch.randn(4000, 3, 1)
    lower, upper = Prediction(
        likelihoods.From(lambda f: dist.Poisson(f.exp())), outputs
    ).interval(0.8)
    drawn = dist.Poisson(outputs.exp()).sample()
    inside = ((drawn >= lower) & (drawn <= upper)).double().mean(0)
    assert (inside > 0.78).all(), inside


def test_an_interval_of_the_wrong_probability():
    with pytest.raises(ValueError, match="probability must be between 0 and 1, not 90"):
        GAUSSIAN.interval(90)
    with pytest.raises(
        AttributeError,
        match=r"Categorical\(\) is of classes, which have no order; use probs",
    ):
        CLASSES.interval()


@pytest.mark.parametrize(
    "scale", [2.5, -2.5, torch.tensor([2.5])], ids=["positive", "negative", "tensor"]
)
def test_other_units(scale):
    loc = 10.0
    moved = GAUSSIAN.affine(loc, scale)
    size = float(torch.as_tensor(scale).abs())
    assert torch.allclose(moved.mean, loc + scale * GAUSSIAN.mean)
    assert torch.allclose(moved.std, size * GAUSSIAN.std)
    assert torch.allclose(moved.epistemic, size**2 * GAUSSIAN.epistemic)
    assert torch.allclose(moved.aleatoric, size**2 * GAUSSIAN.aleatoric)
    assert torch.allclose(moved.functions, loc + scale * GAUSSIAN.functions)
    assert torch.allclose(
        moved.log_prob(loc + scale * Y),
        GAUSSIAN.log_prob(Y) - math.log(size),
        atol=1e-4,
    )
    lower, upper = moved.interval(0.9)
    ends = torch.stack([loc + scale * end for end in GAUSSIAN.interval(0.9)])
    assert torch.allclose(lower, ends.amin(0), atol=1e-4)
    assert torch.allclose(upper, ends.amax(0), atol=1e-4)
    assert (moved.samples().mean(0) - moved.mean).abs().max() < 6 * float(
        moved.std.max()
    ) / math.sqrt(40)


def test_units_compose_and_invert():
    there = GAUSSIAN.affine(3.0, 2.0).affine(1.0, 10.0)
    assert torch.allclose(there.mean, 31.0 + 20.0 * GAUSSIAN.mean, atol=1e-4)
    back = there.affine(-31.0 / 20.0, 1 / 20.0)
    assert torch.allclose(back.mean, GAUSSIAN.mean, atol=1e-5)
    assert torch.allclose(back.log_prob(Y), GAUSSIAN.log_prob(Y), atol=1e-4)


def test_the_density_in_other_units_integrates_to_one():
    likelihood = likelihoods.Gaussian(0.3)
    moved = Prediction(likelihood, OUTPUTS[:, :1]).affine(2.0, -3.0)
    grid = torch.linspace(-40, 40, 8001).reshape(-1, 1)
    outputs = OUTPUTS[:, :1].expand(40, 8001, 1)
    on_grid = Prediction(likelihood, outputs).affine(2.0, -3.0)
    density = on_grid.log_prob(grid).exp()
    mass = torch.trapezoid(density, grid.squeeze())
    assert mass == pytest.approx(1.0, abs=1e-4)
    assert len(moved) == 1


def test_quantities_without_meaning_are_refused():
    with pytest.raises(
        AttributeError, match="classes, which have no standard deviation"
    ):
        _ = CLASSES.std
    with pytest.raises(
        ValueError, match=r"Categorical\(\) is of classes, which have no units"
    ):
        CLASSES.affine(0.0, 1.0)
    with pytest.raises(
        AttributeError, match="has no classes; use mean, std or interval"
    ):
        _ = GAUSSIAN.probs
    with pytest.raises(AttributeError, match="has no closed form; use std"):
        _ = GAUSSIAN.entropy


def test_a_prediction_unpacks_and_says_what_it_is():
    mean, uncertainty = GAUSSIAN
    assert torch.equal(mean, GAUSSIAN.mean)
    assert torch.equal(uncertainty, GAUSSIAN.std)
    probs, entropy = CLASSES
    assert torch.equal(probs.argmax(-1), CLASSES.probs.argmax(-1))
    assert torch.equal(entropy, CLASSES.entropy)
    assert (
        repr(CLASSES)
        == "Prediction at 5 inputs from 40 draws under Categorical(): mean (5, 3)"
    )
    assert CLASSES._repr_html_().startswith("<p>")
    assert len(GAUSSIAN) == 5


def test_the_prior_predictive_has_the_variance_of_the_prior():
    network = networks.MLP(2, 1, hidden=[])
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 2.0)), likelihoods.Gaussian(0.5)
    )
    x = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    prediction = model.prior_predictive(x, num_samples=4000)
    exact = 4.0 * (1 + x.square().sum(-1, keepdim=True))  # Var f = s^2 (1 + |x|^2)
    error = 5 * exact * math.sqrt(2 / 4000)  # five standard errors of a variance
    assert ((prediction.epistemic - exact).abs() < error).all()
    assert torch.allclose(prediction.aleatoric, torch.tensor(0.25))


def test_the_class_is_exported_by_its_folder():
    assert zoo.predictive.Prediction is Prediction


def test_the_first_inputs_alone():
    prediction = Prediction(likelihoods.Gaussian(0.1), torch.randn(5, 8, 1)).affine(
        2.0, 3.0
    )
    y = torch.randn(8, 1)
    assert torch.equal(prediction.first(3).mean, prediction.mean[:3])
    assert torch.equal(
        prediction.first(3).pointwise(y[:3]), prediction.pointwise(y)[:, :3]
    )
