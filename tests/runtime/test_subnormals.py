"""Subnormal numbers are zero in fits and predictions, and the user's setting is restored."""

import cases
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, networks
from zoo.runtime.subnormals import _is_flushing, flush_subnormals


@pytest.fixture(autouse=True)
def unset():
    torch.set_flush_denormal(False)
    yield
    torch.set_flush_denormal(False)


@pytest.mark.parametrize("before", [True, False])
def test_the_setting_is_restored_even_after_an_error(before):
    torch.set_flush_denormal(before)
    with flush_subnormals():
        assert _is_flushing()
    assert _is_flushing() is before
    with pytest.raises(ValueError, match="mine"), flush_subnormals():
        raise ValueError("mine")
    assert _is_flushing() is before


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_setting_is_read_under_any_default_dtype(dtype):
    default = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        assert not _is_flushing()
        with flush_subnormals():
            assert _is_flushing()
    finally:
        torch.set_default_dtype(default)


ENGINES = {
    "SVI": lambda model: inference.SVI(
        model, guides.Delta(model), num_steps=2, compile="traced", progress=False
    ),
    "HMC": lambda model: inference.HMC(
        model,
        num_samples=5,
        num_steps=5,
        warmup_steps=20,
        compile="traced",
        progress=False,
    ),
}


@pytest.mark.parametrize("engine", ENGINES)
def test_fits_and_predictions_flush_subnormals(engine):
    seen = set()

    class Watching(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = networks.MLP(6, 1, hidden=[3])

        def forward(self, x):
            if len(x) > 2:  # a fit first evaluates two rows, for the shape of outputs
                seen.add(_is_flushing())
            return self.network(x)

    model = zoo.BayesianNetwork(
        Watching(), cases.PRIORS["WeightPrior"](), likelihoods.Gaussian(0.5)
    )
    x, y = torch.randn(8, 6), torch.randn(8, 1)
    Watching()(x)
    assert seen == {False}
    seen.clear()
    posterior = ENGINES[engine](model).fit((x, y))
    posterior.predict(x, 2 if engine == "SVI" else None, progress=False)
    assert seen == {True}
    assert not _is_flushing()
