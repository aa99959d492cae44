"""Estimates of the entropy of a mixture of normals: against quadrature, and in the ELBO."""

import math

import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, above, off, one_thread, repeat  # noqa: F401
from pyro import poutine
from pyro.infer import Trace_ELBO, TraceMeanField_ELBO
from torch.distributions import kl_divergence

import guides
import zoo
from guides.mixture_entropy import (
    Bhattacharyya,
    ComponentMean,
    KolchinskyTracey,
    MomentMatched,
    MonteCarlo,
)
from zoo import likelihoods, networks, priors
from zoo.inference.svi.elbo import elbo
from zoo.inference.tempering import Tempering
from zoo.predictive.drawing import draw_sites

EXACT_LIMITS = [Bhattacharyya(), KolchinskyTracey()]
LOWER, UPPER = [Bhattacharyya(), ComponentMean()], [KolchinskyTracey(), MomentMatched()]
NOISE, PRIOR = 0.5, 0.3


def tensor(*rows):
    return torch.tensor(rows, dtype=torch.float64)


MIXTURES = {  # loc and scale, (K, C)
    "1-D, two": (tensor([0.0], [1.5]), tensor([0.5], [0.8])),
    "1-D, three": (tensor([-1.0], [0.2], [2.0]), tensor([0.3], [0.6], [0.5])),
    "2-D, three": (
        tensor([0.0, 0.0], [1.0, -1.0], [0.5, 1.5]),
        tensor([0.4, 0.9], [0.6, 0.5], [0.8, 0.7]),
    ),
}
MIXTURE = pytest.mark.parametrize("name", MIXTURES)


def estimate(entropy, loc, scale):
    return entropy(loc, scale, loc[0])


# Against quadrature


@MIXTURE
def test_lower_bounds_are_below_the_entropy_and_upper_bounds_above(name):
    loc, scale = MIXTURES[name]
    reference = exact.mixture_entropy(loc, scale)
    assert math.isclose(
        reference, exact.mixture_entropy(loc, scale, steps=601), abs_tol=1e-9
    )
    for entropy in LOWER:
        assert estimate(entropy, loc, scale) < reference - 1e-3, entropy
    for entropy in UPPER:
        assert estimate(entropy, loc, scale) > reference + 1e-3, entropy
    for entropy in [*LOWER, *UPPER, MonteCarlo()]:
        assert entropy.bound is (entropy not in UPPER), entropy
    assert estimate(Bhattacharyya(), loc, scale) > estimate(ComponentMean(), loc, scale)


@MIXTURE
def test_minus_the_log_density_of_a_draw_has_the_entropy_as_its_mean(name):
    pyro.set_rng_seed(1)
    loc, scale = MIXTURES[name]
    component = torch.randint(len(loc), (4000,))
    values = loc[component] + scale[component] * torch.randn(4000, loc.shape[1])
    draws, reference = (
        MonteCarlo()(loc, scale, values),
        exact.mixture_entropy(loc, scale),
    )
    assert off(draws, reference) < LIMIT
    assert off(draws, estimate(ComponentMean(), loc, scale)) > LIMIT
    # With densities that are summed and not averaged:
    assert off(draws, reference + math.log(len(loc))) > LIMIT


def test_distances_between_components_equal_their_integrals():
    """Compare with quadrature. Scales instead of variances, and summed densities, are wrong."""
    loc, scale = MIXTURES["1-D, two"]
    z = torch.linspace(-10, 12, 20001, dtype=torch.float64).reshape(-1, 1)
    parts = [
        torch.distributions.Normal(*row)
        for row in zip(loc.flatten(), scale.flatten(), strict=True)
    ]
    overlap = (0.5 * (parts[0].log_prob(z) + parts[1].log_prob(z))).exp().sum() * (
        z[1] - z[0]
    ).item()
    own = torch.stack([part.entropy() for part in parts]).mean()
    lower = own - ((1 + overlap) / 2).log()
    assert math.isclose(estimate(Bhattacharyya(), loc, scale), lower, abs_tol=1e-9)
    logs = [
        ((1 + (-kl_divergence(parts[i], parts[1 - i])).exp()) / 2).log() for i in (0, 1)
    ]
    upper = own - (logs[0] + logs[1]) / 2
    assert math.isclose(estimate(KolchinskyTracey(), loc, scale), upper, abs_tol=1e-9)
    for entropy, right in ((Bhattacharyya(), lower), (KolchinskyTracey(), upper)):
        assert not math.isclose(
            estimate(entropy, loc, scale.sqrt()), right, rel_tol=1e-2
        )
        assert not math.isclose(
            estimate(entropy, loc, scale) - math.log(2), right, rel_tol=1e-2
        )


@pytest.mark.parametrize("num_components", [1, 4])
def test_equal_components_have_the_entropy_of_one(num_components):
    loc, scale = (
        torch.randn(3).double().expand(num_components, 3),
        torch.rand(3).double().expand(num_components, 3),
    )
    single = torch.distributions.Normal(loc[0], scale[0]).entropy().sum()
    for entropy in LOWER + UPPER:
        assert math.isclose(estimate(entropy, loc, scale), single, abs_tol=1e-12), (
            entropy
        )


def test_components_far_apart_add_log_k():
    loc = 100 * torch.arange(4).double().reshape(4, 1).expand(4, 3)
    scale = torch.rand(4, 3).double() + 0.5
    apart = torch.distributions.Normal(loc, scale).entropy().sum(-1).mean() + math.log(
        4
    )
    for entropy in (*EXACT_LIMITS, ComponentMean()):
        short = math.log(4) if isinstance(entropy, ComponentMean) else 0.0
        assert math.isclose(
            estimate(entropy, loc, scale), apart - short, abs_tol=1e-9
        ), entropy
    assert estimate(MomentMatched(), loc, scale) > apart + 5  # grows without limit
    single = dist.Normal(0 * loc[0], 1.0).expand([3])
    values = (
        loc + scale * single.sample((4000, 1)).double()
    )  # (S, K, C), S of each component
    assert off(MonteCarlo()(loc, scale, values).mean(-1), apart) < LIMIT


# In the ELBO


def linear_model(num_inputs=2, noise=NOISE, num_data=20, seed=0):
    """Return a model of the nodes of a linear layer: features x_j w_j, a known bias."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = networks.MLP(num_inputs, 1, hidden=[]).double()
        torch.nn.init.constant_(network.layer1.weight, 0.8)
        x = (
            torch.randn(num_data, num_inputs).double()
            + 2 * torch.randn(num_data, 1).double()
        )
        y = network(x).detach() + noise * torch.randn(num_data, 1).double()
    model = zoo.BayesianNetwork(
        network,
        priors.NodePrior(dist.Normal(1.0, PRIOR), weights=priors.Frozen()),
        likelihoods.Gaussian(noise),
    )
    weight, bias = (
        network.state_dict()[f"layer1.{name}"].flatten() for name in ("weight", "bias")
    )
    features, targets = x * weight, y.squeeze(-1) - bias
    return (
        model,
        (x, y),
        (features, targets),
        exact.linear_posterior(features, targets, noise, PRIOR, 1.0),
    )


def placed(guide, loc, scale):
    with torch.no_grad():
        guide.loc["layer1.nodes_in"].copy_(loc)
        guide.rho["layer1.nodes_in"].copy_(scale.expm1().log().expand_as(loc))
    return guide


NODES_LOC = tensor([0.95, 1.05], [1.05, 0.95], [1.0, 1.05])
NODES_SCALE = tensor([0.02, 0.05], [0.04, 0.03], [0.05, 0.05])


@pytest.mark.parametrize(
    "entropy", [MonteCarlo(), Bhattacharyya(), MomentMatched()], ids=repr
)
def test_every_elbo_contains_the_estimate_once(entropy):
    """The ELBO of zoo and two of Pyro: 4.5 standard errors of 200 draws, false alarm 7e-6 each."""
    pyro.set_rng_seed(2)
    model, data, linear, _ = linear_model()
    guide = placed(
        guides.NodeMixture(model, num_components=3, entropy=entropy),
        NODES_LOC,
        NODES_SCALE,
    )
    parts = [
        exact.expected_log_likelihood(
            *linear, NOISE, loc, torch.diag(scale.square())
        ).sum()
        - exact.normal_divergence(loc, scale, 1.0, PRIOR)
        for loc, scale in zip(NODES_LOC, NODES_SCALE, strict=True)
    ]
    reference = exact.mixture_entropy(NODES_LOC, NODES_SCALE)
    stated = (
        reference
        if isinstance(entropy, MonteCarlo)
        else estimate(entropy, NODES_LOC, NODES_SCALE)
    )
    others = estimate(ComponentMean(), NODES_LOC, NODES_SCALE)
    expected = torch.stack(parts).mean() - others + stated
    losses = [
        lambda make=make: -torch.tensor(make().loss(model, guide, *data))
        for make in (Trace_ELBO, TraceMeanField_ELBO)
    ]
    with torch.no_grad():
        found = [repeat(lambda: elbo(model, guide, *data), 200, traced=True)]
        found += [repeat(loss, 200) for loss in losses]
        for draws in found:
            assert off(draws, expected) < LIMIT
            assert off(draws, expected - 2 * stated) > LIMIT  # the wrong sign
    assert guide.bound is entropy.bound


def test_lower_bounds_keep_the_bound_and_upper_bounds_pass_the_log_evidence():
    """Put components along the long axis of a correlated posterior.

    The mixture is close to the posterior. So the ELBO with an upper bound of the entropy
    is above the log evidence. Differences of entropies are exact.
    """
    pyro.set_rng_seed(3)
    model, data, _, posterior = linear_model()
    values, axes = torch.linalg.eigh(posterior.covariance)
    steps = torch.linspace(-1.5, 1.5, 8, dtype=torch.float64).reshape(-1, 1)
    loc, scale = (
        posterior.mean + steps * values[-1].sqrt() * axes[:, -1],
        values[0].sqrt().expand(8, 2),
    )
    reference = exact.mixture_entropy(loc, scale)
    guide = placed(guides.NodeMixture(model, num_components=8), loc, scale)
    draws = repeat(lambda: elbo(model, guide, *data), 600, traced=True)
    assert above(draws, posterior.log_evidence) < LIMIT
    for entropy in LOWER:
        assert (
            above(
                draws + estimate(entropy, loc, scale) - reference,
                posterior.log_evidence,
            )
            < LIMIT
        )
    for entropy in UPPER:
        assert (
            above(
                draws + estimate(entropy, loc, scale) - reference,
                posterior.log_evidence,
            )
            > LIMIT
        ), entropy


# The entropic weight

GAMMA = 3.0


@pytest.mark.parametrize("num_components", [1, 3])
def test_an_entropic_weight_is_a_hot_posterior(num_components):
    """For each draw, L_γ is (1 + γ) times the bound for the joint density at temperature 1 + γ."""
    model, data, _, _ = linear_model()
    values = []
    for weight, temperature in (
        (GAMMA, 1.0),
        (0.0, 1 + GAMMA),
        (0.0, (1 + GAMMA) ** 0.5),
    ):
        pyro.set_rng_seed(4)
        guide = guides.NodeMixture(
            model, num_components=num_components, entropic_weight=weight
        )
        values.append(
            elbo(model, guide, *data, tempering=Tempering(temperature)).item()
        )
    assert math.isclose(values[0], (1 + GAMMA) * values[1], rel_tol=1e-9)
    assert not math.isclose(values[0], (1 + GAMMA) * values[2], rel_tol=1e-2)


def test_the_optimum_under_an_entropic_weight_is_wider_by_the_root_of_the_temperature():
    """The mean gradient is zero at mean m and scale √((1 + γ) / Λ_ii), and not elsewhere."""
    pyro.set_rng_seed(5)
    model, data, _, posterior = linear_model()
    guide = guides.NodeMixture(model, num_components=1, entropic_weight=GAMMA)
    assert not guide.bound

    def gradients(scale):
        placed(guide, posterior.mean, scale)

        def gradient():
            return torch.cat(
                [
                    g.flatten()
                    for g in torch.autograd.grad(
                        elbo(model, guide, *data), [*guide.parameters()]
                    )
                ]
            )

        return repeat(gradient, 150, traced=True)

    cold = posterior.precision.diagonal().rsqrt()
    assert off(gradients(cold * (1 + GAMMA) ** 0.5), 0.0) < LIMIT
    for wrong in (cold, cold * (1 + GAMMA)):
        assert off(gradients(wrong), 0.0) > LIMIT


# Densities and draws


def test_the_density_is_that_of_the_mixture_for_every_estimate_of_the_entropy():
    model, _, _, _ = linear_model()
    values = {"layer1.nodes_in": 1.0 + 0.05 * torch.randn(5, 2).double()}
    parts = (
        torch.distributions.Normal(NODES_LOC, NODES_SCALE)
        .log_prob(values["layer1.nodes_in"].unsqueeze(1))
        .sum(-1)
    )
    for entropy in (MonteCarlo(), MomentMatched()):
        guide = guides.NodeMixture(
            model, num_components=3, entropy=entropy, entropic_weight=1.0
        )
        density = placed(guide, NODES_LOC, NODES_SCALE).log_prob(values)
        assert torch.allclose(density, parts.exp().mean(-1).log())
        assert not torch.allclose(density, parts.mean(-1))


def test_layers_share_a_component_and_marginals_are_independent():
    network = networks.MLP(1, 1, hidden=[1]).double()
    model = zoo.BayesianNetwork(
        network, priors.NodePrior(dist.Normal(1.0, 0.3)), likelihoods.Gaussian(0.5)
    )
    guide = guides.NodeMixture(model, num_components=2, init_scale=0.1)
    with torch.no_grad():
        for name in guide.nodes:
            guide.loc[name].copy_(tensor([-1.0], [1.0]))
    draws = draw_sites(guide, 500, {name: torch.Size([1]) for name in guide.nodes})
    first, second = (draws[name].squeeze(-1) for name in guide.nodes)
    assert (first.sign() == second.sign()).all()
    marginals = guide.distributions()
    apart = {name: marginals[name].sample((500,)) for name in guide.nodes}
    assert (apart["layer1.nodes_in"].sign() != apart["layer2.nodes_in"].sign()).any()
    joint = guide.log_prob(draws) - sum(
        marginals[name].log_prob(draws[name]) for name in guide.nodes
    )
    # The mutual information of the two layers is log 2.
    assert torch.allclose(joint, torch.tensor(2.0).double().log(), atol=1e-6)
    with torch.no_grad():
        guide.loc["layer1.nodes_in"].add_(5.0)
    assert marginals["layer1.nodes_in"].mean.abs() < 1e-9


@pytest.mark.parametrize("entropy", [MonteCarlo(), Bhattacharyya()], ids=repr)
def test_draws_in_a_plate_have_an_entropy_each(entropy):
    model, _, _, _ = linear_model()
    guide = guides.NodeMixture(model, num_components=3, entropy=entropy)
    with pyro.plate("draws", 7, dim=-1):
        site = poutine.trace(guide).get_trace().nodes["nodes:joint"]
    assert site["fn"].log_prob(site["value"]).shape == (7,)
    assert site["fn"].log_prob(site["value"]).unique().numel() == (
        7 if isinstance(entropy, MonteCarlo) else 1
    )


# What is refused


def test_a_negative_entropic_weight_is_refused():
    model, _, _, _ = linear_model()
    with pytest.raises(
        ValueError,
        match=r"entropic_weight must be 0 or positive, not -0\.5",
    ):
        guides.NodeMixture(model, entropic_weight=-0.5)


def test_nodes_that_are_no_vectors_are_refused():
    model = zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[]),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Gaussian(0.5),
    )
    with pytest.raises(
        ValueError,
        match=r"nodes must be vectors.* their shapes are \{'layer1.weight': \(1, 2\)\}",
    ):
        guides.NodeMixture(model, nodes=["layer1.weight"])
