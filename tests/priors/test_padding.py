"""Rows of padding: no prior, no noise, no movement, and the posterior of the others is exact.

The network is a sum of embeddings, so the posterior is that of a linear regression on the
counts of the tokens. Means of draws are compared in units of their Monte-Carlo error.
"""

import cases
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, off, off_chains, one_thread  # noqa: F401
from pyro import poutine
from pyro.infer import SVI as PyroSVI
from pyro.infer import Trace_ELBO
from pyro.infer.autoguide import AutoNormal
from torch import nn
from torch.distributions import Independent, Normal, biject_to, kl_divergence

import guides
import zoo
from zoo import diagnostics, inference, likelihoods, networks, priors
from zoo.inference.mcmc.density.potential import Potential
from zoo.runtime.fixed_rows import FixedRows

NORMAL = dist.Normal(0.3, 0.8)
NOISE = 0.5
SIZE, PAD, FREE = 5, 2, [0, 1, 3, 4]
TOKENS = torch.randint(SIZE, (20, 3), generator=torch.Generator().manual_seed(3))
VALUE = 1.5  # of the row of padding in a trained network


class Sum(nn.Module):
    """The sum of the embeddings of some tokens; `out` may have the weight too."""

    def __init__(self, padding_idx=PAD, value=VALUE, dim=1):
        super().__init__()
        self.embed = nn.Embedding(SIZE, dim, padding_idx=padding_idx)
        with torch.no_grad():
            self.embed.weight[padding_idx] = value

    def forward(self, tokens):
        return self.embed(tokens).sum(-2)


SHORT = {
    "warmup_steps": 200,
    "num_chains": 4,
    "compile": "traced",
    "progress": False,
}


def counts():
    return nn.functional.one_hot(TOKENS, SIZE).sum(1).float()  # (N, V)


torch.manual_seed(1)
Y = counts() @ torch.tensor([[1.0], [-2.0], [VALUE], [0.5], [0.0]])
Y = Y + NOISE * torch.randn_like(Y)


def exact(value=VALUE):
    """The mean and covariance of the free rows; `value` is that of the row of padding."""
    design = counts()[:, FREE].double()
    target = Y.double()[:, 0] - value * counts()[:, PAD].double()
    precision = design.T @ design / NOISE**2 + torch.eye(4) / NORMAL.scale**2
    linear = design.T @ target / NOISE**2 + NORMAL.loc / NORMAL.scale**2
    covariance = precision.inverse()
    return covariance @ linear, covariance


def build(network=None, rule=NORMAL):
    network = Sum() if network is None else network
    return zoo.BayesianNetwork(
        network, priors.WeightPrior(rule), likelihoods.Gaussian(NOISE)
    )


def fit(model, guide, **options):
    options = {"num_steps": 3, "progress": False, **options}
    return inference.SVI(model, guide, **options).fit((TOKENS, Y))


def falling(optimizer):
    return torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.99)


def test_the_optimum_of_a_guide_is_exact():
    model = build()
    posterior = fit(
        model,
        guides.MeanField(model),
        num_steps=500,
        lr=0.1,
        num_particles=4,
        scheduler=falling,
    )
    draws = posterior.sample(4000)["embed.weight"].double()
    assert (draws[:, PAD] == VALUE).all()

    mean, covariance = exact()
    without, _ = exact(value=0.0)
    std = covariance.inverse().diagonal().rsqrt()
    assert torch.allclose(draws[:, FREE, 0].mean(0), mean, atol=0.02)
    assert torch.allclose(draws[:, FREE, 0].std(0), std, rtol=0.1)
    assert not torch.allclose(draws[:, FREE, 0].mean(0), without, atol=0.1)


@pytest.mark.parametrize(
    ("engine", "num_samples"),
    [
        (inference.MCLMC, 150),
        pytest.param(inference.NUTS, 300, marks=pytest.mark.slow),
    ],
)
def test_a_sampler_is_exact(engine, num_samples):
    sampler = engine(build(), **SHORT, num_samples=num_samples)
    draws = sampler.fit((TOKENS, Y)).draws["embed.weight"].double()
    assert (draws[:, :, PAD] == VALUE).all()

    free = draws[:, :, FREE, 0]
    mean, covariance = exact()
    wrong, _ = exact(value=0.0)
    assert off_chains(free, mean) < LIMIT
    assert off_chains((free - mean).square(), covariance.diagonal()) < LIMIT
    assert off_chains(free, wrong) > LIMIT


def test_laplace_is_exact_and_so_is_its_evidence():
    model = build().double()
    engine = inference.Laplace(
        model,
        structure="full",
        num_samples=4000,
        num_steps=500,
        lr=0.05,
        progress=False,
    )
    posterior = engine.fit((TOKENS, Y.double()))
    draws = posterior.sample()["embed.weight"]
    assert (draws[:, PAD] == VALUE).all()
    mean, covariance = exact()
    assert off(draws[:, FREE, 0], mean) < LIMIT
    assert off((draws[:, FREE, 0] - mean).square(), covariance.diagonal()) < LIMIT
    assert posterior.info.num_parameters == 4

    design = counts()[:, FREE].double()
    noise = NOISE**2 * torch.eye(len(Y), dtype=torch.double)
    evidence = torch.distributions.MultivariateNormal(
        design.sum(1) * NORMAL.loc + VALUE * counts()[:, PAD],
        design @ design.T * NORMAL.scale**2 + noise,
    ).log_prob(Y.double()[:, 0])
    assert posterior.info.log_marginal_likelihood == pytest.approx(
        evidence.item(), abs=0.01
    )


def test_the_log_density_is_that_of_the_other_rows():
    model = build()
    weight = model.network.embed.weight.detach()
    trace = poutine.trace(poutine.condition(model, {"embed.weight": weight}))
    site = trace.get_trace(TOKENS, Y).nodes["embed.weight"]
    expected = NORMAL.log_prob(weight[FREE]).sum()
    assert torch.allclose(site["fn"].log_prob(weight), expected)
    assert not torch.allclose(expected, NORMAL.log_prob(weight).sum())
    assert Potential(model, TOKENS, Y).size == 4


def test_the_divergence_has_a_closed_form():
    model = build()
    guide = guides.MeanField(model)
    q = guide.distribution(guide.sites["embed.weight"])
    p = model.latents["embed.weight"]
    loc, scale = guide.loc["embed.weight"], guide.scale("embed.weight")
    assert loc.shape == (4, 1)
    expected = kl_divergence(Normal(loc, scale), NORMAL).sum()
    assert torch.allclose(kl_divergence(q, p), expected)


def test_the_prior_has_the_shape_of_the_weight_and_a_fixed_row():
    model = build()
    prior = model.latents["embed.weight"]
    assert prior.shape() == (SIZE, 1)
    draws = model.prior_draws(2000)["embed.weight"].double()
    assert (draws[:, PAD] == VALUE).all()
    assert off(draws[:, FREE, 0], NORMAL.loc.double()) < LIMIT
    assert torch.equal(prior.mean[FREE], NORMAL.loc.expand(4, 1))
    assert (prior.mean[PAD], prior.variance[PAD]) == (VALUE, 0)
    assert prior.support.check(draws[0].float())
    assert not prior.support.check(torch.zeros(SIZE, 1))


def test_one_row_is_fixed_by_a_transform_from_all_real_numbers():
    values = torch.tensor([[7.0, 8.0], [9.0, 10.0]])
    support = FixedRows((0, 3), values, dist.Normal(0.0, 1.0).support)
    transform = biject_to(support)
    x = torch.randn(6, 3, 2)
    y = transform(x)
    assert y.shape == (6, 5, 2)
    assert torch.equal(y[:, [0, 3]], values.expand(6, 2, 2))
    assert torch.equal(y[:, [1, 2, 4]], x)
    assert torch.equal(transform.inv(y), x)
    assert torch.equal(transform.log_abs_det_jacobian(x, y), torch.zeros(6))
    assert torch.equal(torch.vmap(transform)(x), y)


@pytest.mark.parametrize("family", cases.GUIDES)
def test_the_row_stays_under_every_guide(family):
    if family in ("NodeMixture", "Rank1", "pyro function"):
        pytest.skip("these are guides of nodes, or of one network")

    network = nn.Sequential(Sum(dim=2), nn.Linear(2, 1))
    model = build(network)
    posterior = fit(model, cases.GUIDES[family](model))
    draws = posterior.sample(3)["0.embed.weight"]
    assert draws.shape == (3, SIZE, 2)
    assert (draws[:, PAD] == VALUE).all()
    assert posterior.predict(TOKENS, num_samples=2).mean.shape == (20, 1)


MOMENTS = {
    "MeanField": guides.MeanField,
    "FullRank": guides.FullRank,
    "LowRank": guides.LowRank,
    "Radial": guides.Radial,
    "Mixture": guides.Mixture,
}


@pytest.mark.parametrize("make", MOMENTS.values(), ids=MOMENTS.keys())
def test_distributions_have_moments_and_the_row_is_certain(make):
    model = build(Sum(dim=2))
    distribution = make(model).distributions()["embed.weight"]
    assert (distribution.mean[PAD] == VALUE).all()
    assert (distribution.stddev[PAD] == 0).all()

    draws = distribution.sample((20_000,))
    assert torch.allclose(distribution.mean, draws.mean(0), atol=0.01)
    assert torch.allclose(distribution.stddev, draws.std(0), rtol=0.05)


def test_moments_in_a_bent_space_are_refused_with_a_sentence():
    model = build(Sum(value=0.0), dist.Gamma(2.0, 2.0))
    distribution = guides.MeanField(model).distributions()["embed.weight"]
    with pytest.raises(NotImplementedError, match="take those of draws"):
        distribution.mean  # noqa: B018


RULES = {
    "for the whole weight": dist.Normal(torch.arange(5.0)[:, None], torch.ones(5, 1)),
    "for the other rows": dist.Normal(torch.tensor([[0.0], [1], [3], [4]]), 1.0),
    "with events": dist.Normal(torch.arange(5.0)[:, None], 1.0).to_event(2),
    "of a function": lambda name, w: dist.Normal(torch.arange(5.0)[:, None], 1.0),
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_a_prior_may_have_the_shape_of_the_weight_or_of_the_other_rows(rule):
    prior = build(rule=rule).latents["embed.weight"]
    expected = torch.tensor([[0.0], [1], [VALUE], [3], [4]])
    assert torch.equal(prior.mean, expected)


@pytest.mark.parametrize(
    "rule",
    [
        priors.moped(),
        priors.fan_in(),
        priors.ScaleMixture(0.5, 1.0, 0.1),
        dist.StudentT(3.0, torch.zeros(SIZE, 1), 1.0),
        dist.Gumbel(torch.zeros(SIZE, 1), 1.0),
        dist.HalfNormal(torch.ones(SIZE, 1)),
        priors.LogUniform(),
        priors.Hierarchical(dist.HalfNormal(1.0), by="weight"),
        priors.RegularisedHorseshoe(),
    ],
)
def test_other_priors(rule):
    network = Sum(dim=2, value=VALUE)
    with torch.no_grad():
        network.embed.weight.abs_()
    network = nn.Sequential(network, nn.Linear(2, 1).requires_grad_(False))
    model = build(network, rule)
    prior = model.latents["0.embed.weight"]
    assert prior.shape() == (SIZE, 2)

    posterior = fit(model, guides.MeanField(model))
    assert (posterior.sample(2)["0.embed.weight"][:, PAD] == VALUE).all()
    value = network[0].embed.weight.detach()
    assert torch.isfinite(prior.log_prob(value))
    scale = model.latents.get("prior:0.embed.weight.scale")
    assert scale is None or scale.shape() == (4, 2)


def test_a_prior_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"embed\.weight has shape \(3, 1\)"):
        build(rule=dist.Normal(torch.zeros(3, 1), 1.0))


def test_the_posterior_of_one_task_is_the_prior_of_the_next():
    model = build()
    posterior = fit(model, guides.MeanField(model), num_steps=30)
    second = build(model.network, priors.previous(posterior))
    guide = guides.MeanField(second)
    q = guide.distribution(guide.sites["embed.weight"])
    loc, scale = (
        posterior.guide.loc["embed.weight"],
        posterior.guide.scale("embed.weight"),
    )
    own = Normal(guide.loc["embed.weight"], guide.scale("embed.weight"))
    expected = kl_divergence(own, Normal(loc, scale)).sum()
    assert torch.allclose(kl_divergence(q, second.latents["embed.weight"]), expected)


def adamw(parameters, lr):
    return torch.optim.AdamW(parameters, lr=lr, weight_decay=0.5)


@pytest.mark.parametrize("rule", [priors.Point(), priors.Point(dist.Normal(-3.0, 0.1))])
def test_the_row_of_a_point_estimate_does_not_move(rule):
    rule = priors.by_name({"1.*": NORMAL}, otherwise=rule)
    model = build(nn.Sequential(Sum(dim=2), nn.Linear(2, 1)), rule)
    posterior = fit(model, guides.MeanField(model), optimizer=adamw, lr=0.1)
    weight = posterior.state["0.embed.weight"]
    own = model.network[0].embed.weight
    assert (weight[PAD] == VALUE).all()
    assert (weight[FREE] != own[FREE]).all()


class Bag(nn.Module):
    """A bag of embeddings, whose rows of padding are left out of the sum."""

    def __init__(self):
        super().__init__()
        self.embed = nn.EmbeddingBag(SIZE, 1, mode="sum", padding_idx=PAD - SIZE)

    def forward(self, tokens):
        return self.embed(tokens)


@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_a_bag_of_embeddings_and_a_negative_index():
    model = build(Bag())
    assert (model.prior_draws(3)["embed.weight"][:, PAD] == 0).all()
    mclmc = inference.MCLMC(model, **SHORT, num_samples=40)
    draws = mclmc.fit((TOKENS, Y)).draws["embed.weight"].double()
    assert (draws[:, :, PAD] == 0).all()
    mean, _ = exact(value=0.0)
    assert off_chains(draws[:, :, FREE, 0], mean) < LIMIT
    assert (build(Sum(-1)).prior_draws(3)["embed.weight"][:, SIZE - 1] == VALUE).all()


def test_a_tied_embedding_keeps_the_row_in_both_places():
    network = nn.Module()
    network.embed = nn.Embedding(SIZE, 2, padding_idx=0)
    network.out = nn.Linear(2, SIZE, bias=False)
    network.out.weight = network.embed.weight
    network.forward = lambda tokens: network.out(torch.tanh(network.embed(tokens)))
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(NORMAL), likelihoods.Categorical()
    )
    assert list(model.latents) == ["embed.weight"]
    data = (TOKENS[:, 0], TOKENS[:, 1])
    svi = inference.SVI(model, guides.Flipout(model), num_steps=3, progress=False)
    posterior = svi.fit(data)
    assert (posterior.sample(3)["embed.weight"][:, 0] == 0).all()
    assert (posterior.predict(data[0], num_samples=3).outputs[..., 0] == 0).all()


def test_a_frozen_embedding_keeps_all_rows():
    network = nn.Sequential(Sum(dim=2).requires_grad_(False), nn.Linear(2, 1))
    model = build(network)
    assert model.plan.frozen == ["0.embed.weight"]
    assert sorted(model.latents) == ["1.bias", "1.weight"]


def test_counts_leave_the_row_out():
    model = build(nn.Sequential(Sum(dim=2), nn.Linear(2, 1)))
    summary = model.summary()
    assert (summary.weights, summary.random, summary.frozen) == (13, 11, 2)
    posterior = fit(model, guides.MeanField(model))
    assert "11 parameters at 3 sites" in repr(posterior)
    assert guides.MeanField(model).num_parameters() == 22
    assert "11 random variables" in str(zoo.explain(model, guides.MeanField(model)))


def test_diagnostics_leave_the_row_out():
    mclmc = inference.MCLMC(build(), **SHORT, num_samples=40)
    posterior = mclmc.fit((TOKENS, Y))
    assert diagnostics.convergence(posterior, TOKENS).weights["embed.weight"] < 1.2
    ratios = diagnostics.contraction(posterior, 100).ratios["embed.weight"]
    assert ratios.shape == (4, 1)
    assert (ratios > 0.01).all()
    data = posterior.to_arviz((TOKENS, Y))
    assert data.posterior["embed.weight"].shape == (4, 40, SIZE, 1)


def test_pyros_own_programs_take_the_site():
    model = build()
    with pyro.get_param_store().scope():
        guide = AutoNormal(model)
        svi = PyroSVI(model, guide, pyro.optim.Adam({"lr": 0.02}), Trace_ELBO())
        for _ in range(3):
            svi.step(TOKENS, Y)
        assert (guide()["embed.weight"][PAD] == VALUE).all()


def test_a_file_of_another_row_of_padding_is_refused(tmp_path):
    model = build()
    posterior = fit(model, guides.MeanField(model))
    path = tmp_path / "posterior.safetensors"
    posterior.save(path)

    other = build(Sum(value=0.0))
    with pytest.raises(
        ValueError, match=r"padding in row 2 of norm 1\.5, model .* norm 0\)"
    ):
        zoo.load(path, other, guide=guides.MeanField(other))

    same = build()
    again = zoo.load(path, same, guide=guides.MeanField(same))
    pyro.set_rng_seed(0)
    expected = posterior.sample(2)["embed.weight"]
    pyro.set_rng_seed(0)
    assert torch.equal(again.sample(2)["embed.weight"], expected)


def test_a_network_without_padding_has_ordinary_priors():
    prior = build(networks.MLP(3, 1, hidden=[2])).latents["layer1.weight"]
    assert isinstance(prior, Independent)
