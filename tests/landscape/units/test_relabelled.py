"""Relabelled draws: one order and sign of units, with the functions and densities of before."""

import dataclasses

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import inference, landscape, likelihoods, networks, priors
from zoo.diagnostics.convergence import convergence
from zoo.inference.mcmc.density.potential import Potential
from zoo.landscape.units import relabelled as module
from zoo.landscape.units.hidden_units import hidden_units
from zoo.landscape.units.label_assignment import Places, with_places
from zoo.posterior import DrawsPosterior
from zoo.predictive.evaluate import evaluate_draws

CHAINS, DRAWS = 4, 40
X = torch.linspace(-2, 2, 12).reshape(6, 2).double()
Y = X[:, :1].sin()


def build(prior=None, activation=nn.Tanh, hidden=(5, 4)):
    torch.manual_seed(0)
    network = networks.MLP(2, 1, hidden=list(hidden), activation=activation).double()
    rule = priors.WeightPrior(prior or dist.Normal(0.0, 1.0))
    return zoo.BayesianNetwork(network, rule, likelihoods.Gaussian(0.5))


def one_copy(model, spread=0.15):
    """Make chains (C S, ...) of draws around one point: all of them have the same labels."""
    draws = {}
    for name, prior in model.latents.items():
        centre = torch.randn(prior.shape()).double()
        draws[name] = centre + spread * torch.randn(CHAINS * DRAWS, *prior.shape())

    return draws


def posterior_of(model, draws):
    chains = {name: value.unflatten(0, (CHAINS, -1)) for name, value in draws.items()}
    return DrawsPosterior(model, draws=chains, state={}, info=None)


def flat(posterior):
    return {name: value.flatten(0, 1) for name, value in posterior.draws.items()}


def scrambled(model, draws, every=DRAWS):
    """Give the units of every so many draws a random order and random signs."""
    for units in hidden_units(model, X):
        moves = [units.random() for _ in range(CHAINS * DRAWS // every)]
        order = torch.stack([move.order for move in moves])
        signs = torch.stack([move.signs for move in moves])
        places = Places(
            order.repeat_interleave(every, 0), signs.repeat_interleave(every, 0)
        )
        draws = with_places(draws, units.axes, places)

    return draws


def energies(model, draws):
    potential = Potential(model, X, Y)
    with potential.program.running():
        return potential.energies(potential.pack(draws))


def worst_rhat(posterior):
    return max(convergence(posterior, X).weights.values())


@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU])
def test_functions_and_densities_are_those_of_before(activation):
    model = build(activation=activation)
    before = scrambled(model, one_copy(model), every=1)
    after = flat(landscape.relabelled(posterior_of(model, before), X))
    assert not torch.equal(after["layer1.weight"], before["layer1.weight"])

    outputs = [evaluate_draws(model, draws, {}, X) for draws in (before, after)]
    torch.testing.assert_close(*outputs, rtol=1e-12, atol=1e-12)
    joint = [energies(model, draws) for draws in (before, after)]
    torch.testing.assert_close(*joint, rtol=1e-12, atol=1e-10)


def test_chains_in_different_copies_agree_after_relabelling():
    model = build()
    draws = one_copy(model)
    apart = posterior_of(model, scrambled(model, draws))
    together = landscape.relabelled(apart, X)

    assert worst_rhat(posterior_of(model, draws)) < 1.1
    assert worst_rhat(apart) > 2
    assert worst_rhat(together) < 1.1


def test_labels_of_single_draws_are_found():
    model = build()
    draws = one_copy(model)
    for every in (1, DRAWS):
        mixed = posterior_of(model, scrambled(model, draws, every))
        found = flat(landscape.relabelled(mixed, X))

        # all draws have the labels of the last one, so their spread is that of one copy
        for name, value in found.items():
            spread = value.std(0).flatten().sort().values
            expected = draws[name].std(0).flatten().sort().values
            torch.testing.assert_close(spread, expected)


def test_units_of_one_layer_alone_are_refused(monkeypatch):
    """A permutation of only one of two adjoining layers is another function."""

    def half(model, x):
        first, *others = hidden_units(model, x)
        return [dataclasses.replace(first, axes=first.axes[:-1]), *others]

    monkeypatch.setattr(module, "hidden_units", half)
    model = build()
    draws = posterior_of(model, scrambled(model, one_copy(model), every=1))
    with pytest.raises(ValueError, match="a permutation of hidden units changes its"):
        landscape.relabelled(draws, X)


def test_signs_stay_where_the_prior_has_another_density_for_them():
    shifted = build(dist.Normal(0.3, 1.0))
    draws = one_copy(shifted)
    found = flat(landscape.relabelled(posterior_of(shifted, draws), X))
    for name, value in found.items():
        torch.testing.assert_close(
            value.flatten(1).sort(1).values, draws[name].flatten(1).sort(1).values
        )

    torch.testing.assert_close(energies(shifted, found), energies(shifted, draws))


def test_a_prior_that_tells_units_apart_is_refused():
    def by_unit(name, weight):
        scales = torch.linspace(0.5, 2.0, len(weight)).double()
        return dist.Normal(0.0, scales.reshape(-1, *[1] * (weight.dim() - 1)))

    model = build(by_unit)
    draws = posterior_of(model, scrambled(model, one_copy(model), every=1))
    with pytest.raises(ValueError, match="the prior tells hidden units apart"):
        landscape.relabelled(draws, X)


def test_layers_with_fixed_weights_keep_their_units():
    last = priors.last_layer(dist.Normal(0.0, 1.0), otherwise=priors.Frozen())
    model = build(last)
    with pytest.raises(ValueError, match="no hidden unit has random weights alone"):
        landscape.relabelled(posterior_of(model, one_copy(model)), X)


def test_posteriors_without_stored_weights_are_refused():
    model = build()
    engine = inference.SVI(model, guides.MeanField(model), num_steps=3, progress=False)
    pyro.set_rng_seed(0)
    with pytest.raises(ValueError, match="relabelled needs stored draws of weights"):
        landscape.relabelled(engine.fit((X, Y)), X)
