"""Members on a second device without values: no tensor is made on the wrong device.

What reads values ends a rehearsal early, and its test is skipped by name: flows, GRU cells, which
have no kernel for shapes alone, and networks that count the groups of their data.
"""

import cases
import pyro
import pytest
import torch
from other_device import NAME, OtherDevice, register
from pyro import poutine
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorDeviceMismatchError,
)

import guides
from zoo.inference.mcmc.density.potential import Potential

READS = (DataDependentOutputException, DynamicOutputShapeException, NotImplementedError)

try:
    register()
except ImportError:
    pytest.skip("this torch has no devices in Python", allow_module_level=True)


@pytest.fixture(autouse=True)
def without_validation(monkeypatch):
    """Validation reads values; Pyro makes each error anew from its text."""
    monkeypatch.setattr(
        FakeTensorDeviceMismatchError, "__init__", RuntimeError.__init__
    )
    with pyro.validation_enabled(False):
        yield


def once(rows):
    """Return the first rows that have each member."""
    seen, chosen = set(), []
    for row in rows:
        if set(row) - seen:
            seen |= set(row)
            chosen.append(row)
    return chosen


def third(names, rows):
    """Parametrize a test by rows, of which `make test` has every third one."""
    parameters = []
    for number, row in enumerate(rows):
        marks = pytest.mark.full if number % 3 else ()
        parameters.append(pytest.param(*row, id="-".join(row), marks=marks))

    return pytest.mark.parametrize(names, parameters)


def rehearse(run, model, *data):
    """Run a function of a model and its data on the device; return the result's device."""
    with OtherDevice() as there:
        there.move(model)
        try:
            return run(model, *[there.moved(tensor) for tensor in data]).device
        except (*READS, RuntimeError) as error:
            if not isinstance(error, READS) and "Couldn't swap" not in str(error):
                raise
            pytest.skip(f"not without values: {str(error).splitlines()[0][:70]}")


def bound_of(make):
    """Return a function that computes the bound of the guide that `make` makes."""

    def bound(model, x, y):
        guide = make(model)
        trace = poutine.trace(guide).get_trace(x, y)
        poutine.trace(poutine.replay(model, trace=trace)).get_trace(x, y)
        return pyro.infer.Trace_ELBO().differentiable_loss(model, guide, x, y)

    return bound


# the function is a user's, and makes its tensors on the CPU
ROWS = once(row for row in cases.FITS if "pyro function" not in row)


@third("network, prior, guide, likelihood", ROWS)
def test_the_bound(network, prior, guide, likelihood):
    model = cases.model(network, prior, likelihood)
    bound = bound_of(cases.GUIDES[guide])
    assert rehearse(bound, model, *cases.data(network, likelihood)).type == NAME


def gradient(model, x, y):
    """Return the gradient of the potential for two chains."""
    potential = Potential(model, x, y)
    with potential.program.running():
        return potential.gradient(potential.program.like.new_zeros(2, potential.size))[
            0
        ]


@pytest.mark.filterwarnings("ignore:the network has batch normalisation")
@third("network, prior, likelihood", once(cases.MODELS))
def test_the_gradient_of_the_potential(network, prior, likelihood):
    if prior in cases.WITH_POINTS:
        pytest.skip("a point estimate has no potential")
    model = cases.model(network, prior, likelihood)
    assert rehearse(gradient, model, *cases.data(network, likelihood)).type == NAME


class AtHome(guides.MeanField):
    """Makes noise on the CPU, wherever the model is."""

    def distribution(self, site):
        like = super().distribution(site)
        noise = torch.randn(like.shape())
        return pyro.distributions.Delta(
            like.mean + noise, event_dim=len(like.event_shape)
        )


def test_a_guide_that_makes_a_tensor_on_the_cpu_is_found():
    model = cases.model("MLP", "WeightPrior", "Gaussian")
    with pytest.raises(FakeTensorDeviceMismatchError):
        rehearse(bound_of(AtHome), model, *cases.data("MLP", "Gaussian"))
