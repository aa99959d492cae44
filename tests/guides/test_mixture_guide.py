"""Mixtures of guides: one component, two modes, and ensembles of point estimates."""

import math
from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, above, apart, off, one_thread, repeat  # noqa: F401
from pyro import poutine
from pyro.infer import Trace_ELBO, TraceMeanField_ELBO
from pyro.infer.autoguide import AutoNormal
from torch.fx.experimental.proxy_tensor import make_fx

import guides
import zoo
from guides._lazy.lazy import Lazy
from zoo import inference, likelihoods, networks, priors
from zoo.inference.svi.elbo import elbo, expected_log_joint_and_entropy
from zoo.predictive.drawing import draw_sites


def regression(prior=None, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = networks.MLP(2, 1, hidden=[5]).double()
        x = torch.randn(8, 2).double()
    prior = prior or priors.WeightPrior(dist.Normal(0.0, 1.0))
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.5)), (
        x,
        x[:, :1].sin(),
    )


# One component


@pytest.mark.parametrize(
    "make", [guides.MeanField, guides.LocalReparam], ids=lambda make: make.__name__
)
def test_one_component_is_the_guide_itself(make):
    pyro.set_rng_seed(1)
    model, data = regression()
    make = partial(make, init_scale=0.1)
    guide, mixture = make(model), guides.Mixture(model, make, num_components=1)
    for name in model.latents:
        assert torch.equal(mixture.components[0].loc[name], guide.loc[name])
    shapes = {
        name: distribution.shape() for name, distribution in model.latents.items()
    }
    values = draw_sites(guide, 4, shapes)
    assert torch.allclose(mixture.log_prob(values), guide.log_prob(values))
    own, its = (
        repeat(lambda each=each: elbo(model, each, *data), 250, traced=True)
        for each in (guide, mixture)
    )
    assert apart(own, its) < LIMIT
    # Without the entropy:
    assert apart(own + guide.log_prob(values).mean().item(), its) > LIMIT
    moments = [
        draw_sites(each, 250, shapes)["layer1.bias"] for each in (guide, mixture)
    ]
    assert apart(*moments) < LIMIT
    assert (
        apart(
            *((draws - guide.loc["layer1.bias"].detach()).square() for draws in moments)
        )
        < LIMIT
    )


# Two modes

MODES, WIDTH = torch.tensor([-3.0, 3.0], dtype=torch.float64), 0.5


def two_modes(*args):
    """A mixture of two distant normals times e: the log evidence is 1."""
    distribution = dist.MixtureSameFamily(
        dist.Categorical(logits=torch.zeros(2).double()),
        dist.Normal(MODES, torch.full_like(MODES, WIDTH)),
    )
    value = pyro.sample("z", distribution, infer={"init": torch.tensor(0.5).double()})
    pyro.factor("evidence", torch.ones_like(value))
    return value


LOG_EVIDENCE = 1.0


def at_the_modes(guide):
    components = guide.components if isinstance(guide, guides.Mixture) else [guide]
    with torch.no_grad():
        for component, mode in zip(components, MODES, strict=False):
            component.loc["z"].copy_(mode)
            component.rho["z"].copy_(torch.tensor(WIDTH).double().expm1().log())
    return guide


def test_two_components_reach_the_log_evidence_of_two_modes_and_one_is_log_two_short():
    pyro.set_rng_seed(2)
    with pyro.validation_enabled(False):
        both = at_the_modes(guides.Mixture(two_modes, num_components=2))
        one = at_the_modes(guides.MeanField(two_modes))
        draws = repeat(lambda: elbo(two_modes, both), 300, traced=True)
        assert torch.allclose(draws, torch.tensor(LOG_EVIDENCE).double(), atol=1e-6)
        assert (
            off(
                repeat(lambda: elbo(two_modes, one), 300, traced=True),
                LOG_EVIDENCE - math.log(2),
            )
            < LIMIT
        )
        # The mean divergence of the components is not the divergence of the mixture.
        averaged = draws - math.log(2)
        assert off(averaged, LOG_EVIDENCE) > LIMIT
        assert both.bound
        for make in (Trace_ELBO, TraceMeanField_ELBO):
            losses = repeat(
                lambda make=make: torch.tensor(make().loss(two_modes, both)), 20
            )
            assert torch.allclose(
                -losses, torch.tensor(LOG_EVIDENCE).double(), atol=1e-6
            )


def test_a_fit_finds_both_modes_from_two_initial_values():
    pyro.set_rng_seed(3)
    mixture = guides.Mixture(two_modes, num_components=2, inits=inits_from([-0.5, 0.5]))
    optimiser = torch.optim.Adam(mixture.parameters(), lr=0.1)
    for _ in range(150):
        optimiser.zero_grad()
        (-elbo(two_modes, mixture)).backward()
        optimiser.step()
    found = torch.stack(
        [component.loc["z"].detach() for component in mixture.components]
    )
    assert (found - MODES).abs().max() < 0.3
    draws = repeat(lambda: elbo(two_modes, mixture), 200, traced=True)
    assert above(draws, LOG_EVIDENCE) < LIMIT
    assert draws.mean() > LOG_EVIDENCE - 0.3


def inits_from(values):
    rest = iter(values)
    return lambda: {"z": torch.tensor(next(rest))}


# Gradients and noise


def test_lazily_sampled_weights_keep_their_noise_for_each_example():
    """The density of the draw is computed after the outputs of the layers."""
    pyro.set_rng_seed(4)
    model, _ = regression()
    mixture = guides.Mixture(
        model, partial(guides.LocalReparam, init_scale=0.5), num_components=2
    )
    trace = poutine.trace(mixture).get_trace()
    assert all(isinstance(trace.nodes[name]["value"], Lazy) for name in model.latents)
    replayed = poutine.trace(poutine.replay(model, trace=trace)).get_trace(
        torch.ones(5, 2).double()
    )
    # Equal inputs have unequal outputs.
    assert replayed.nodes["likelihood:y"]["fn"].base_dist.loc.unique().numel() == 5
    ordinary = guides.Mixture(
        model, partial(guides.MeanField, init_scale=0.5), num_components=2
    )
    shared = poutine.trace(
        poutine.replay(model, trace=poutine.trace(ordinary).get_trace())
    )
    assert (
        shared.get_trace(torch.ones(5, 2).double())
        .nodes["likelihood:y"]["fn"]
        .base_dist.loc.unique()
        .numel()
        == 1
    )


def test_a_step_moves_every_component_of_a_mixture_and_one_of_an_ensemble():
    pyro.set_rng_seed(5)
    model, data = regression()
    for make, touched in ((guides.MeanField, 3), (guides.Delta, 1)):
        mixture = guides.Mixture(model, make, num_components=3)
        elbo(model, mixture, *data).backward()
        moved = [
            component.loc["layer1.weight"].grad.abs().sum() > 0
            for component in mixture.components
        ]
        assert sum(map(bool, moved)) == touched
    assert mixture.num_parameters() == 3 * guides.Delta(model).num_parameters()


def test_a_mixture_learns_under_stock_pyro():
    pyro.set_rng_seed(6)
    model, data = regression()
    mixture = guides.Mixture(model, num_components=2, init_spread=0.01)
    before = {
        name: value.detach().clone() for name, value in mixture.named_parameters()
    }
    engine = pyro.infer.SVI(model, mixture, pyro.optim.Adam({"lr": 0.01}), Trace_ELBO())
    with pyro.get_param_store().scope():
        engine.step(*data)
        assert not list(pyro.get_param_store().keys())
    assert all(
        not torch.equal(value, before[name])
        for name, value in mixture.named_parameters()
    )


# Ensembles


@pytest.fixture(scope="module")
def ensemble():
    pyro.set_rng_seed(7)
    model, data = regression()
    guide = guides.Mixture(
        model,
        guides.Delta,
        num_components=3,
        inits=lambda: dict(networks.MLP(2, 1, hidden=[5]).named_parameters()),
    )
    return (
        model,
        data,
        inference.SVI(model, guide, num_steps=60, lr=0.02, progress=False).fit(data),
    )


def test_an_ensemble_has_members_that_differ_and_declares_no_bound(ensemble):
    model, _, posterior = ensemble
    guide = posterior.guide
    members = torch.stack(
        [component.loc["layer1.weight"].detach() for component in guide.components]
    )
    assert torch.pdist(members.flatten(1)).min() > 0.1
    assert not guide.bound
    assert not guide.has_density
    for ask in (guide.distributions, lambda: guide.log_prob({})):
        with pytest.raises(
            ValueError, match=r"Mixture has no density over layer1\.weight"
        ):
            ask()
    assert guides.Mixture(model, num_components=2).bound


def test_an_ensembles_prediction_is_the_average_of_its_members(ensemble):
    pyro.set_rng_seed(8)
    model, (x, y), posterior = ensemble
    guide = posterior.guide
    # members: (K, N, 1)
    members = torch.stack(
        [
            model.output(
                {
                    **posterior.state,
                    **{n: component.loc[n].detach() for n in model.latents},
                },
                x,
            )
            for component in guide.components
        ]
    )
    outputs = posterior.predict(x, num_samples=600).outputs
    nearest = (outputs.unsqueeze(1) - members).flatten(2).abs().max(-1).values.min(-1)
    assert nearest.values.max() < 1e-9  # every draw is a member
    share = nearest.indices.bincount(minlength=3) / 600
    assert (share - 1 / 3).abs().max() < LIMIT * (2 / 9 / 600) ** 0.5
    assert off(outputs, members.mean(0)) < LIMIT
    assert off(outputs, members[0]) > LIMIT
    # The ELBO is the log joint of the drawn member, without an entropy and without log K.
    values = repeat(lambda: elbo(model, guide, x, y), 60, traced=True)
    joints = []
    for component in guide.components:
        trace = poutine.trace(
            poutine.condition(
                model, data={n: component.loc[n].detach() for n in model.latents}
            )
        )
        joints.append(trace.get_trace(x, y).log_prob_sum())
    assert (
        (values.unsqueeze(1) - torch.stack(joints)).abs().min(1).values < 1e-9
    ).all()


def test_an_ensemble_of_dropout_keeps_the_components_divergence():
    """E[-log p(W)] is in closed form: the divergence depends on the member only."""
    pyro.set_rng_seed(9)
    model, data = regression()
    guide = guides.Mixture(
        model, partial(guides.MCDropout, p=0.3), num_components=2, init_spread=0.5
    )
    assert not guide.bound
    divergences = set()
    for _ in range(20):
        q = poutine.trace(guide).get_trace()
        p = poutine.trace(poutine.replay(model, trace=q)).get_trace(*data)
        whole = expected_log_joint_and_entropy(p, q)
        divergences.add(round((whole - likelihood(p)).item(), 8))
    assert len(divergences) == 2


def likelihood(trace):
    site = trace.nodes["likelihood:y"]
    return site["fn"].log_prob(site["value"]).sum()


# Initial values


def test_init_spread_is_the_standard_deviation_of_initial_values_in_unconstrained_space():
    def program():
        pyro.sample(
            "w",
            dist.Normal(torch.zeros(40), 1.0).to_event(1),
            infer={"init": torch.full((40,), 2.0)},
        )
        pyro.sample(
            "s",
            dist.LogNormal(torch.zeros(40), 1.0).to_event(1),
            infer={"init": torch.full((40,), 3.0)},
        )

    pyro.set_rng_seed(10)
    mixture = guides.Mixture(program, num_components=20, init_spread=0.4)
    for name, centre in (("w", 2.0), ("s", math.log(3.0))):
        inits = torch.cat(
            [component.loc[name].detach() for component in mixture.components]
        ).double()
        assert off(inits, centre) < LIMIT
        assert off((inits - centre).square(), 0.16) < LIMIT
        assert off((inits - centre).square(), 0.4) > LIMIT  # a variance for a scale
    assert torch.equal(mixture.sites["w"].init, torch.full((40,), 2.0))


def test_components_begin_at_draws_of_the_prior():
    pyro.set_rng_seed(0)
    model, _ = regression(priors.WeightPrior(dist.Normal(1.0, 2.0)))
    mixture = guides.Mixture(model, guides.Delta, num_components=60, inits="prior")
    starts = torch.stack([each.loc["layer1.weight"] for each in mixture.components])
    starts = starts.detach()
    assert off(starts, 1.0) < LIMIT
    assert off((starts - 1.0).square(), 4.0) < LIMIT

    around = guides.Mixture(model, guides.Delta, num_components=60, init_spread=2.0)
    starts = torch.stack([each.loc["layer1.weight"] for each in around.components])
    assert off(starts.detach(), 1.0) > LIMIT  # around the network's own weights

    improper, _ = regression(priors.WeightPrior(priors.LogUniform()))
    kept = guides.Mixture(improper, guides.Delta, num_components=2, inits="prior")
    site = kept.sites["layer1.weight"]
    assert torch.equal(kept.components[0].loc["layer1.weight"], site.init)


def test_inits_is_called_for_each_component():
    model, _ = regression()
    mixture = guides.Mixture(
        model,
        num_components=2,
        inits=lambda: {"layer1.weight": torch.randn(5, 2), "elsewhere": torch.ones(1)},
    )
    first, second = mixture.components
    assert not torch.equal(first.loc["layer1.weight"], second.loc["layer1.weight"])
    for component in (first, second):
        assert component.loc["layer1.weight"].dtype == torch.float64
        assert torch.equal(component.loc["layer2.weight"], model.network.layer2.weight)


# Draws, densities, state


def test_the_density_and_the_marginals_are_those_of_the_mixture():
    pyro.set_rng_seed(11)
    model, _ = regression()
    mixture = guides.Mixture(
        model,
        partial(guides.MeanField, init_scale=0.2),
        num_components=3,
        init_spread=1.0,
    )
    shapes = {
        name: distribution.shape() for name, distribution in model.latents.items()
    }
    values = draw_sites(mixture, 50, shapes)
    assert values["layer1.weight"].shape == (50, 5, 2)
    each = torch.stack([component.log_prob(values) for component in mixture.components])
    assert torch.allclose(mixture.log_prob(values), each.exp().mean(0).log())
    marginals = mixture.distributions()
    parts = [
        component.distributions()["layer2.bias"].log_prob(values["layer2.bias"])
        for component in mixture.components
    ]
    assert torch.allclose(
        marginals["layer2.bias"].log_prob(values["layer2.bias"]),
        torch.stack(parts).exp().mean(0).log(),
    )
    bias, means = (
        marginals["layer2.bias"].sample((2000,)),
        [part.loc["layer2.bias"] for part in mixture.components],
    )
    assert off(bias, torch.stack(means).mean(0).detach()) < LIMIT
    assert off(bias, means[0].detach()) > LIMIT
    again = zoo.BayesianNetwork(
        model.network,
        priors.WeightPrior(lambda name, _: marginals[name]),
        likelihoods.Gaussian(0.5),
    )
    assert torch.isfinite(
        elbo(
            again,
            guides.MeanField(again),
            torch.ones(2, 2).double(),
            torch.ones(2, 1).double(),
        )
    )


def test_a_fresh_mixture_takes_the_state_of_another_and_draws_the_same():
    model, data = regression()
    one, other = (guides.Mixture(model, num_components=3) for _ in range(2))
    assert not torch.equal(
        one.components[0].loc["layer1.bias"], other.components[0].loc["layer1.bias"]
    )
    other.load_state_dict(one.state_dict())
    results = []
    for guide in (one, other, one):
        pyro.set_rng_seed(12)
        results.append(
            (elbo(model, guide, *data), [guide()["layer1.weight"] for _ in range(5)])
        )
    for loss, draws in results[1:]:
        assert loss == results[0][0]
        assert all(torch.equal(a, b) for a, b in zip(draws, results[0][1], strict=True))
    assert (
        one.freeze("components.0.*").num_parameters()
        == 2 * guides.MeanField(model).num_parameters()
    )


@pytest.mark.parametrize(
    "prior",
    [priors.NodePrior(dist.Normal(1.0, 0.3)), priors.NodePrior(dist.Bernoulli(0.8))],
)
def test_a_mixture_over_nodes_has_a_density(prior):
    model, data = regression(prior)
    make = guides.MCDropout if "Bernoulli" in repr(prior) else guides.NodeMixture
    with pyro.get_param_store().scope():
        mixture = guides.Mixture(model, make, num_components=2)
        assert mixture.bound
        assert torch.isfinite(elbo(model, mixture, *data))
        assert mixture.log_prob(mixture()).shape == ()


# What is refused


def test_components_that_are_not_guides_of_this_package_are_refused():
    model, _ = regression()
    with pytest.raises(
        ValueError,
        match=r"make must return a guide of this package.* not AutoNormal",
    ):
        guides.Mixture(model, AutoNormal)


def test_a_guide_in_the_place_of_its_class_is_refused():
    model, _ = regression()
    with pytest.raises(
        ValueError,
        match=r"make must be a class .* not a guide; write .*make=guides\.MeanField\)",
    ):
        guides.Mixture(model, guides.MeanField(model))


@pytest.mark.parametrize("make", [guides.Mixture, guides.NodeMixture])
def test_no_component_is_refused(make):
    model, _ = regression(priors.NodePrior(dist.Normal(1.0, 0.3)))
    with pytest.raises(ValueError, match="num_components must be at least 1, not 0"):
        make(model, num_components=0)


def test_initial_values_that_fit_no_site_are_refused():
    model, _ = regression()
    with pytest.raises(
        ValueError,
        match=r"inits\(\) has no value for any of the sites layer1.weight.* it has \['w'\]",
    ):
        guides.Mixture(model, inits=lambda: {"w": torch.ones(1)})
    with pytest.raises(
        ValueError,
        match=r"inits\(\) gives site 'layer1.bias' a value of shape \(3,\); write one of \(5,\)",
    ):
        guides.Mixture(model, inits=lambda: {"layer1.bias": torch.ones(3)})


def test_a_batch_of_draws_is_refused_and_made_one_by_one():
    pyro.set_rng_seed(13)
    model, _ = regression()
    mixture = guides.Mixture(model, guides.Delta, num_components=2, init_spread=1.0)
    with (
        pytest.raises(
            ValueError,
            match=r"makes one draw at a time, not a batch of shape \(4,\)",
        ),
        pyro.plate("draws", 4),
    ):
        mixture()
    draws = draw_sites(mixture, 30, {"layer1.bias": torch.Size([5])})["layer1.bias"]
    # Draws from one component only would be one row.
    assert draws.unique(dim=0).shape == (
        2,
        5,
    )


# Tracing

NODES = priors.NodePrior(dist.Normal(1.0, 0.3), where="both", weights=priors.Frozen())
TRACED = {
    "Mixture": (None, partial(guides.Mixture, num_components=3)),
    "Mixture(Delta)": (
        None,
        partial(guides.Mixture, make=guides.Delta, num_components=3),
    ),
    "Mixture(LocalReparam)": (
        None,
        partial(guides.Mixture, make=guides.LocalReparam, num_components=3),
    ),
    "NodeMixture": (NODES, guides.NodeMixture),
    "Rank1": (NODES, guides.Rank1),
}


@pytest.mark.parametrize("name", TRACED)
def test_the_choice_of_a_component_is_a_node_of_the_traced_graph(name):
    """Each replay chooses a component, and draws what the plain program draws."""
    prior, make = TRACED[name]
    model, data = regression(prior)
    guide = make(model)
    with pyro.validation_enabled(False), torch.no_grad():
        graph = make_fx(lambda x: elbo(model, guide, x, data[1]))(data[0])
        runs = []
        for program in (graph, lambda x: elbo(model, guide, x, data[1])):
            pyro.set_rng_seed(14)
            runs.append(torch.stack([program(data[0]) for _ in range(10)]))
    assert torch.equal(*runs)
    assert len(runs[0].unique()) > 2
