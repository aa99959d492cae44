"""Priors of random scale: their log joint, and the posterior of a scale by quadrature."""

import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, above, off_chains, one_thread, repeat  # noqa: F401
from pyro import poutine
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.running.initialisation import optimise_positions
from zoo.inference.svi.elbo import elbo
from zoo.runtime.param_scope import ScopedGuide

NOISE = 0.5
X = torch.randn(12, 3, generator=torch.Generator().manual_seed(1))
Y = X @ torch.tensor([[4.0], [-3.0], [2.0]]) + NOISE * torch.randn(
    12, 1, generator=torch.Generator().manual_seed(2)
)


def normal(value, scale):
    return torch.distributions.Normal(0.0, scale).log_prob(value).sum()


def half_cauchy(value, scale=1.0):
    return torch.distributions.HalfCauchy(scale).log_prob(value).sum()


def regression(rule=priors.Hierarchical(dist.HalfNormal(1.0))):  # noqa: B008
    network = nn.Linear(3, 1, bias=False)
    return zoo.BayesianNetwork(
        network, priors.WeightPrior(rule), likelihoods.Gaussian(NOISE)
    )


def truth(log_prior):
    scales = torch.linspace(0.002, 8.0, 4000, dtype=torch.float64)
    return exact.scale_posterior(
        X.double(), Y.double().squeeze(-1), NOISE, scales, log_prior(scales)
    )


def half_normal(scales):
    return torch.distributions.HalfNormal(torch.tensor(1.0).double()).log_prob(scales)


def half_normal_on_the_variance(scales):
    return half_normal(scales.square()) + (2 * scales).log()


def log_joint(model, values, x, y):
    with pyro.get_param_store().scope():
        return (
            poutine.trace(poutine.condition(model, data=values))
            .get_trace(x, y)
            .log_prob_sum()
        )


def draw(model):
    trace = poutine.trace(model).get_trace()
    return {
        name: site["value"] for name, site in trace.nodes.items() if "value" in site
    }


def latents(model):
    values = draw(model)
    return {name: values[name] for name in model.latents}


def test_the_log_joint_with_a_scale_for_each_input():
    rule = priors.Hierarchical(dist.HalfCauchy(0.7), by="input")
    model = zoo.BayesianNetwork(
        networks.MLP(3, 1, hidden=[4]),
        priors.WeightPrior(rule),
        likelihoods.Gaussian(NOISE),
    )
    z = latents(model)
    expected = 0.0
    for layer, inputs in (("layer1", 3), ("layer2", 4)):
        scale = z[f"prior:{layer}.weight.scale"]
        bias_scale = z[f"prior:{layer}.bias.scale"]
        assert scale.shape == (inputs,)
        assert bias_scale.shape == ()
        expected += half_cauchy(scale, 0.7) + half_cauchy(bias_scale, 0.7)
        columns = [normal(z[f"{layer}.weight"][:, j], scale[j]) for j in range(inputs)]
        expected += sum(columns) + normal(z[f"{layer}.bias"], bias_scale)
    hidden = (X @ z["layer1.weight"].T + z["layer1.bias"]).tanh()
    expected += normal(Y - hidden @ z["layer2.weight"].T - z["layer2.bias"], NOISE)
    assert torch.allclose(log_joint(model, z, X, Y), expected, rtol=1e-4)
    one_scale = z["prior:layer2.weight.scale"][0]
    with_one_scale = normal(z["layer2.weight"], one_scale)
    assert not torch.allclose(with_one_scale, sum(columns), rtol=1e-4)


def test_a_scale_for_each_channel_of_a_convolution():
    rule = priors.by_name(
        {"0.weight": priors.Hierarchical(dist.HalfNormal(1.0), by="input")},
        priors.Frozen(),
    )
    model = zoo.BayesianNetwork(
        nn.Sequential(nn.Conv2d(2, 3, 3)),
        priors.WeightPrior(rule),
        likelihoods.Gaussian(1.0),
    )
    z = latents(model)
    scale = z["prior:0.weight.scale"]
    expected = torch.distributions.HalfNormal(1.0).log_prob(scale).sum()
    expected += normal(z["0.weight"][:, 0], scale[0]) + normal(
        z["0.weight"][:, 1], scale[1]
    )
    with pyro.get_param_store().scope():
        found = (
            poutine.trace(poutine.condition(model, data=z)).get_trace().log_prob_sum()
        )
    assert torch.allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("by", ["weight", "input", "layer"])
def test_the_log_joint_of_the_regularised_horseshoe(by):
    model = regression(
        priors.RegularisedHorseshoe(0.3, slab_scale=1.5, slab_df=5.0, by=by)
    )
    z = latents(model)
    for name in ("tau", "lambda"):
        z[f"prior:weight.{name}"] += 1.0  # so that the slab has an effect
    tau, local, slab = (z[f"prior:weight.{name}"] for name in ("tau", "lambda", "slab"))
    assert local.shape == {"weight": (1, 3), "input": (3,), "layer": ()}[by]
    scale = (slab * tau**2 * local**2 / (slab + tau**2 * local**2)).sqrt()
    # c² has an inverse gamma prior: 1 / c² has a gamma prior.
    precision = torch.distributions.Gamma(2.5, 2.5 * 1.5**2)
    gamma = precision.log_prob(1 / slab) - 2 * slab.log()
    expected = (
        half_cauchy(tau, 0.3) + half_cauchy(local) + gamma + normal(z["weight"], scale)
    )
    expected += normal(Y - X @ z["weight"].T, NOISE)
    assert torch.allclose(log_joint(model, z, X, Y), expected, rtol=1e-4)
    without_slab = normal(z["weight"], tau * local)
    assert not torch.allclose(normal(z["weight"], scale), without_slab, rtol=1e-4)


def test_nuts_finds_the_posterior_of_the_scale():
    engine = inference.NUTS(
        regression().double(),
        num_chains=10,
        warmup_steps=50,
        num_samples=30,
        compile=False,
        progress=False,
    )
    posterior = engine.fit((X.double(), Y.double()))
    scale = posterior.draws["prior:weight.scale"].double()
    moments = torch.stack([scale, scale.square()], -1)
    right, wrong = truth(half_normal), truth(half_normal_on_the_variance)
    assert off_chains(moments, torch.stack([right.mean(), right.mean(2)])) < LIMIT
    assert off_chains(moments, torch.stack([wrong.mean(), wrong.mean(2)])) > 2 * LIMIT


def test_mean_field_is_near_it_and_its_elbo_is_below_the_evidence():
    model = regression().double()
    guide = guides.MeanField(model)
    data = X.double(), Y.double()
    posterior = inference.SVI(model, guide, num_steps=400, lr=0.05, progress=False).fit(
        data
    )
    found = posterior.sample(2000)["prior:weight.scale"].mean()
    right = truth(half_normal)
    # The normal distributions of the guide are too narrow.
    assert abs(found - right.mean()) < 0.2 * right.mean()
    scoped = ScopedGuide(guide)
    bound = repeat(lambda: elbo(model, scoped, *data), 200, traced=True)
    assert above(bound, right.log_evidence) < LIMIT
    assert bound.mean() > right.log_evidence - 1.0
    # An error of two nats would be found.
    assert above(bound, right.log_evidence - 2.0) > LIMIT


def test_pyros_own_bounds_take_a_prior_of_random_scale():
    model = regression(priors.Hierarchical(dist.HalfNormal(1.0), by="input"))
    guide = guides.MeanField(model)
    for estimate in (pyro.infer.Trace_ELBO(), pyro.infer.TraceMeanField_ELBO()):
        pyro.set_rng_seed(2)
        theirs = estimate.differentiable_loss(model, guide, X, Y)
        pyro.set_rng_seed(2)
        ours = -elbo(model, guide, X, Y)
        # Divergences in closed form differ from those of the draw.
        assert torch.allclose(theirs, ours, rtol=0.2)
    assert torch.allclose(theirs, ours, rtol=1e-5)


def test_a_chain_starts_with_its_scales_where_the_prior_drew_them():
    """The joint density has no maximum: it grows without bound as weights and scale go to 0."""
    energy = Potential(
        regression(priors.Hierarchical(dist.HalfCauchy(1.0), by="weight")), X, Y
    )
    with energy.program.running():
        drawn = energy.prior_draws(2)
        (before, _), (after, _) = (
            energy.unpack(drawn),
            energy.unpack(optimise_positions(energy, energy.gradient, drawn, 50)),
        )
    assert torch.equal(before["prior:weight.scale"], after["prior:weight.scale"])
    assert not torch.allclose(before["weight"], after["weight"])


def test_nodes_of_random_scale():
    rule = priors.Hierarchical(dist.HalfNormal(0.5), loc=1.0)
    prior = priors.NodePrior(rule, weights=priors.Frozen())
    model = zoo.BayesianNetwork(
        networks.MLP(3, 1, hidden=[4]), prior, likelihoods.Gaussian(NOISE)
    )
    assert list(model.latents) == [
        "prior:layer1.nodes_in.scale",
        "layer1.nodes_in",
        "prior:layer2.nodes_in.scale",
        "layer2.nodes_in",
    ]
    assert model.summary().random == 3 + 4 + 2
    posterior = inference.SVI(
        model, guides.NodeMixture(model), num_steps=3, progress=False
    ).fit((X, Y))
    assert torch.isfinite(posterior.info.losses).all()


def test_a_prior_of_random_scale_has_a_repr():
    rule = priors.Hierarchical(dist.HalfCauchy(2.0), by="input")
    assert repr(rule) == "Hierarchical(HalfCauchy(2), by='input')"
    with_loc = priors.Hierarchical(dist.Gamma(2.0, 4.0), loc=1.0)
    assert repr(with_loc) == "Hierarchical(Gamma(2, 4), by='layer', loc=1)"
    model = regression(rule)
    assert "Hierarchical(HalfCauchy(2), by='input')" in str(model.summary())
    assert "Hierarchical(HalfCauchy(2), by='input')" in str(
        zoo.explain(model, guides.MeanField(model))
    )


def test_wrong_scales_are_refused():
    with pytest.raises(
        TypeError,
        match=r"scale must be a distribution, such as dist.HalfCauchy\(2.0\), not 2.0",
    ):
        priors.Hierarchical(2.0)
    with pytest.raises(
        ValueError, match=r"Normal\(0, 1\) has negative values; use dist.HalfNormal"
    ):
        priors.Hierarchical(dist.Normal(0.0, 1.0))
    with pytest.raises(
        ValueError,
        match="by must be 'layer', 'input' or 'weight', not 'unit'",
    ):
        priors.Hierarchical(dist.HalfCauchy(1.0), by="unit")
    with pytest.raises(ValueError, match="slab_df must be positive, not 0"):
        priors.RegularisedHorseshoe(slab_df=0)
