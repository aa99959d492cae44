"""Initial positions of chains: optimised or not, the network's weights, an earlier posterior."""

import cases
import pyro
import pyro.distributions as dist
import pytest
import torch

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.running.initialisation import (
    Initialiser,
    finite_prior_draws,
    optimise_positions,
)

X, Y = torch.randn(12, 2), torch.randn(12, 1)
NORMAL = dist.Normal(0.0, 1.0)


def build(rule=NORMAL, likelihood=None):
    torch.manual_seed(0)
    likelihood = likelihood or likelihoods.Gaussian(dist.HalfNormal(1.0))
    return zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[3]), priors.WeightPrior(rule), likelihood
    )


def initial(model, where, num_chains=3, data=(X, Y)):
    """Return the potential and the initial positions of chains."""
    potential = Potential(model, *data)
    with potential.program.running():
        initialiser = Initialiser(potential, where, "plain")
        q = initialiser(num_chains)
    assert q.shape == (num_chains, potential.size)
    assert initialiser.num_gradients > 0
    return potential, q


def test_each_chain_is_optimised_separately(monkeypatch):
    monkeypatch.setattr("zoo.inference.mcmc.running.initialisation.DESCENT", 150)
    model = build()
    pyro.set_rng_seed(0)
    potential, prior = initial(model, "prior")
    pyro.set_rng_seed(0)
    _, low = initial(model, "map")
    assert (potential.gradient(low)[1] < potential.gradient(prior)[1] - 5.0).all()
    assert (low[0] - low[1]).abs().max() > 0.1


def test_prior_draws_are_of_the_prior():
    rule = priors.Hierarchical(
        dist.LogNormal(2.0, 0.1), by="weight"
    )  # the scale of the weights
    model = zoo.BayesianNetwork(
        torch.nn.Linear(2, 1, bias=False),
        priors.WeightPrior(rule),
        likelihoods.Gaussian(1.0),
    )
    potential, q = initial(model, "prior", num_chains=200)
    values, _ = potential.unpack(q)
    assert values["prior:weight.scale"].log().mean().item() == pytest.approx(
        2.0, abs=0.05
    )
    assert values["weight"].std().item() == pytest.approx(7.4, rel=0.2)


def test_network_gives_the_networks_own_weights():
    model = build()
    potential, q = initial(model, "network")
    values, _ = potential.unpack(q)
    for chain in range(3):
        assert torch.equal(values["layer1.weight"][chain], model.network.layer1.weight)
    assert (values["likelihood:scale"] == 1.0).all()  # zero in unconstrained space


def test_an_improper_prior_gives_the_networks_value():
    model = build(
        priors.by_name({"layer1.weight": priors.LogUniform()}, otherwise=NORMAL)
    )
    potential, q = initial(model, "prior")
    values, _ = potential.unpack(q)
    assert torch.equal(values["layer1.weight"][0], model.network.layer1.weight)
    assert not torch.allclose(values["layer2.weight"][0], values["layer2.weight"][1])


def test_sites_that_other_priors_depend_on_are_not_optimised():
    """The joint density of weights and their scale grows without bound as both vanish."""

    def funnel():
        scale = pyro.sample("scale", dist.LogNormal(0.0, 1.0))
        with pyro.plate("plate", 3):
            pyro.sample("z", dist.Normal(0.0, scale))

    potential, before = initial(funnel, "prior", data=())
    with potential.program.running():
        after = optimise_positions(potential, potential.gradient, before, 50)
    (before, _), (after, _) = potential.unpack(before), potential.unpack(after)
    assert torch.equal(before["scale"], after["scale"])
    assert (after["z"].abs().sum(-1) < before["z"].abs().sum(-1)).all()


@pytest.fixture(scope="module")
def fitted():
    pyro.set_rng_seed(0)
    model = build()
    return inference.SVI(
        model, guides.MeanField(model, init_scale=0.01), num_steps=5, progress=False
    ).fit((X, Y))


def test_draws_of_a_guide_are_initial_positions(fitted):
    potential, q = initial(fitted.model, fitted)
    values, _ = potential.unpack(q)
    loc = fitted.guide.loc["layer1.weight"]
    assert (values["layer1.weight"] - loc).abs().max() < 0.1
    assert not torch.equal(q[0], q[1])
    posterior = inference.HMC(
        fitted.model, init=fitted, num_chains=2, num_steps=1, **cases.SHORT
    ).fit((X, Y))
    assert (posterior.draws["layer1.weight"][:, 0] - loc).abs().max() < 1.0


@pytest.mark.parametrize("num_chains", [2, 3, 10])
def test_evenly_spaced_draws_of_a_sampler_are_initial_positions(num_chains):
    model = build()
    posterior = cases.ENGINES["HMC"](model).fit((X, Y))  # six draws
    potential, q = initial(model, posterior, num_chains)
    own = potential.pack(posterior.sample())
    index = {2: [0, 5], 3: [0, 2, 5], 10: [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]}[num_chains]
    assert torch.allclose(q, own[index], atol=1e-6)


def test_a_posterior_of_another_model_is_refused(fitted):
    other = zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[4]),
        priors.WeightPrior(NORMAL),
        likelihoods.Gaussian(0.5),
    )
    with pytest.raises(
        ValueError,
        match=r"init is the posterior of another .* layer1.bias \(posterior \(3,\), model \(4,\)",
    ):
        initial(other, fitted)


def test_initial_positions_without_a_finite_log_joint_are_refused():
    model = build(
        likelihood=likelihoods.From(
            lambda f: dist.Normal(f * torch.inf, 1.0, validate_args=False)
        )
    )
    with pytest.raises(
        ValueError,
        match=r"not finite at 3 of 3 initial .*, the network's own weights; write init='map'",
    ):
        initial(model, "network")


def test_only_chains_without_a_finite_log_joint_are_drawn_again():
    potential = Potential(build(), X, Y)
    seen = []

    def gradient(q):
        seen.append(q.clone())
        energy = torch.zeros(len(q))
        energy[1] = torch.nan if len(seen) < 3 else 0.0
        return q, energy

    q = finite_prior_draws(potential, gradient, 3)
    assert len(seen) == 3
    for chain in (0, 2):
        assert torch.equal(seen[0][chain], q[chain])
    assert not torch.equal(seen[0][1], seen[1][1])
    assert not torch.equal(seen[1][1], q[1])


@pytest.mark.parametrize("where", ["mode", 3, None])
def test_another_init_is_refused(where):
    with pytest.raises(
        ValueError,
        match=f"init must be one of 'map', 'network', 'prior', or a Posterior, not {where!r}",
    ):
        inference.HMC(build(), init=where)
