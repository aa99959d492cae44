"""A wrong argument of SVI is answered with the right call."""

import functools
import re

import pyro.distributions as dist
import pytest
import torch
from pyro.infer.autoguide import AutoNormal
from pyro.optim.clipped_adam import ClippedAdam

import guides
import zoo
from zoo import inference, likelihoods, networks, priors

MODEL = zoo.BayesianNetwork(
    networks.MLP(2, 1, hidden=[3]),
    priors.WeightPrior(dist.Normal(0.0, 1.0)),
    likelihoods.Gaussian(0.1),
)
GUIDE = guides.MeanField(MODEL)


def refused(sentence, *arguments, error=TypeError, **options):
    with pytest.raises(error, match=re.escape(sentence)):
        inference.SVI(*arguments, **options)


def test_the_model_comes_before_the_guide():
    refused("write SVI(model, guide)", GUIDE, MODEL)


def test_the_model_is_a_bayesian_network():
    sentence = "the model must be a zoo.BayesianNetwork, not an object of type MLP; write SVI(zoo."
    refused(sentence, MODEL.network, GUIDE)


@pytest.mark.parametrize(
    ("guide", "call"),
    [
        (guides.MeanField, "SVI(model, guides.MeanField(model))"),
        (AutoNormal, "SVI(model, AutoNormal(model))"),
    ],
)
def test_a_guide_is_an_object_and_no_class(guide, call):
    sentence = (
        f"the guide must be an object, not the class {guide.__name__}; write {call}"
    )
    refused(sentence, MODEL, guide)


def test_a_guide_is_a_program():
    refused("not an object of type str; write SVI(model, guides.", MODEL, "MeanField")


def test_an_optimiser_that_has_its_parameters_is_answered_with_its_class():
    made = torch.optim.SGD(GUIDE.parameters(), lr=0.2)
    call = "write SVI(..., optimizer=torch.optim.SGD, lr=0.2)"
    refused(call, MODEL, GUIDE, error=ValueError, optimizer=made)


def test_an_optimiser_is_not_a_name():
    call = "not 'adam'; write SVI(..., optimizer=torch.optim.Adam, lr=0.01)"
    refused(call, MODEL, GUIDE, error=ValueError, optimizer="adam")


@pytest.mark.parametrize(
    "optimizer", [ClippedAdam, functools.partial(ClippedAdam, clip_norm=5.0)]
)
def test_an_optimiser_class_of_pyro_is_accepted(optimizer):
    engine = inference.SVI(
        MODEL, GUIDE, num_steps=2, optimizer=optimizer, progress=False
    )
    assert engine.fit((torch.randn(4, 2), torch.randn(4, 1))).info.num_steps == 2


def test_early_stopping_is_an_object():
    call = "not True; write early_stopping=inference.EarlyStopping(fraction=0.1)"
    refused(call, MODEL, GUIDE, error=ValueError, early_stopping=True)


def test_arguments_of_early_stopping_have_names():
    with pytest.raises(TypeError, match="positional argument"):
        inference.EarlyStopping(0.2)
