"""Full-rank and low-rank guides: exact posteriors of linear models, and joint densities."""

import math
from functools import partial

import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, off, one_thread, repeat  # noqa: F401
from pyro.infer.autoguide import AutoLaplaceApproximation
from torch import nn

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, priors
from zoo.inference.svi.elbo import elbo
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.predictive.drawing import draw_sites
from zoo.runtime.param_scope import ScopedGuide

NOISE, PRIOR_SCALE = 0.5, 2.0


class TwoLayers(nn.Module):
    """A sum of two linear layers: a linear model whose coefficients are in two groups."""

    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(2, 1), nn.Linear(1, 1, bias=False)

    def forward(self, x):
        return self.left(x[:, :2]) + self.right(x[:, 2:])


class Linear:
    """A linear model in float64, its data and its exact posterior.

    `order` permutes the coefficients [w, b] to the order of the sites.
    """

    def __init__(self, network, order):
        data = datasets.toy.linear(
            num_data=30, noise=NOISE, prior_scale=PRIOR_SCALE, correlation=0.8
        )
        self.x, self.y = data.train.x.double() + 1.0, data.train.y.double()
        prior = priors.WeightPrior(dist.Normal(0.0, PRIOR_SCALE))
        self.model = zoo.BayesianNetwork(
            network.double(), prior, likelihoods.Gaussian(NOISE)
        )
        features = exact.features(self.x)[:, order]
        self.exact = exact.linear_posterior(
            features, self.y.squeeze(-1), NOISE, PRIOR_SCALE
        )

    def elbos(self, guide, num_samples=30):
        return repeat(
            lambda: elbo(self.model, guide, self.x, self.y), num_samples, traced=True
        )

    def coefficients(self, values):
        """Concatenate the values of all sites, (S, P)."""
        return torch.cat(
            [
                values[name].reshape(len(values[name]), -1)
                for name in self.model.latents
            ],
            -1,
        )


@pytest.fixture(scope="module")
def linear():
    pyro.set_rng_seed(0)
    return Linear(networks.MLP(3, 1, hidden=[]), [0, 1, 2, 3])


@pytest.fixture(scope="module")
def layers():
    pyro.set_rng_seed(0)
    return Linear(TwoLayers(), [0, 1, 3, 2])


def place_marginals(guide, loc, covariance):
    """Set the means and the marginal standard deviations, in the order of the sites."""
    sizes = [guide.loc[name].numel() for name in guide.sites]
    parts = zip(
        guide.sites,
        loc.split(sizes),
        covariance.diagonal().sqrt().split(sizes),
        strict=True,
    )
    with torch.no_grad():
        for name, mean, scale in parts:
            guide.loc[name].copy_(mean.reshape(guide.loc[name].shape))
            guide.rho[name].copy_(scale.expm1().log().reshape(guide.rho[name].shape))


def correlation(covariance):
    scale = covariance.diagonal().sqrt()
    return covariance / scale.outer(scale)


def full_rank_at(guide, loc, covariance):
    """Set the parameters of a full-rank guide, with any groups, to a given normal."""
    place_marginals(guide, loc, covariance)
    begin = 0
    with torch.no_grad():
        for group in guide.groups:
            rows = slice(begin, begin + guide.size(group))
            factor = torch.linalg.cholesky(correlation(covariance)[rows, rows])
            factor = factor / factor.diagonal().unsqueeze(-1)
            guide.lower[group].copy_(factor[torch.ones_like(factor).tril(-1).bool()])
            begin = rows.stop
    return guide


def low_rank_at(guide, loc, covariance):
    """Set the parameters of a low-rank guide of rank P - 1 to a given normal.

    The smallest eigenvalue gives the diagonal, and the others the factors.
    """
    place_marginals(guide, loc, covariance)
    values, vectors = torch.linalg.eigh(correlation(covariance))
    with torch.no_grad():
        guide.factor["joint"].copy_(
            vectors[:, 1:] * ((values[1:] - values[0]) / values[0]).sqrt()
        )
    return guide


PLACED = {
    "FullRank": lambda model, loc, covariance: full_rank_at(
        guides.FullRank(model, per="all"), loc, covariance
    ),
    "LowRank": lambda model, loc, covariance: low_rank_at(
        guides.LowRank(model, per="all", rank=3), loc, covariance
    ),
}


@pytest.fixture(params=PLACED, ids=str)
def place(request):
    return PLACED[request.param]


# The exact posterior


def test_the_elbo_of_the_exact_posterior_is_the_log_evidence_whatever_is_drawn(
    linear, place
):
    posterior = linear.exact
    draws = linear.elbos(place(linear.model, posterior.mean, posterior.covariance))
    assert torch.allclose(draws, posterior.log_evidence.expand(30), atol=1e-7)
    for wrong in (
        torch.diag(posterior.covariance.diagonal()),
        2 * posterior.covariance,
    ):
        assert linear.elbos(place(linear.model, posterior.mean, wrong)).std() > 0.1


def test_draws_have_the_exact_mean_and_covariance_one_by_one_and_at_once(linear, place):
    pyro.set_rng_seed(1)
    mean, covariance = linear.exact.mean, linear.exact.covariance
    guide = place(linear.model, mean, covariance)
    shapes = {name: prior.shape() for name, prior in linear.model.latents.items()}
    at_once = linear.coefficients(draw_sites(guide, 3000, shapes))
    one_by_one = repeat(
        lambda: linear.coefficients({n: v.unsqueeze(0) for n, v in guide().items()})[0],
        600,
        traced=True,
    )
    for draws in (at_once, one_by_one):
        assert off(draws, mean) < LIMIT
        centred = draws - mean
        squares = centred.unsqueeze(-1) * centred.unsqueeze(-2)
        assert off(squares, covariance) < LIMIT
        assert off(squares, torch.diag(covariance.diagonal())) > LIMIT
        assert (
            off(
                squares, torch.linalg.inv(torch.diag(linear.exact.precision.diagonal()))
            )
            > LIMIT
        )


def test_all_draws_come_from_one_run(linear, place, monkeypatch):
    guide, runs = place(linear.model, linear.exact.mean, linear.exact.covariance), []
    forward = guide.forward
    monkeypatch.setattr(
        guide, "forward", lambda *args: runs.append(1) or forward(*args)
    )
    draw_sites(
        guide, 50, {name: prior.shape() for name, prior in linear.model.latents.items()}
    )
    assert len(runs) <= 1  # none if the guide draws many by itself


@pytest.mark.parametrize(
    "make",
    [guides.FullRank, partial(guides.LowRank, rank=3)],
    ids=["FullRank", "LowRank"],
)
def test_a_fit_comes_near_the_log_evidence(linear, make):
    """The mean-field optimum is 2.3 nats below it."""
    pyro.set_rng_seed(2)
    engine = inference.SVI(
        linear.model,
        make(linear.model, per="all"),
        num_steps=400,
        lr=0.3,
        scheduler=lambda optimizer: torch.optim.lr_scheduler.ExponentialLR(
            optimizer, 0.99
        ),
        progress=False,
    )
    fitted = engine.fit((linear.x, linear.y)).guide
    assert linear.exact.log_evidence - linear.elbos(fitted, 200).mean() < 0.8
    assert exact.mean_field_gap(linear.exact.precision) > 2 * 0.8


# Layer by layer


def block_optimum(posterior, sizes):
    """Return the best covariance with independent blocks, and its gap to the evidence in nats.

    Its blocks are the inverses of the blocks of the precision.
    """
    blocks = [
        slice(end - size, end)
        for size, end in zip(sizes, torch.tensor(sizes).cumsum(0).tolist(), strict=True)
    ]
    precision = torch.block_diag(*(posterior.precision[rows, rows] for rows in blocks))
    return torch.linalg.inv(precision), 0.5 * (
        torch.logdet(precision) - torch.logdet(posterior.precision)
    )


def gradients(layers, guide, num_samples):
    def gradient():
        parts = torch.autograd.grad(
            elbo(layers.model, guide, layers.x, layers.y), list(guide.parameters())
        )
        return torch.cat([part.flatten() for part in parts])

    return repeat(gradient, num_samples, traced=True)


def test_by_layer_the_optimum_has_the_inverted_blocks_of_the_precision(layers):
    pyro.set_rng_seed(3)
    posterior = layers.exact
    guide = guides.FullRank(layers.model)
    assert guide.groups == {"left:joint": ["left.weight", "left.bias"]}
    covariance, gap = block_optimum(posterior, [3, 1])
    full_rank_at(guide, posterior.mean, covariance)
    assert off(layers.elbos(guide, 200), posterior.log_evidence - gap) < LIMIT
    assert off(gradients(layers, guide, 200), 0.0) < LIMIT
    full_rank_at(
        guide,
        posterior.mean,
        torch.block_diag(posterior.covariance[:3, :3], posterior.covariance[3:, 3:]),
    )
    assert off(layers.elbos(guide, 200), posterior.log_evidence - gap) > LIMIT
    assert off(gradients(layers, guide, 200), 0.0) > LIMIT


def test_sites_that_are_not_named_are_mean_field(layers):
    guide = guides.FullRank(layers.model, per="all", sites=["left.weight"])
    assert guide.groups == {"joint": ["left.weight"]}
    assert guide.num_parameters() == 2 * 4 + 1
    assert isinstance(
        guide.distribution(guide.sites["left.bias"]).base_dist, dist.Normal
    )


# Densities


def program():
    """A model with a real and a positive site."""
    pyro.sample("a", dist.Normal(0.0, 1.0))
    pyro.sample("b", dist.HalfNormal(1.0))


def with_plate():
    program()
    with pyro.plate("groups", 2):
        pyro.sample("c", dist.LogNormal(torch.zeros(3), 1.0).to_event(1))


def spread(guide):
    """Move every parameter; those of a flow less, because its density would have spikes."""
    amount = 0.1 if isinstance(guide, guides.Flow) else 0.5
    with torch.no_grad():
        for parameter in guide.parameters():
            parameter.add_(amount * torch.randn_like(parameter))
    return guide.double()


JOINT = {
    "FullRank": lambda model: guides.FullRank(model, per="all", init_scale=0.5),
    "LowRank": lambda model: guides.LowRank(model, per="all", rank=2, init_scale=0.5),
    "Flow": lambda model: guides.Flow(
        model, sites=list("abc"[: 3 if model is with_plate else 2]), init_scale=0.5
    ),
}


@pytest.mark.parametrize("name", JOINT)
def test_a_joint_density_integrates_to_one_bounded_sites_included(name):
    pyro.set_rng_seed(4)
    guide = spread(JOINT[name](program))
    a, log_b = torch.linspace(-6, 6, 161).double(), torch.linspace(-6, 6, 161).double()
    grid_a, grid_b = torch.meshgrid(a, log_b.exp(), indexing="ij")
    with torch.no_grad():
        density = guide.log_prob({"a": grid_a, "b": grid_b}).exp()
    step = (a[1] - a[0]) * (log_b[1] - log_b[0])
    # The volume element is db = b d(log b).
    assert math.isclose((density * grid_b).sum() * step, 1.0, abs_tol=5e-3)
    # Without the Jacobian:
    assert not math.isclose(density.sum() * step, 1.0, abs_tol=2e-2)


@pytest.mark.parametrize("name", JOINT)
def test_the_log_prob_of_a_trace_is_the_joint_density(name):
    pyro.set_rng_seed(5)
    guide = spread(JOINT[name](with_plate))
    trace = pyro.poutine.trace(guide).get_trace()
    values = {site: trace.nodes[site]["value"] for site in "abc"}
    assert values["c"].shape == (2, 3)
    trace.compute_log_prob()
    density = guide.log_prob(values)
    assert torch.allclose(trace.log_prob_sum(), density, atol=1e-6)
    batch = {site: value.expand(5, *value.shape) for site, value in values.items()}
    assert torch.allclose(guide.log_prob(batch), density.expand(5), atol=1e-6)
    auxiliary = next(iter(guide.groups))
    # Without the log volumes:
    assert not torch.allclose(
        trace.nodes[auxiliary]["log_prob"].sum(), density, atol=1e-2
    )


@pytest.mark.parametrize("name", ["FullRank", "LowRank"])
def test_its_distributions_are_the_exact_marginals(linear, name):
    guide = PLACED[name](linear.model, linear.exact.mean, linear.exact.covariance)
    distributions = guide.distributions()
    rows = {"layer1.weight": slice(0, 3), "layer1.bias": slice(3, 4)}
    for site, distribution in distributions.items():
        part, mean = (
            linear.exact.covariance[rows[site], rows[site]],
            linear.exact.mean[rows[site]],
        )
        value = mean + 0.3
        assert distribution.event_shape == guide.loc[site].shape
        density = dist.MultivariateNormal(mean, part).log_prob(value)
        assert torch.allclose(
            distribution.log_prob(value.reshape(distribution.event_shape)),
            density,
            atol=1e-6,
        )
    diagonal = dist.Normal(mean, part.diagonal().sqrt()).log_prob(value).sum()
    assert torch.allclose(density, diagonal)  # of one element
    weights = linear.exact.covariance[:3, :3]
    independent = dist.Normal(
        linear.exact.mean[:3], weights.diagonal().sqrt()
    ).log_prob(linear.exact.mean[:3] + 0.3)
    value = (linear.exact.mean[:3] + 0.3).reshape(1, 3)
    assert not torch.allclose(
        distributions["layer1.weight"].log_prob(value), independent.sum(), atol=0.1
    )


@pytest.mark.parametrize("name", ["FullRank", "LowRank"])
def test_its_distributions_serve_as_priors(linear, name):
    distributions = PLACED[name](
        linear.model, linear.exact.mean, linear.exact.covariance
    ).distributions()
    prior = priors.WeightPrior(lambda site, w: distributions[site])
    model = zoo.BayesianNetwork(
        networks.MLP(3, 1, hidden=[]).double(), prior, likelihoods.Gaussian(NOISE)
    )
    posterior = inference.SVI(
        model, guides.MeanField(model), num_steps=2, progress=False
    ).fit((linear.x, linear.y))
    assert torch.isfinite(posterior.info.losses).all()
    assert model.prior_predictive(linear.x, num_samples=4).mean.shape == (30, 1)


@pytest.mark.parametrize("name", ["FullRank", "LowRank"])
def test_scales_are_marginal_ones_and_stay_below_their_ceiling(linear, name):
    make = getattr(guides, name)
    guide = make(linear.model, init_scale=0.1, max_scale=0.2)
    for distribution in guide.distributions().values():
        assert torch.allclose(
            distribution.base_dist.variance.sqrt(), torch.full((), 0.1).double()
        )
    with torch.no_grad():
        for parameter in guide.parameters():
            parameter.add_(20.0)
    for distribution in guide.distributions().values():
        assert (distribution.base_dist.variance.sqrt() < 0.2 + 1e-9).all()
        assert (distribution.base_dist.variance.sqrt() > 0.19).any()


# Refusals


def test_a_group_with_too_many_elements_is_refused(linear, monkeypatch):
    monkeypatch.setattr(guides.full_rank, "_MAX_ELEMENTS", 3)
    with pytest.raises(
        ValueError,
        match=r"layer1.weight, layer1.bias have 4 elements, too many .* use guides\.LowRank",
    ):
        guides.FullRank(linear.model)


@pytest.mark.parametrize("make", [guides.FullRank, guides.LowRank])
def test_unknown_groups_are_refused(linear, make):
    with pytest.raises(ValueError, match="per must be 'layer' or 'all', not 'site'"):
        make(linear.model, per="site")
    with pytest.raises(
        ValueError,
        match=r"sites=\['layer3.weight'\] must name sites .*; write some of layer1.weight",
    ):
        make(linear.model, sites=["layer3.weight"])


def test_a_rank_below_one_is_refused(linear):
    with pytest.raises(
        ValueError, match=r"rank must be .* at least 1, not 0; .*use guides\.MeanField"
    ):
        guides.LowRank(linear.model, rank=0)


# Pyro's own


def test_pyros_laplace_approximation_of_a_fit_is_the_exact_posterior(linear):
    pyro.set_rng_seed(6)
    engine = inference.SVI(
        linear.model,
        AutoLaplaceApproximation(linear.model),
        num_steps=200,
        lr=0.3,
        progress=False,
        scheduler=lambda optimizer: torch.optim.lr_scheduler.ExponentialLR(
            optimizer, 0.97
        ),
    )
    mode = engine.fit((linear.x, linear.y))
    with pyro.get_param_store().scope():
        laplace = ScopedGuide(mode.guide.laplace_approximation(linear.x, linear.y))
    posterior = GuidePosterior(
        linear.model, state=mode.state, info=None, scoped=laplace
    )
    # Compare around the mode that the fit found.
    draws = linear.coefficients(posterior.sample(4000))
    centred = draws - draws.mean(0)
    squares = centred.unsqueeze(-1) * centred.unsqueeze(-2)
    assert off(squares, linear.exact.covariance) < LIMIT
    assert off(squares, torch.diag(1 / linear.exact.precision.diagonal())) > LIMIT
    again = engine.fit((linear.x, linear.y))  # the guide has kept its model
    assert torch.allclose(
        again.sample(1)["layer1.bias"], mode.sample(1)["layer1.bias"], atol=0.05
    )


def test_many_draws_of_a_low_rank_guide_follow_its_parameters(layers):
    """They come from constants that are kept: after a write to a parameter, from new ones."""
    guide = guides.LowRank(layers.model, rank=2, per="all")
    for scale, shift in ((0.1, 0.0), (1.0, 3.0)):
        with torch.no_grad():
            for name in guide.sites:
                guide.loc[name].fill_(shift)
                guide.rho[name].fill_(math.log(math.expm1(scale)))
        draws = guide.draw_many(2000)
        for name, value in draws.items():
            assert off(value, shift) < LIMIT, name
            assert off((value - shift).square(), scale**2) < LIMIT, name
    assert guide.float().draw_many(1)[name].dtype == torch.float32
    layers.model.network.double()
