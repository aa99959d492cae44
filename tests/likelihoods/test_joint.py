"""Joint, ordinal and censored targets against their closed forms."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.likelihoods.censored import log_survival
from zoo.likelihoods.observed import Observed
from zoo.predictive import Prediction

PRIOR = priors.WeightPrior(dist.Normal(0.0, 1.0))
COVARIANCE = torch.tensor([[1.0, 0.8], [0.8, 2.0]])
JOINT = {
    "MultivariateNormal": (
        lambda f: dist.MultivariateNormal(f, COVARIANCE),
        lambda n: torch.randn(n, 2),
    ),
    "LowRankMultivariateNormal": (
        lambda f: dist.LowRankMultivariateNormal(f, torch.ones(2, 1), torch.ones(2)),
        lambda n: torch.randn(n, 2),
    ),
    "Dirichlet": (
        lambda f: dist.Dirichlet(f.exp()),
        lambda n: torch.randn(n, 2).softmax(-1),
    ),
    "Multinomial": (
        lambda f: dist.Multinomial(5, logits=f),
        lambda n: torch.tensor([[2.0, 3.0]]).expand(n, 2),
    ),
    "OneHotCategorical": (
        lambda f: dist.OneHotCategorical(logits=f),
        lambda n: torch.eye(2)[torch.arange(n) % 2],
    ),
    "Normal.to_event": (
        lambda f: dist.Normal(f, 1.0).to_event(1),
        lambda n: torch.randn(n, 2),
    ),
}


def svi(model, **options):
    options = {"num_steps": 2, "progress": False, **options}
    return inference.SVI(model, guides.MeanField(model), **options)


@pytest.mark.parametrize("name", JOINT)
@pytest.mark.parametrize("how", ["traced", "plain"])
def test_a_joint_target_is_fitted_and_predicted(name, how):
    make, targets = JOINT[name]
    x, y = torch.randn(6, 3), targets(6)
    model = zoo.BayesianNetwork(nn.Linear(3, 2), PRIOR, likelihoods.From(make))
    posterior = svi(model, compile=how).fit((x, y), batch_size=3)
    prediction = posterior.predict(x, num_samples=4)
    each = make(prediction.outputs).log_prob(y)  # (S, N)
    expected = each.logsumexp(0) - math.log(4)
    assert torch.allclose(prediction.log_prob(y), expected, atol=1e-5)
    assert prediction.mean.shape == prediction.std.shape == (6, 2)
    total = prediction.epistemic + prediction.aleatoric
    assert torch.allclose(total, prediction.std.square(), atol=1e-5)
    assert prediction.samples().shape == (4, 6, 2)
    assert prediction.interval(0.9)[0].shape == (6, 2)
    assert torch.isfinite(zoo.metrics.rmse(prediction.mean, y))
    labelled = posterior.to_arviz((x, y), num_samples=4)
    assert labelled.log_likelihood["y"].shape == (1, 4, 6)


def test_correlated_targets_have_the_conjugate_posterior():
    """Of a mean with the prior N(0, 1) and N data: precision I + N C^-1."""
    number = 40
    y = dist.MultivariateNormal(torch.ones(2), COVARIANCE).sample((number,))
    make = JOINT["MultivariateNormal"][0]
    network = nn.Linear(1, 2, bias=False)
    model = zoo.BayesianNetwork(network, PRIOR, likelihoods.From(make))

    def log_joint(weight):
        conditioned = poutine.condition(model, {"weight": weight.unsqueeze(-1)})
        trace = poutine.trace(conditioned).get_trace(torch.ones(number, 1), y)
        return trace.log_prob_sum()

    precision = torch.eye(2) + number * COVARIANCE.inverse()
    mean = precision.inverse() @ COVARIANCE.inverse() @ y.sum(0)
    with pyro.validation_enabled(False):
        hessian = torch.func.hessian(log_joint)(torch.zeros(2))
        gradient = torch.func.grad(log_joint)(mean)
    assert torch.allclose(-hessian, precision, rtol=1e-4)
    assert torch.allclose(gradient, torch.zeros(2), atol=1e-3)
    # the wrong answer ignores the correlation
    assert abs(precision[0, 1] / precision[0, 0]) > 0.3


def test_an_incomplete_joint_target_is_left_out_whole():
    make = JOINT["MultivariateNormal"][0]
    output, y = torch.randn(4, 2).requires_grad_(), torch.randn(4, 2)
    y[1, 0] = math.nan
    likelihood = likelihoods.From(make, missing="nan")
    likelihood.check(output, y)
    trace = poutine.trace(likelihood.observe).get_trace(output, y, {})
    rest = [0, 2, 3]
    expected = make(output[rest]).log_prob(y[rest]).sum()
    assert torch.allclose(trace.log_prob_sum(), expected, rtol=1e-5)
    (gradient,) = torch.autograd.grad(trace.log_prob_sum(), output)
    assert torch.equal(gradient[1], torch.zeros(2))
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("name", ["Dirichlet", "Multinomial", "OneHotCategorical"])
def test_missing_joint_targets_of_any_support(name):
    make, targets = JOINT[name]
    output, y = torch.randn(4, 2).requires_grad_(), targets(4).clone()
    y[1] = math.nan
    likelihood = likelihoods.From(make, missing="nan")
    likelihood.check(output, y)
    trace = poutine.trace(likelihood.observe).get_trace(output, y, {})
    rest = [0, 2, 3]
    expected = make(output[rest]).log_prob(y[rest]).sum()
    assert torch.allclose(trace.log_prob_sum(), expected, rtol=1e-5)
    (gradient,) = torch.autograd.grad(trace.log_prob_sum(), output)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("name", "y"),
    [
        ("Dirichlet", torch.tensor([[0.5, 0.6]])),
        ("Multinomial", torch.tensor([[2.5, 2.5]])),
        ("OneHotCategorical", torch.tensor([[1.0, 1.0]])),
    ],
)
def test_a_joint_target_outside_the_support_gets_a_sentence(name, y):
    likelihood = likelihoods.From(JOINT[name][0])
    with pytest.raises(ValueError, match=f"target 0 is .* in the support of {name}"):
        likelihood.check(torch.zeros(1, 2), y)


def test_a_learned_covariance():
    """Noise sites of `From` may be matrices, which broadcast with draws and data."""

    def make(f, tril, scale):
        factor = scale.unsqueeze(-1) * tril
        return dist.MultivariateNormal(f, scale_tril=factor)

    prior = dist.HalfNormal(torch.ones(2))
    likelihood = likelihoods.From(make, tril=dist.LKJCholesky(2, 1.0), scale=prior)
    model = zoo.BayesianNetwork(nn.Linear(3, 2), PRIOR, likelihood)
    x = torch.randn(300, 3)
    y = dist.MultivariateNormal(torch.zeros(2), COVARIANCE).sample((300,))
    pyro.set_rng_seed(0)
    engine = svi(
        model, num_steps=300, lr=0.05, compile="plain"
    )  # Pyro's LKJ cannot be traced
    posterior = engine.fit((x, y))
    draws = posterior.sample(50)
    factor = draws["likelihood:scale"].unsqueeze(-1) * draws["likelihood:tril"]
    covariance = (factor @ factor.mT).mean(0)
    assert torch.allclose(covariance, y.T.cov(), atol=0.3)
    prediction = posterior.predict(x[:50], num_samples=50)  # as many data as draws
    one = dist.MultivariateNormal(
        prediction.outputs[7],
        scale_tril=prediction.noise["likelihood:scale"][7].unsqueeze(-1)
        * prediction.noise["likelihood:tril"][7],
    )
    assert torch.allclose(
        prediction.pointwise(y[:50])[7], one.log_prob(y[:50]), atol=1e-4
    )


def test_learned_noise_and_known_exposure_of_any_distribution():
    def make(f, exposure, concentration):
        return dist.GammaPoisson(concentration, concentration / (exposure * f.exp()))

    likelihood = likelihoods.From(
        make, given=("exposure",), concentration=dist.HalfNormal(5.0)
    )
    exposure = torch.rand(6) + 0.5
    output, y = torch.randn(6, 1), torch.arange(6.0).reshape(6, 1)
    observed = Observed(y, given={"exposure": exposure})
    likelihood.check(output, observed)
    noise = {"likelihood:concentration": torch.tensor(2.0)}
    trace = poutine.trace(likelihood.observe).get_trace(output, observed, noise)
    right = make(output, exposure[:, None], torch.tensor(2.0)).log_prob(y).sum()
    assert torch.allclose(trace.log_prob_sum(), right, rtol=1e-5)
    draws = {"likelihood:concentration": torch.tensor([2.0, 3.0])}
    given = {"exposure": exposure}
    outputs = torch.stack([output, output])
    prediction = Prediction(likelihood, outputs, draws, given=given)
    assert torch.allclose(prediction.pointwise(y)[0].sum(), right, rtol=1e-5)
    words = "From(make, given=('exposure',), concentration=HalfNormal(5))"
    assert repr(likelihood) == words


def test_what_from_does_not_take():
    with pytest.raises(TypeError, match=r"scale=0.1 must be the prior of a parameter"):
        likelihoods.From(lambda f, scale: dist.Normal(f, scale), scale=0.1)
    with pytest.raises(TypeError, match=r"must take \(f, scale\), but"):
        likelihoods.From(lambda f: dist.Normal(f, 1.0), scale=dist.HalfNormal(1.0))
    with pytest.raises(TypeError, match="needs a callable that makes a distribution"):
        likelihoods.From(dist.Normal(0.0, 1.0))


def test_draws_that_are_taken_for_data_are_refused():
    """A callable that indexes the first dimension mixes draws with data."""
    likelihood = likelihoods.From(lambda f: dist.Normal(f[:, 0], 1.0))
    prediction = Prediction(likelihood, torch.zeros(4, 4, 2))
    with pytest.raises(ValueError, match=r"batch shape .* index .* from the last"):
        _ = prediction.mean


# ordinal


def test_ordinal_probabilities_are_those_of_cumulative_logits():
    likelihood = likelihoods.Ordinal(4)
    noise = {
        "likelihood:first_cut": torch.tensor(-1.0),
        "likelihood:gaps": torch.tensor([0.5, 1.5]),
    }
    output = torch.randn(6, 1)
    cuts = torch.tensor([-1.0, -0.5, 1.0])
    expected = dist.OrderedLogistic(output.squeeze(-1), cuts).probs
    found = likelihood.distribution(output, noise)
    assert torch.allclose(found.probs, expected, atol=1e-6)
    far = likelihood.distribution(torch.tensor([[40.0]]), noise).logits
    assert torch.isfinite(far).all()
    # Pyro's distribution loses the small ones
    assert dist.OrderedLogistic(torch.tensor([40.0]), cuts).probs[0, 0] < 1e-17


def test_cut_points_are_learned():
    pyro.set_rng_seed(0)
    x = torch.randn(400, 1)
    cuts = torch.tensor([-1.0, 0.5, 1.0])
    y = dist.OrderedLogistic(2 * x.squeeze(-1), cuts).sample()
    network = nn.Linear(1, 1, bias=False)
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 3.0)), likelihoods.Ordinal(4)
    )
    posterior = svi(model, num_steps=600, lr=0.05).fit((x, y))
    draws = posterior.sample(200)
    found = model.likelihood.cuts(draws).mean(0)
    assert torch.allclose(found, cuts, atol=0.5)
    assert draws["weight"].mean() == pytest.approx(2.0, abs=0.5)

    prediction = posterior.predict(x, num_samples=50)
    assert prediction.probs.shape == (400, 4)
    assert torch.isfinite(prediction.log_prob(y)).all()
    lower, upper = prediction.interval(0.8)
    below = prediction.probs.cumsum(-1)
    assert (below.gather(-1, lower[:, None]) >= 0.1 - 1e-6).all()
    assert (below.gather(-1, upper[:, None]) >= 0.9 - 1e-6).all()
    inside = ((lower <= y) & (y <= upper)).float().mean()
    assert inside > 0.75


@pytest.mark.parametrize("num_classes", [2, 5])
def test_noise_of_ordinal_classes_belongs_to_its_draw(num_classes):
    likelihood = likelihoods.Ordinal(num_classes)
    noise = {
        name: prior.expand((3,)).sample()
        if not prior.event_shape
        else prior.sample((3,))
        for name, prior in likelihood.priors(torch.zeros(1)).items()
    }
    outputs = torch.randn(3, 3, 1)
    prediction = Prediction(likelihood, outputs, noise)
    one = likelihood.distribution(outputs[1], {key: v[1] for key, v in noise.items()})
    assert torch.allclose(prediction.distribution.probs[1], one.probs, atol=1e-6)


def test_ordinal_refusals():
    with pytest.raises(ValueError, match="num_classes must be at least 2, not 1"):
        likelihoods.Ordinal(1)
    likelihood = likelihoods.Ordinal(4)
    with pytest.raises(ValueError, match=r"one score for each datum, \(N, 1\)"):
        likelihood.check(torch.zeros(6, 4), torch.zeros(6).long())
    with pytest.raises(ValueError, match=r"target 1 is 4, .* class indices 0 .. 3"):
        likelihood.check(torch.zeros(2, 1), torch.tensor([0, 4]))
    with pytest.raises(ValueError, match=r"write y.reshape\(\(2,\)\)"):
        likelihood.check(torch.zeros(2, 1), torch.tensor([[0], [3]]))


# censored


def test_a_censored_exponential_has_its_closed_form():
    likelihood = likelihoods.Censored(lambda f: dist.Exponential(f[..., 0].exp()))
    output = torch.randn(6, 1)
    time, event = torch.rand(6) + 0.1, torch.arange(6) % 2.0
    y = torch.stack([time, event], -1)
    likelihood.check(output, y)
    trace = poutine.trace(likelihood.observe).get_trace(output, y, {})
    rate = output.squeeze(-1).exp()
    expected = (event * rate.log() - rate * time).sum()
    assert torch.allclose(trace.log_prob_sum(), expected, rtol=1e-5)
    # the wrong answer takes censored times for events
    assert not torch.allclose(expected, (rate.log() - rate * time).sum(), rtol=1e-2)


def test_a_rate_with_censored_times_is_found():
    """With the rate e^w and a flat prior the optimum is log(events / total time)."""
    pyro.set_rng_seed(0)
    times = dist.Exponential(2.0).sample((300,))
    limit = torch.rand(300)
    event = (times <= limit).float()
    y = torch.stack([torch.minimum(times, limit), event], -1)
    model = zoo.BayesianNetwork(
        nn.Linear(1, 1, bias=False),
        priors.WeightPrior(dist.Normal(0.0, 10.0)),
        likelihoods.Censored(lambda f: dist.Exponential(f[..., 0].exp())),
    )
    x = torch.ones(300, 1)
    posterior = svi(model, num_steps=1000, lr=0.02).fit((x, y))
    exact = math.log(event.sum() / y[:, 0].sum())
    spread = event.sum().rsqrt()
    draws = posterior.sample(500)["weight"]
    assert draws.mean() == pytest.approx(exact, abs=0.5 * float(spread))
    assert draws.std() == pytest.approx(float(spread), rel=0.3)
    prediction = posterior.predict(x[:2], num_samples=200)
    assert prediction.mean.shape == (2,)
    assert prediction.mean[0] == pytest.approx(math.exp(-exact), rel=0.1)
    assert prediction.samples().shape == (200, 2, 2)
    with pytest.raises(ValueError, match="an event has no units"):
        prediction.affine(0.0, 2.0)


@pytest.mark.parametrize(
    "times",
    [
        dist.Exponential(torch.tensor(2.0)),
        dist.LogNormal(torch.tensor(0.3), 0.7),
        dist.Weibull(torch.tensor(1.5), torch.tensor(2.0)),
        dist.Gamma(torch.tensor(2.0), torch.tensor(1.5)),
        dist.HalfNormal(torch.tensor(1.5)),
    ],
    ids=lambda times: type(times).__name__,
)
def test_the_survival_function_is_one_minus_the_distribution_function(times):
    at = torch.tensor([0.1, 0.5, 1.0, 2.0])
    expected = (1 - times.cdf(at)).log()
    assert torch.allclose(log_survival(times, at), expected, atol=1e-5)


def test_a_long_survival_has_a_gradient():
    rate = torch.tensor(1.0, requires_grad=True)
    value = log_survival(dist.Exponential(rate), torch.tensor(50.0))
    assert value.item() == pytest.approx(-50.0)
    assert (1 - dist.Exponential(1.0).cdf(torch.tensor(50.0))) == 0  # the wrong way
    value.backward()
    assert rate.grad == pytest.approx(-50.0)


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        (torch.tensor([[1.0, 2.0]]), r"target 0 is \[1.0, 2.0\], .* 0 or 1"),
        (torch.tensor([[-1.0, 1.0]]), r"target 0 is \[-1.0, 1.0\]"),
        (torch.tensor([[1.0]]), r"needs \(1, 2\)"),
    ],
)
def test_what_is_no_censored_time(y, sentence):
    likelihood = likelihoods.Censored(lambda f: dist.Exponential(f[..., 0].exp()))
    with pytest.raises(ValueError, match=sentence):
        likelihood.check(torch.zeros(1, 1), y)
    with pytest.raises(TypeError, match="needs a callable that makes the distribution"):
        likelihoods.Censored(dist.Exponential(1.0))


def test_networks_of_the_zoo_take_joint_targets():
    network = networks.MLP(3, 2, hidden=[4])
    make = JOINT["Dirichlet"][0]
    model = zoo.BayesianNetwork(network, PRIOR, likelihoods.From(make))
    assert model(torch.zeros(5, 3)).shape == (5, 2)
