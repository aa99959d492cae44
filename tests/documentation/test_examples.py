"""The examples in the docstrings do what they say."""

import doctest
import importlib
import inspect
import pkgutil

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import (
    datasets,
    inference,
    landscape,
    likelihoods,
    metrics,
    networks,
    priors,
)

MODULES = [
    name
    for package in (zoo, guides)
    for _, name, _ in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not name.endswith("__main__")
]

WITHOUT_EXAMPLE = {  # public names, and why an example of theirs would say nothing more
    "zoo.experiments.Run": "what an experiment works with, as in that of Experiment",
    "zoo.inference.adversarial.AdversarialPosterior": "two posteriors, as in that of Adversarial",
    "zoo.landscape.Minima": "two posteriors and a table, as in that of bad_minimum",
    "zoo.landscape.Projection": "three tensors, as in that of project",
    "zoo.metrics.BorderProfile": "three tensors, as in that of border_profile",
    "zoo.metrics.Reliability": "three tensors, as in that of reliability",
    "zoo.metrics.Sparsification": "four tensors, as in that of sparsification",
    "zoo.metrics.VarianceSplit": "two tensors, as in that of variance_split",
    "zoo.streams.HybridPrediction": "two tensors, as in that of HybridLearner",
}


def public_classes_and_functions():
    """Return them by the name under which the reference lists them first."""
    found, waiting = {}, [guides, zoo]
    for module in waiting:
        for public in module.__all__:
            member = getattr(module, public)
            if inspect.ismodule(member):
                waiting.append(member)
            elif inspect.isclass(member) or inspect.isfunction(member):
                found.setdefault(member, f"{module.__name__}.{public}")

    return {name: member for member, name in found.items()}


def test_a_public_class_or_function_has_an_example():
    members = public_classes_and_functions()
    assert len(members) > 300
    without = [
        name for name, each in members.items() if ">>>" not in (each.__doc__ or "")
    ]
    assert set(without) == set(WITHOUT_EXAMPLE)


def examples():
    finder, seen = doctest.DocTestFinder(exclude_empty=True), set()
    for name in MODULES:
        module = importlib.import_module(name)
        for test in finder.find(module, name):
            if test.examples and test.name not in seen:
                seen.add(test.name)
                yield pytest.param(module, test, id=test.name)


@pytest.fixture(scope="module")
def prepared():
    """Make what the examples need: a model, data and a posterior; the same for classes."""
    pyro.set_rng_seed(0)
    model = zoo.BayesianNetwork(
        networks.MLP(6, 1, hidden=[10]),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Gaussian(0.1),
    )
    data = datasets.uci("yacht")
    posterior = inference.SVI(
        model, guides.MeanField(model), num_steps=5, progress=False
    ).fit(data.train)
    network, digits = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), datasets.digits()
    classes = zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihoods.Categorical()
    )
    guide = guides.MeanField(classes, init_scale=0.05)
    classifier = inference.SVI(
        classes, guide, num_steps=100, lr=0.05, progress=False
    ).fit(digits.train)
    return {
        "model": model,
        "data": data,
        "posterior": posterior,
        "classifier": classifier,
        "digits": digits,
    }


NAMES = {
    "torch": torch,
    "nn": nn,
    "pyro": pyro,
    "dist": dist,
    "zoo": zoo,
    "guides": guides,
    "networks": networks,
    "priors": priors,
    "likelihoods": likelihoods,
    "inference": inference,
    "landscape": landscape,
    "datasets": datasets,
    "metrics": metrics,
}


@pytest.mark.parametrize(("module", "test"), list(examples()))
def test_an_example_does_what_it_says(module, test, prepared, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    test.globs = {**NAMES, **vars(module), **prepared, "folder": tmp_path}
    lines = []
    doctest.DocTestRunner(
        verbose=False,  # else it reads pytest's own -v
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS,
    ).run(test, out=lines.append)
    assert not lines, "".join(lines)
