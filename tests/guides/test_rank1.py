"""Rank-1 networks: the weight of a layer, initial values, and the mean divergence."""

import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, off, one_thread, repeat  # noqa: F401
from pyro import poutine

import guides
import zoo
from zoo import likelihoods, networks, priors
from zoo.inference.svi.elbo import elbo, expected_log_joint_and_entropy

K, PRIOR = 3, 0.1


def model_with(where="both", hidden=(4,), seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = networks.MLP(3, 2, hidden=list(hidden)).double()
    prior = priors.NodePrior(
        dist.Normal(1.0, PRIOR), where=where, weights=priors.Frozen()
    )
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.5))


def test_a_layer_sees_its_weight_times_a_matrix_of_rank_one():
    pyro.set_rng_seed(1)
    model = model_with(hidden=())
    x = torch.randn(5, 3).double()
    z = {name: value.clone() for name, value in guides.Rank1(model)().items()}
    output = model.output({**model.network.state_dict(), **z}, x)
    weight, bias = model.network.layer1.weight, model.network.layer1.bias
    outer = z["layer1.nodes_out"].outer(z["layer1.nodes_in"])
    assert torch.allclose(output, x @ (weight * outer).T + bias)
    assert not torch.allclose(output, x @ weight.T + bias)


def test_members_start_at_random_signs():
    pyro.set_rng_seed(2)
    model = model_with(hidden=(50,))
    means = {
        share: guides.Rank1(model, num_components=8, random_sign_init=share).loc
        for share in (0.0, 0.5, 0.75, 1.0)
    }
    for share, loc in means.items():
        signs = torch.cat(
            [loc[name].flatten() for name in model.latents]
        )  # 840 of them
        assert (signs.abs() == 1).all()
        assert (
            abs((signs == 1).double().mean() - share)
            <= LIMIT * (share * (1 - share) / len(signs)) ** 0.5
        )
    both = (
        guides.Rank1(model, num_components=8, init_spread=0.2)
        .loc["layer2.nodes_in"]
        .abs()
    )
    assert 0.1 < both.std() < 0.3
    assert (
        guides.Rank1(model, num_components=1).loc["layer2.nodes_in"].unique().numel()
        == 2
    )


def test_the_divergence_is_the_mean_of_the_components():
    """Random signs separate the components, so the divergence of the mixture is log K less."""
    pyro.set_rng_seed(3)
    model = model_with()
    guide = guides.Rank1(model, num_components=K, init_scale=0.05)
    assert guide.bound
    x, y = torch.randn(6, 3).double(), torch.randn(6, 2).double()

    def divergence(estimate):
        def draw():
            trace = poutine.trace(guide).get_trace()
            replayed = poutine.trace(poutine.replay(model, trace=trace)).get_trace(x, y)
            whole = expected_log_joint_and_entropy(replayed, trace)
            site = replayed.nodes["likelihood:y"]
            return site["fn"].log_prob(site["value"]).sum() - whole

        return repeat(draw, estimate, traced=True)

    loc = torch.cat([guide.loc[name] for name in guide.nodes], -1).detach()
    scale = torch.cat([guide.scale(name) for name in guide.nodes], -1).detach()
    parts = torch.stack(
        [
            exact.normal_divergence(*part, 1.0, PRIOR)
            for part in zip(loc, scale, strict=True)
        ]
    )
    own = divergence(3)
    assert torch.allclose(own, parts.mean().expand(3))
    for wrong in (parts.sum(), exact.apart_mixture_divergence(loc, scale, 1.0, PRIOR)):
        assert not torch.allclose(own, wrong.expand(3))


def test_it_is_a_node_mixture_with_other_initial_values():
    model, x, y = model_with(), torch.randn(6, 3).double(), torch.randn(6, 2).double()
    rank1 = guides.Rank1(model, num_components=K)
    mixture = guides.NodeMixture(
        model, num_components=K, entropy=guides.mixture_entropy.ComponentMean()
    )
    mixture.load_state_dict(rank1.state_dict())
    values = []
    for guide in (rank1, mixture):
        pyro.set_rng_seed(4)
        values.append(elbo(model, guide, x, y))
    assert values[0] == values[1]
    unbiased = guides.NodeMixture(model, num_components=K)
    unbiased.load_state_dict(rank1.state_dict())
    gains = []
    for seed in range(100):
        values = []
        for guide in (unbiased, rank1):
            pyro.set_rng_seed(seed)
            values.append(elbo(model, guide, x, y).detach())
        gains.append(values[0] - values[1])
    gained = torch.tensor(float(K)).log()  # the components do not overlap
    assert off(torch.stack(gains), gained) < LIMIT
    assert off(torch.stack(gains), 3 * gained) > LIMIT


@pytest.mark.parametrize(("where", "side"), [("in", "in"), ("out", "out")])
def test_nodes_on_one_side_are_refused(where, side):
    with pytest.raises(
        ValueError,
        match=rf"inputs and the outputs of a layer, .* are all at the {side}puts; use .*both",
    ):
        guides.Rank1(model_with(where))


def test_a_probability_outside_zero_and_one_is_refused():
    with pytest.raises(
        ValueError,
        match=r"random_sign_init must be a probability, from 0 to 1, not -0\.5",
    ):
        guides.Rank1(model_with(), random_sign_init=-0.5)
