"""Engines and guides on Bayesian linear regression with correlated inputs, in closed form.

Each check comes with a wrong answer that it rejects. Means are compared within 4.5
standard errors. The probability of a false alarm is 7e-6 for one element and at most 1e-4
for the sixteen or fewer elements of a check. Seeds are fixed.
"""

import math
from functools import partial

import cases
import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, above, off, off_chains, one_thread, repeat  # noqa: F401
from pyro.infer.autoguide import (
    AutoLowRankMultivariateNormal,
    AutoMultivariateNormal,
    AutoNormal,
)

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, priors
from zoo.inference.svi.elbo import elbo

NOISE, PRIOR_SCALE = 0.5, 2.0  # neither is equal to its square
SITES = ("layer1.weight", "layer1.bias")


class Linear:
    """A linear model in float64, its data and its closed form."""

    def __init__(self, num_data=30):
        data = datasets.toy.linear(
            num_data=num_data, noise=NOISE, prior_scale=PRIOR_SCALE, correlation=0.8
        )
        self.x, self.y = data.train.x.double(), data.train.y.double()
        self.network = networks.MLP(3, 1, hidden=[]).double()
        self.prior = priors.WeightPrior(dist.Normal(0.0, PRIOR_SCALE))
        self.model = zoo.BayesianNetwork(
            self.network, self.prior, likelihoods.Gaussian(NOISE)
        )
        self.features, self.targets = exact.features(self.x), self.y.squeeze(-1)
        self.exact = exact.linear_posterior(
            self.features, self.targets, NOISE, PRIOR_SCALE
        )
        self.shipped = data.exact

    def elbos(self, guide, num_samples, x=None, y=None, num_data=None):
        x, y = (self.x, self.y) if x is None else (x, y)
        return repeat(
            lambda: elbo(self.model, guide, x, y, num_data=num_data),
            num_samples,
            traced=True,
        )

    def fit(self, guide, num_steps=1200, lr=0.05):
        decay = partial(
            torch.optim.lr_scheduler.ExponentialLR, gamma=0.01 ** (1 / num_steps)
        )
        engine = inference.SVI(
            self.model,
            guide,
            num_steps=num_steps,
            lr=lr,
            scheduler=decay,
            progress=False,
        )
        return engine.fit((self.x, self.y))


@pytest.fixture(scope="module")
def linear():
    pyro.set_rng_seed(0)
    return Linear()


def coefficients(values):
    """Return weights and bias of draws, (*, P), the bias last."""
    return torch.cat(
        [
            values[name].flatten(-2) if name == SITES[0] else values[name]
            for name in SITES
        ],
        -1,
    )


def place(guide, loc, scale):
    """Set a mean-field guide to given coefficients."""
    with torch.no_grad():
        for name, part in zip(SITES, (slice(0, -1), slice(-1, None)), strict=True):
            guide.loc[name].copy_(loc[part].reshape(guide.loc[name].shape))
            guide.rho[name].copy_(
                scale[part].expm1().log().reshape(guide.rho[name].shape)
            )
    return guide


def optimum(posterior):
    return posterior.mean, posterior.precision.diagonal().rsqrt()


def test_the_closed_form_that_ships_with_the_toy_is_the_one_of_the_tests(linear):
    for name in linear.exact._fields:
        assert torch.allclose(
            getattr(linear.shipped, name),
            getattr(linear.exact, name),
            rtol=1e-5,
            atol=1e-6,
        ), name


def test_mean_field_and_exact_spreads_can_be_told_apart(linear):
    ratio = (
        linear.exact.covariance.diagonal().sqrt()
        / linear.exact.precision.diagonal().rsqrt()
    )
    assert (ratio[:-1] > 1.2).all()
    assert exact.mean_field_gap(linear.exact.precision) > 0.5


# Samplers


@pytest.fixture(scope="module")
def chains(linear):
    pyro.set_rng_seed(1)
    engine = inference.NUTS(
        linear.model,
        num_chains=16,
        warmup_steps=50,
        num_samples=50,
        compile=False,
        progress=False,
    )
    return coefficients(engine.fit((linear.x, linear.y)).draws)  # (C, S, P)


def mean_off(chains, mean):
    return off_chains(chains, mean)


def covariance_off(chains, mean, covariance):
    """Compare second moments around the exact mean, (C, S, P, P), with the covariance."""
    centred = chains - mean
    return off_chains(centred.unsqueeze(-1) * centred.unsqueeze(-2), covariance)


def test_nuts_recovers_mean_and_covariance(linear, chains):
    assert mean_off(chains, linear.exact.mean) < LIMIT
    assert covariance_off(chains, linear.exact.mean, linear.exact.covariance) < LIMIT


def test_nuts_does_not_pass_for_a_mean_field_spread(linear, chains):
    wrong = torch.diag(1 / linear.exact.precision.diagonal())
    assert covariance_off(chains, linear.exact.mean, wrong) > LIMIT


@pytest.mark.parametrize(
    ("noise", "prior_scale"), [(NOISE**2, PRIOR_SCALE), (NOISE**0.5, PRIOR_SCALE)]
)
def test_nuts_does_not_pass_with_scale_and_variance_of_the_noise_swapped(
    linear, chains, noise, prior_scale
):
    wrong = exact.linear_posterior(linear.features, linear.targets, noise, prior_scale)
    assert covariance_off(chains, linear.exact.mean, wrong.covariance) > LIMIT


# The mean-field optimum


MEAN_FIELD = {
    "MeanField": guides.MeanField,
    "LocalReparam": guides.LocalReparam,
    "Flipout": guides.Flipout,
}


@pytest.fixture(params=MEAN_FIELD, ids=str)
def family(request):
    return MEAN_FIELD[request.param]


def close(posterior, loc, scale):
    """Return whether a fit ended at given coefficients.

    The tolerance is four times the standard deviation over seeds.
    """
    guide, own_scale = posterior.guide, posterior.guide.scale
    fitted_loc = torch.cat([guide.loc[name].flatten() for name in SITES])
    fitted_scale = torch.cat([own_scale(name).flatten() for name in SITES])
    near = ((fitted_loc - loc).abs() < 0.5 * scale).all()
    return bool(near and (fitted_scale / scale).log().abs().max() < 0.15)


def test_svi_reaches_one_over_the_root_of_the_precision(linear, family):
    pyro.set_rng_seed(2)
    loc, scale = optimum(linear.exact)
    posterior = linear.fit(family(linear.model), lr=0.1, num_steps=1000)
    assert close(posterior, loc, scale)
    assert not close(
        posterior, loc, linear.exact.covariance.diagonal().sqrt()
    )  # the marginal standard deviation
    assert not close(posterior, loc, scale.square())  # a variance in place of a scale
    assert not close(posterior, loc, scale.sqrt())


def gradients(linear, guide, num_samples):
    def gradient():
        value = elbo(linear.model, guide, linear.x, linear.y)
        parts = torch.autograd.grad(value, list(guide.parameters()))
        return torch.cat([part.flatten() for part in parts])

    return repeat(gradient, num_samples, traced=True)


def test_the_gradient_is_zero_in_the_mean_at_the_optimum_and_nowhere_else(
    linear, family
):
    pyro.set_rng_seed(3)
    loc, scale = optimum(linear.exact)
    assert (
        off(gradients(linear, place(family(linear.model), loc, scale), 400), 0.0)
        < LIMIT
    )
    marginal = linear.exact.covariance.diagonal().sqrt()
    for wrong in (marginal, scale.square(), scale.sqrt()):
        assert (
            off(gradients(linear, place(family(linear.model), loc, wrong), 150), 0.0)
            > LIMIT
        )


def test_the_elbo_at_the_optimum_stays_below_the_log_evidence_by_the_exact_gap(
    linear, family
):
    pyro.set_rng_seed(4)
    loc, scale = optimum(linear.exact)
    draws = linear.elbos(place(family(linear.model), loc, scale), 500)
    best = linear.exact.log_evidence - exact.mean_field_gap(linear.exact.precision)
    assert off(draws, best) < LIMIT
    assert above(draws, linear.exact.log_evidence) < -LIMIT
    # the divergence averaged over weights, over data, over sites: each is wrong and no bound
    divergence = exact.normal_divergence(loc, scale, 0.0, PRIOR_SCALE)
    for count in (len(loc), len(linear.x), len(SITES)):
        averaged = draws + divergence * (1 - 1 / count)
        assert off(averaged, best) > LIMIT
        assert above(averaged, linear.exact.log_evidence) > LIMIT


# The full-rank optimum


def full_rank_at(linear, mean, covariance):
    guide = AutoMultivariateNormal(linear.model)
    guide()
    factor = torch.linalg.cholesky(covariance)
    with torch.no_grad():
        guide.loc.copy_(mean)
    guide.scale = factor.diagonal().clone()
    guide.scale_tril = factor / factor.diagonal().unsqueeze(-1)
    return guide


def test_the_elbo_of_the_exact_posterior_is_the_log_evidence_whatever_is_drawn(linear):
    pyro.set_rng_seed(5)
    with pyro.get_param_store().scope():
        posterior = linear.exact
        draws = linear.elbos(
            full_rank_at(linear, posterior.mean, posterior.covariance), 20
        )
        assert torch.allclose(draws, posterior.log_evidence.expand(20), atol=1e-8)
        diagonal = torch.diag(1 / posterior.precision.diagonal())
        wrong = linear.elbos(full_rank_at(linear, posterior.mean, diagonal), 20)
        assert wrong.std() > 0.1


def test_pyros_full_rank_guide_reaches_minus_the_log_evidence(linear):
    pyro.set_rng_seed(6)
    posterior = linear.fit(
        AutoMultivariateNormal(linear.model, init_scale=0.1), num_steps=1000, lr=0.2
    )
    draws = linear.elbos(posterior.scoped, 400)
    # fits end 0.1 nats below; the gap of mean field is ten times larger
    assert abs(draws.mean() - linear.exact.log_evidence) < 0.3
    assert above(draws, linear.exact.log_evidence) < LIMIT
    assert exact.mean_field_gap(linear.exact.precision) > 3 * 0.3


# Bounds


def weights_evidence(linear):
    return linear.model, linear.exact.log_evidence


def normal_nodes_evidence(linear):
    r"""Return the evidence for (x ∘ z) w + b, which is linear in z with features x_j w_j."""
    prior = priors.NodePrior(dist.Normal(1.0, 0.4), weights=priors.Frozen())
    weight, bias = (linear.network.state_dict()[name].flatten() for name in SITES)
    posterior = exact.linear_posterior(
        linear.x * weight, linear.targets - bias, NOISE, 0.4, 1.0
    )
    return zoo.BayesianNetwork(
        linear.network, prior, likelihoods.Gaussian(NOISE)
    ), posterior.log_evidence


def binary_nodes_evidence(linear):
    """Return the evidence as a sum of the joint density over all masks of the inputs."""
    prior = priors.NodePrior(dist.Bernoulli(0.7), weights=priors.Frozen())
    weight, bias = (linear.network.state_dict()[name].flatten() for name in SITES)
    masks = exact.all_masks(3)
    outputs = (linear.x * weight) @ masks.T + bias  # (N, 8)
    log_likelihood = (
        torch.distributions.Normal(outputs, NOISE).log_prob(linear.y).sum(0)
    )
    log_prior = exact.mask_probabilities(masks, torch.tensor(0.7)).log()
    model = zoo.BayesianNetwork(linear.network, prior, likelihoods.Gaussian(NOISE))
    return model, (log_likelihood + log_prior).logsumexp(0)


def nodes_on_both_sides_evidence(linear):
    """Return the evidence for s (x ∘ z) w + b, linear in z, as a sum over a grid of s."""
    prior = priors.NodePrior(
        dist.Normal(1.0, 0.4), where="both", weights=priors.Frozen()
    )
    weight, bias = (linear.network.state_dict()[name].flatten() for name in SITES)
    grid = torch.linspace(-2.0, 4.0, 601, dtype=torch.float64)
    given = [
        exact.linear_posterior(
            s * linear.x * weight, linear.targets - bias, NOISE, 0.4, 1.0
        ).log_evidence
        for s in grid
    ]
    log_prior = torch.distributions.Normal(1.0, 0.4).log_prob(grid)
    model = zoo.BayesianNetwork(linear.network, prior, likelihoods.Gaussian(NOISE))
    return model, (torch.stack(given) + log_prior).logsumexp(0) + (
        grid[1] - grid[0]
    ).log()


EVIDENCE = {
    "weights": weights_evidence,
    "normal nodes": normal_nodes_evidence,
    "normal nodes on both sides": nodes_on_both_sides_evidence,
    "binary nodes": binary_nodes_evidence,
}
PYROS = {
    "AutoIAFNormal": cases.auto_iaf,
    "AutoNormal": AutoNormal,
    "AutoMultivariateNormal": AutoMultivariateNormal,
    "AutoLowRank": partial(AutoLowRankMultivariateNormal, rank=2),
}


def fitted(make, model, data):
    """Fit a guide for a few steps, if it has parameters."""
    guide = make(model)
    if isinstance(guide, guides.MCDropout) and not guide.num_parameters():
        return guide
    decay = partial(torch.optim.lr_scheduler.ExponentialLR, gamma=0.95)
    engine = inference.SVI(
        model, guide, num_steps=60, lr=0.1, scheduler=decay, progress=False
    )
    return engine.fit(data).scoped


@pytest.mark.parametrize("name", cases.OURS)
def test_the_elbo_is_a_bound_where_the_guide_says_so(linear, name):
    pyro.set_rng_seed(7)
    taken = 0
    for make in EVIDENCE.values():
        model, log_evidence = make(linear)
        try:
            bound = cases.GUIDES[name](model).bound
        except ValueError:  # the family has no distribution for these sites
            continue
        taken += 1
        if bound:
            guide = fitted(cases.GUIDES[name], model, (linear.x, linear.y))
            draws = repeat(
                lambda model=model, guide=guide: elbo(model, guide, linear.x, linear.y),
                200,
                traced=True,
            )
            assert above(draws, log_evidence) < LIMIT
    assert taken, (
        f"{name} takes none of {', '.join(EVIDENCE)}: add a model whose evidence is known"
    )


@pytest.mark.parametrize("name", PYROS)
def test_the_elbo_of_pyros_own_guides_is_a_bound(linear, name):
    pyro.set_rng_seed(8)
    guide = fitted(PYROS[name], linear.model, (linear.x, linear.y))
    assert above(linear.elbos(guide, 200), linear.exact.log_evidence) < LIMIT


def test_a_point_estimate_passes_the_log_evidence_and_declares_no_bound(linear):
    guide = guides.Delta(linear.model)
    with torch.no_grad():
        for name, part in zip(SITES, linear.exact.mean.split([3, 1]), strict=True):
            guide.loc[name].copy_(part.reshape(guide.loc[name].shape))
    assert linear.elbos(guide, 1) > linear.exact.log_evidence + 1.0
    assert not guides.Delta.bound
    assert not guides.MCDropout(linear.model).bound


# Minibatches


@pytest.mark.parametrize("num_parts", [2, 5, 30])
def test_the_minibatch_elbo_is_unbiased(linear, num_parts):
    """All batches of a partition have the same draw of the weights: no Monte-Carlo error."""
    guide = place(guides.MeanField(linear.model), *optimum(linear.exact))

    def value(rows, num_data):
        pyro.set_rng_seed(10)
        return elbo(
            linear.model, guide, linear.x[rows], linear.y[rows], num_data=num_data
        ).item()

    whole = value(slice(None), None)
    parts = torch.randperm(30, generator=torch.Generator().manual_seed(0)).chunk(
        num_parts
    )
    assert math.isclose(
        sum(value(rows, 30) for rows in parts) / num_parts, whole, rel_tol=1e-9
    )
    missing = sum(value(rows, None) for rows in parts) / num_parts  # without N / B
    assert not math.isclose(missing, whole, rel_tol=1e-2)


@pytest.mark.parametrize("batch_size", [10, 7])
def test_the_loss_of_a_fit_in_batches_is_unbiased(linear, family, batch_size):
    """With batches of 7, the last of an epoch has 2 data; each datum is as likely in it."""
    pyro.set_rng_seed(11)
    loc, scale = optimum(linear.exact)
    guide = place(family(linear.model), loc, scale)
    engine = inference.SVI(
        linear.model, guide, num_epochs=100, lr=1e-12, progress=False
    )
    losses = engine.fit(
        (linear.x, linear.y), batch_size=batch_size
    ).info.losses.double()
    epochs = losses.reshape(100, -1).mean(
        -1
    )  # batches of an epoch share no datum; epochs are independent
    best = exact.mean_field_gap(linear.exact.precision) - linear.exact.log_evidence
    assert off(epochs, best / 30) < LIMIT
    divergence = exact.normal_divergence(loc, scale, 0.0, PRIOR_SCALE)
    batches = len(losses) / 100
    missing = (epochs - divergence / 30) / batches + divergence / 30  # without N / B
    assert off(missing, best / 30) > LIMIT
