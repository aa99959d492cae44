"""The bound on the evidence, against closed forms and against repetitions of itself."""

import math

import cases
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, one_thread  # noqa: F401
from pyro.infer.autoguide import AutoDelta, AutoLaplaceApproximation, AutoNormal
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import guides
import zoo
from zoo import inference, likelihoods, priors
from zoo.posterior import NoBound
from zoo.runtime.half_precision import products_in

NUM_DATA = 40
NOISE = 0.5


@pytest.fixture(autouse=True)
def seed():
    pyro.set_rng_seed(0)


def slope(prior=dist.Normal(0.0, 2.0)):  # noqa: B008
    """One weight without a bias: any posterior is an integral over a line."""
    network = nn.Linear(1, 1, bias=False)
    return zoo.BayesianNetwork(
        network, priors.WeightPrior(prior), likelihoods.Gaussian(NOISE)
    )


def line():
    x = torch.linspace(-1.0, 1.0, NUM_DATA).unsqueeze(-1)
    return x, 1.5 * x + NOISE * torch.randn(NUM_DATA, 1)


def fitted(model, guide, data, **options):
    """A posterior after one step that changes nothing."""
    engine = inference.SVI(
        model, guide, num_steps=1, lr=1e-12, progress=False, **options
    )
    return engine.fit(data)


def of_normal(model, mean, std, data, family=guides.MeanField, **options):
    """The posterior of one weight that is the given normal."""
    guide = family(model, init_scale=float(std))
    with torch.no_grad():
        guide.loc["weight"].fill_(float(mean))

    return fitted(model, guide, data, **options)


def exact_normal(x, y, prior_scale=2.0):
    """Mean and standard deviation of the posterior, and the log evidence."""
    x, y = x.double(), y.double()
    precision = x.square().sum() / NOISE**2 + prior_scale**-2
    mean = (x * y).sum() / NOISE**2 / precision
    at_mean = dist.Normal(x * mean, NOISE).log_prob(y).sum()
    prior = dist.Normal(0.0, prior_scale).log_prob(mean)
    posterior = dist.Normal(mean, precision.rsqrt()).log_prob(mean)

    return mean, precision.rsqrt(), at_mean + prior - posterior


def by_quadrature(model, normal, x, y):
    """KL / N plus the expected negative log likelihood, over a grid of weights."""
    grid = normal.loc + normal.scale * torch.linspace(-9.0, 9.0, 4001).double()
    density = normal.log_prob(grid).exp()
    prior = model.latents["weight"]
    prior_density = torch.stack(
        [prior.log_prob(w.float().reshape(1, 1)).squeeze() for w in grid]
    )
    log_likelihood = dist.Normal(grid * x.double(), NOISE).log_prob(y.double()).sum(0)
    integrand = density * (normal.log_prob(grid) - prior_density - log_likelihood)

    return float(torch.trapezoid(integrand, grid)) / len(y)


def test_at_the_posterior_it_is_the_evidence():
    x, y = line()
    mean, std, log_evidence = exact_normal(x, y)
    posterior = of_normal(slope(), mean, std, (x, y))
    value, error = posterior.bound((x, y), num_samples=800)
    truth = -float(log_evidence) / NUM_DATA
    assert abs(value - truth) < LIMIT * error
    assert error < 0.002

    wide = of_normal(slope(), mean, 2 * std, (x, y)).bound((x, y), num_samples=800)
    gap = (4 - 1) / 2 - math.log(2)  # KL from the posterior, in nats
    assert abs(wide.value - truth - gap / NUM_DATA) < LIMIT * wide.error
    assert wide.value - truth > LIMIT * wide.error


@pytest.mark.parametrize(
    ("prior", "batch_size"),
    [
        (dist.Normal(0.0, 2.0), 7),
        (dist.Laplace(0.0, 1.0), None),
        (dist.Laplace(0.0, 1.0), 7),
        pytest.param(dist.Normal(0.0, 2.0), None, marks=pytest.mark.full),
        pytest.param(dist.StudentT(3.0), None, marks=pytest.mark.full),
        pytest.param(dist.StudentT(3.0), 7, marks=pytest.mark.full),
    ],
)
def test_the_divergence_is_right_in_closed_form_and_from_draws(prior, batch_size):
    data = line()
    model = slope(prior)
    normal = dist.Normal(torch.tensor(0.8).double(), torch.tensor(0.4).double())
    posterior = of_normal(model, normal.loc, normal.scale, data)
    value, error = posterior.bound(data, num_samples=400, batch_size=batch_size)
    truth = by_quadrature(model, normal, *data)
    assert abs(value - truth) < LIMIT * error
    assert error < 0.05 * abs(truth)


def test_it_is_at_temperature_1_whatever_the_fit_was_at():
    x, y = line()
    mean, std, _ = exact_normal(x, y)
    bounds = {}
    for temperature in (1.0, 0.1):
        posterior = of_normal(slope(), mean, std, (x, y), temperature=temperature)
        bounds[temperature] = posterior.bound((x, y), num_samples=500)

    first, second = bounds.values()
    assert abs(first.value - second.value) < LIMIT * math.hypot(
        first.error, second.error
    )


@pytest.mark.parametrize("batch_size", [None, 10])
def test_the_error_is_the_spread_of_repetitions(batch_size):
    x, y = line()
    mean, _, _ = exact_normal(x, y)
    posterior = of_normal(slope(dist.StudentT(3.0)), mean, 0.5, (x, y))
    with pyro.validation_enabled(False):
        found = [posterior.bound((x, y), 8, batch_size) for _ in range(60)]
    values = torch.tensor([bound.value for bound in found])
    errors = torch.tensor([bound.error for bound in found])
    ratio = float(values.var() / errors.square().mean())
    assert 0.5 < ratio < 1.9  # 59 degrees of freedom: .5 and 1.9 are 4 standard errors


def test_a_loader_gives_the_bound_of_its_data():
    x, y = line()
    mean, std, _ = exact_normal(x, y)
    posterior = of_normal(slope(), mean, 2 * std, (x, y))
    whole = posterior.bound((x, y), num_samples=500)
    loader = DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True)
    parts = posterior.bound(loader, num_samples=500)
    assert abs(whole.value - parts.value) < LIMIT * math.hypot(whole.error, parts.error)


def test_data_that_are_not_observed_do_not_count():
    x, y = line()
    mean, std, _ = exact_normal(x, y)
    posterior = of_normal(slope(), mean, std, (x, y))
    is_observed = torch.arange(NUM_DATA) < 30
    masked = posterior.bound((x, y), 500, weights=is_observed)
    part = posterior.bound((x[:30], y[:30]), 500)
    assert abs(masked.value * NUM_DATA - part.value * 30) < LIMIT * math.hypot(
        masked.error * NUM_DATA, part.error * 30
    )


def test_it_is_not_in_half_precision():
    x, y = line()
    mean, std, _ = exact_normal(x, y)
    posterior = of_normal(slope(), mean, std, (x, y))
    pyro.set_rng_seed(1)
    plain = posterior.bound((x, y))
    pyro.set_rng_seed(1)
    with torch.autocast("cpu", dtype=torch.bfloat16), products_in("bf16"):
        assert posterior.bound((x, y)) == plain


def test_a_mixture_has_the_bound_of_the_mixture():
    x, y = line()
    mean, std, log_evidence = exact_normal(x, y)
    model = slope()
    guide = guides.Mixture(model, num_components=2, init_spread=0.0)
    for component in guide.components:
        with torch.no_grad():
            component.loc["weight"].fill_(float(mean))
            component.rho["weight"].fill_(float(std.expm1().log()))

    value, error = fitted(model, guide, (x, y)).bound((x, y), num_samples=500)
    truth = -float(log_evidence) / NUM_DATA  # both components are the posterior
    assert abs(value - truth) < max(LIMIT * error, 1e-5)


def test_a_point_estimate_is_a_condition():
    x, y = line()
    network = nn.Linear(1, 1)
    with torch.no_grad():
        network.bias.fill_(0.0)
    prior = priors.WeightPrior(
        priors.by_name({"weight": dist.Normal(0.0, 2.0)}, otherwise=priors.Point())
    )
    model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(NOISE))
    mean, std, log_evidence = exact_normal(x, y)
    posterior = of_normal(model, mean, std, (x, y))
    value, error = posterior.bound((x, y), num_samples=500)
    assert abs(value + float(log_evidence) / NUM_DATA) < LIMIT * error


REFUSED = {
    "Delta": (guides.Delta, "Delta has no bound"),
    "AutoDelta": (AutoDelta, "AutoDelta draws point masses"),
    "AutoLaplace": (AutoLaplaceApproximation, "draws point masses"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_guide_without_a_bound_says_so(name):
    make, message = REFUSED[name]
    model = slope()
    posterior = fitted(model, make(model), line())
    with pytest.raises(NoBound, match=message):
        posterior.bound(line())


def test_an_autoguide_with_a_density_has_a_bound():
    model = slope()
    data = line()
    value, error = fitted(model, AutoNormal(model), data).bound(data)
    assert math.isfinite(value)
    assert error > 0


def test_what_has_no_bound_says_why():
    x, y = line()
    model = slope()
    posterior = of_normal(model, 1.0, 0.1, (x, y))
    with pytest.raises(NoBound, match="weights are neither 0 nor 1"):
        posterior.bound((x, y), weights=torch.linspace(0.1, 2.0, NUM_DATA))

    with pytest.raises(ValueError, match="num_samples must be at least 2"):
        posterior.bound((x, y), num_samples=1)

    improper = slope(priors.LogUniform())
    guide = guides.LocalReparam(improper)
    with pytest.raises(NoBound, match="improper prior"):
        fitted(improper, guide, (x, y)).bound((x, y))

    sampler = inference.NUTS(model, num_samples=3, warmup_steps=3, progress=False)
    with pytest.raises(NoBound, match="needs the density of a guide"):
        sampler.fit((x, y)).bound((x, y))


def test_a_pruned_posterior_has_no_bound():
    model = cases.model("MLP", "WeightPrior", "Categorical")
    data = cases.data("MLP", "Categorical")
    posterior = fitted(model, guides.MeanField(model), data)
    pruned = zoo.prune(posterior, 0.5)
    with pytest.raises(NoBound, match="pruned"):
        pruned.bound(data)


ONE_PER_GUIDE = list({row[2]: row for row in reversed(cases.FITS)}.values())


@cases.each("network, prior, guide, likelihood", ONE_PER_GUIDE)
def test_every_guide_has_a_bound_or_says_that_it_has_none(
    network, prior, guide, likelihood
):
    model = cases.model(network, prior, likelihood)
    data = cases.data(network, likelihood)
    made = cases.GUIDES[guide](model)
    posterior = fitted(model, made, data)
    try:
        value, error = posterior.bound(data, num_samples=2)
    except NoBound:
        has_bound = False
    else:
        has_bound = math.isfinite(value) and error >= 0

    declared = getattr(made, "bound", None)
    assert declared is None or has_bound == declared
