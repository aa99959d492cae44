"""Moments that do not exist are refused, and classes inside From are classes."""

import pyro.distributions as dist
import pytest
import torch
from torch import nn

import zoo
from zoo import inference, likelihoods, priors
from zoo.predictive import Prediction

OUTPUTS = torch.randn(40, 5, 1, generator=torch.Generator().manual_seed(0))
CUTS = torch.tensor([-1.0, 0.0, 1.0])


@pytest.mark.parametrize(
    "make",
    [
        lambda f: dist.Cauchy(f, 1.0),
        lambda f: dist.HalfCauchy(f.exp()),
        lambda f: dist.StudentT(1.0, f, 1.0),
        lambda f: dist.Pareto(f.exp(), 0.5),
        lambda f: dist.Stable(1.5, 0.0, 1.0, f),
    ],
    ids=["Cauchy", "HalfCauchy", "StudentT(1)", "Pareto(.5)", "Stable"],
)
def test_a_mean_that_does_not_exist_is_refused(make):
    prediction = Prediction(likelihoods.From(make), OUTPUTS)
    family = type(make(OUTPUTS)).__name__
    if family != "Stable":  # whose mean exists
        for name in ("mean", "functions", "epistemic"):
            sentence = (
                f"the mean of {family} .* does not exist .* use prediction.interval"
            )
            with pytest.raises(AttributeError, match=sentence):
                getattr(prediction, name)
        with pytest.raises(AttributeError, match="does not exist"):
            _mean, _uncertainty = prediction
        assert "without a mean" in repr(prediction)
    for name in ("std", "aleatoric", "uncertainty"):
        with pytest.raises(AttributeError, match=f"of {family} .* does not exist"):
            getattr(prediction, name)
    lower, upper = prediction.interval(0.5)
    assert torch.isfinite(lower).all()
    assert (lower < upper).all()


def test_a_variance_that_does_not_exist_leaves_the_mean():
    student = likelihoods.From(lambda f: dist.StudentT(1.5, f, 1.0))
    prediction = Prediction(student, OUTPUTS)
    assert torch.allclose(prediction.mean, OUTPUTS.mean(0))
    assert torch.allclose(prediction.epistemic, OUTPUTS.var(0, correction=0))
    with pytest.raises(AttributeError, match=r"variance of StudentT .* is infinite"):
        _ = prediction.std


def test_outputs_that_are_not_finite_are_no_property_of_the_distribution():
    outputs = OUTPUTS.clone()
    outputs[0, 0] = torch.inf
    make = likelihoods.From(lambda f: dist.Normal(f, 1.0, validate_args=False))
    assert Prediction(make, outputs).mean[0].isinf()


CLASSES = {
    "OrderedLogistic": (
        lambda f: dist.OrderedLogistic(f[..., 0], CUTS),
        lambda f: dist.OrderedLogistic(f[..., 0], CUTS).probs,
    ),
    "Categorical": (
        lambda f: dist.Categorical(logits=torch.cat([f, -f, 0 * f], -1)),
        lambda f: torch.cat([f, -f, 0 * f], -1).softmax(-1),
    ),
}


@pytest.mark.parametrize("name", CLASSES)
def test_a_categorical_inside_from_is_of_classes(name):
    make, probs_of = CLASSES[name]
    prediction = Prediction(likelihoods.From(make), OUTPUTS)
    probs = probs_of(OUTPUTS)
    assert torch.allclose(prediction.probs, probs.mean(0), atol=1e-6)
    assert torch.allclose(prediction.mean, probs.mean(0), atol=1e-6)
    entropy = torch.special.entr(probs.mean(0)).sum(-1)
    expected = torch.special.entr(probs).sum(-1).mean(0)
    assert torch.allclose(prediction.entropy, entropy, atol=1e-5)
    assert torch.allclose(prediction.aleatoric, expected, atol=1e-5)
    assert torch.allclose(prediction.epistemic, entropy - expected, atol=1e-5)
    mean, uncertainty = prediction
    assert torch.equal(mean, prediction.probs)
    assert torch.equal(uncertainty, prediction.entropy)
    with pytest.raises(AttributeError, match="classes, which have no standard"):
        _ = prediction.std
    y = torch.tensor([0, 1, 2, 0, 1])
    right = probs.mean(0).gather(-1, y[:, None]).squeeze(-1).log()
    assert torch.allclose(prediction.log_prob(y), right, atol=1e-5)


def test_ordinal_classes_have_quantiles_and_others_have_none():
    ordinal = Prediction(likelihoods.From(CLASSES["OrderedLogistic"][0]), OUTPUTS)
    below = ordinal.probs.cumsum(-1)
    for probability in (0.05, 0.5, 0.95):
        found = ordinal.quantile(probability)[:, None]
        assert (below.gather(-1, found) >= probability).all()
        before = below.gather(-1, (found - 1).clamp_min(0))
        assert ((before < probability) | (found == 0)).all()
    classes = Prediction(likelihoods.From(CLASSES["Categorical"][0]), OUTPUTS)
    with pytest.raises(AttributeError, match="no order; use probs"):
        classes.quantile(0.5)


def test_diagnostics_of_functions_take_classes_inside_from_and_refuse_no_mean():
    x = torch.randn(12, 1)
    model = zoo.BayesianNetwork(
        nn.Linear(1, 1),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.From(CLASSES["OrderedLogistic"][0]),
    )
    engine = inference.HMC(
        model,
        num_chains=2,
        warmup_steps=2,
        num_samples=8,
        num_steps=2,
        compile=False,
        progress=False,
    )
    posterior = engine.fit((x, torch.arange(12) % 4))
    assert zoo.convergence(posterior, x).rhat.shape == (48,)
    scores = zoo.fidelity(posterior, posterior, x).scores
    assert {"agreement", "total_variation"} <= set(scores)
    assert torch.isfinite(
        zoo.diagnostics.extrapolation(posterior, x, (1, 2)).ratios
    ).all()

    model.likelihood = likelihoods.From(lambda f: dist.Cauchy(f, 1.0))
    sentence = "the mean of Cauchy .* or define expectation"
    with pytest.raises(AttributeError, match=sentence):
        zoo.convergence(posterior, x)
    with pytest.raises(AttributeError, match=sentence):
        zoo.fidelity(posterior, posterior, x)
