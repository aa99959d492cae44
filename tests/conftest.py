"""What all tests share; nothing global is set."""

import sys

import pyro
import pytest
import torch


def pytest_collection_modifyitems(items):
    """Skip, by name, what needs a device that is not there."""
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason=f"{item.name} needs a CUDA device"))


def pytest_collectstart(collector):
    """Give the data that a test module draws at import the same values in every run."""
    if isinstance(collector, pytest.Module):
        pyro.set_rng_seed(1)


@pytest.fixture
def at_the_prior(monkeypatch):
    """Start chains at prior draws: optimising initial positions takes longer than most tests."""
    monkeypatch.setattr("zoo.inference.mcmc.running.initialisation.DESCENT", 0)


@pytest.fixture(autouse=True)
def seed():
    """Give every test the same draws, in whatever order tests run."""
    pyro.set_rng_seed(0)


@pytest.fixture(autouse=True)
def no_figure_is_left():
    """Close what a test has drawn."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
