"""What all tests share; nothing global is set."""

import gc
import os
import sys

import pyro
import pytest
import torch

# Of several processes none should begin one of these files when the others are done.
_LONG = (
    "test_tutorials.py",
    "test_every_fit.py",
    "test_gallery.py",
    "test_examples.py",
    "test_types.py",
    "test_kills.py",
    "test_nuts.py",
    "test_traced.py",
    "test_experiments.py",
    "test_ranks.py",
    "test_compiler_cache.py",
)


def pytest_collection_modifyitems(items):
    """Put long files first where several processes share them, and skip what has no device."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.path.name not in _LONG)

    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason=f"{item.name} needs a CUDA device"))


def pytest_collection_finish():
    """Keep the garbage collector from looking through all modules and tests again and again."""
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_handlecrashitem(crashitem):
    """End the run if a process ends in a test: pytest-xdist would wait for it forever."""
    pytest.exit(f"the process of {crashitem} has ended", returncode=1)


def pytest_collectstart(collector):
    """Give the data that a test module draws at import the same values in every run."""
    if isinstance(collector, pytest.Module):
        pyro.set_rng_seed(1)


@pytest.fixture(scope="session", autouse=True)
def at_the_prior():
    """Start chains at prior draws: optimising initial positions takes longer than most tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoo.inference.mcmc.running.initialisation.DESCENT", 0)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_seeds_of_absent_devices():
    """Keep no stack trace of each seed for devices that are not there, as torch does."""
    with pytest.MonkeyPatch.context() as patch:
        for device in (torch.cuda, torch.xpu, torch.mtia):
            if not device.is_available():
                patch.setattr(device, "manual_seed_all", lambda _seed: None)

        yield


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
