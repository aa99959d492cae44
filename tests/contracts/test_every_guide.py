"""What every guide offers: frozen parameters, scales with a ceiling, a density, a next prior."""

import inspect

import cases
import pyro
import pytest
import torch
from pyro import poutine

import guides
import zoo
from guides.mixture_entropy import MonteCarlo
from zoo import inference, likelihoods, priors

GUIDES = pytest.mark.parametrize("guide", cases.OURS)
WITHOUT_SCALES = {
    "ConcreteDropout",
    "Delta",
    "LastLayer",
    "MCDropout",
    "Mixture",
    "Resampled",
}  # a mixture's components have their own, and the guide of the rest
WITHOUT_MARGINALS = {"Flow", "LastLayer"}


def model_for(guide):
    return cases.model("MLP", cases.prior_for(guide), "Gaussian")


def built(guide, **arguments):
    model = model_for(guide)
    return model, cases.GUIDES[guide](model, **arguments)


@GUIDES
def test_what_is_frozen_is_not_counted_and_stays_through_a_fit(guide):
    model, fresh = built(guide)
    name, parameter = next(iter(fresh.named_parameters()))
    before, count = parameter.detach().clone(), fresh.num_parameters()
    assert fresh.freeze(name) is fresh
    assert fresh.num_parameters() == count - parameter.numel()
    posterior = inference.SVI(model, fresh, num_steps=3, progress=False).fit(
        cases.data("MLP", "Gaussian")
    )
    assert torch.equal(parameter, before)
    points = sum(
        model.network.get_parameter(point).numel() for point in model.plan.points
    )
    assert posterior.info.num_parameters == fresh.num_parameters() + points


def test_freezing_what_is_not_there_names_what_is():
    _, fresh = built("MeanField")
    with pytest.raises(
        ValueError,
        match=r"no parameter of MeanField is called 'mean\.\*'; its parameters are loc",
    ):
        fresh.freeze("loc.*", "mean.*")


@GUIDES
def test_scales_stay_below_a_ceiling(guide):
    family = getattr(guides, guide)
    assert ("max_scale" in inspect.signature(family).parameters) is (
        guide not in WITHOUT_SCALES
    )
    if guide in WITHOUT_SCALES:
        return
    model = model_for(guide)
    with pytest.raises(
        ValueError, match=r"max_scale is a ceiling .* above init_scale=0\.2, not 0\.1"
    ):
        family(model, init_scale=0.2, max_scale=0.1)
    free, fresh = (
        family(model, init_scale=0.05),
        family(model, init_scale=0.05, max_scale=0.1),
    )
    with torch.no_grad():
        for parameter in (*free.rho.parameters(), *fresh.rho.parameters()):
            parameter.add_(4.0)
    names = [name for name, _ in fresh.rho.named_parameters()]
    assert names
    for name in names:
        assert (fresh.scale(name) <= 0.1).all(), name
        assert (free.scale(name) > 0.1).all(), name


@GUIDES
def test_the_density_is_that_of_the_trace(guide):
    # Rank1's own estimate of its entropy is a bound, not the density
    _, fresh = built(guide, **({"entropy": MonteCarlo()} if guide == "Rank1" else {}))
    trace = poutine.trace(fresh).get_trace()
    values = {name: trace.nodes[name]["value"].clone() for name in fresh.sites}
    if not fresh.has_density:
        with pytest.raises(ValueError, match=f"{guide} has no density over layer1"):
            fresh.log_prob(values)
        return
    with pyro.validation_enabled(False):
        stated = trace.log_prob_sum()
    assert torch.allclose(fresh.log_prob(values), stated, rtol=1e-4, atol=1e-3)
    several = {
        name: torch.stack([value, value + 0.01]) for name, value in values.items()
    }
    assert torch.allclose(fresh.log_prob(several)[0], stated, rtol=1e-4, atol=1e-3)


@GUIDES
def test_the_distributions_are_a_prior_for_the_next_task(guide):
    model, fresh = built(guide)
    if not fresh.has_density or guide in WITHOUT_MARGINALS:
        with pytest.raises(ValueError, match=r"Flow|LastLayer|no density"):
            fresh.distributions()
        return
    posterior = inference.SVI(model, fresh, num_steps=2, progress=False).fit(
        cases.data("MLP", "Gaussian")
    )
    rule = priors.previous(posterior, otherwise=priors.Frozen())
    if guide in {"NodeMixture", "Rank1"}:
        where = "both" if guide == "Rank1" else "in"
        prior = priors.NodePrior(
            rule, where=where, weights=rule if guide == "Rank1" else priors.Frozen()
        )
    else:
        prior = priors.WeightPrior(rule)
    following = zoo.BayesianNetwork(model.network, prior, likelihoods.Gaussian(0.5))
    known = posterior.distributions()
    assert set(following.latents) <= set(known)
    values = {name: law.sample() for name, law in following.latents.items()}
    for name, law in following.latents.items():
        assert values[name].shape == model.latents[name].shape()
        assert torch.allclose(
            law.log_prob(values[name]), known[name].log_prob(values[name]), rtol=1e-4
        ), name
    before = {
        name: law.log_prob(values[name]) for name, law in following.latents.items()
    }
    with torch.no_grad():
        for parameter in (*fresh.parameters(), *posterior.guide.parameters()):
            parameter.add_(1.0)
    for name, law in following.latents.items():
        assert torch.equal(law.log_prob(values[name]), before[name]), (
            f"a later fit changes the prior of {name}"
        )
    assert following.prior_predictive(torch.zeros(2, 2), num_samples=3).mean.shape == (
        2,
        2,
    )
