"""A batch in several parts takes the same steps as the whole one, if there is no noise."""

import cases
import pytest
import torch

import guides
from zoo import inference

NUM_DATA = 7


def losses(accumulate, **options):
    """Return the losses of a few steps of a guide without noise."""
    model = cases.model("MLP", "WeightPrior", "Gaussian")
    guide = guides.Delta(model)
    engine = inference.SVI(
        model,
        guide,
        num_steps=4,
        lr=0.01,
        optimizer=torch.optim.SGD,
        accumulate=accumulate,
        progress=False,
        **options,
    )
    return engine.fit(cases.data("MLP", "Gaussian", NUM_DATA)).info.losses


@pytest.mark.parametrize("accumulate", [2, 3, NUM_DATA + 2])  # some parts have no row
def test_parts_of_any_size_add_up_to_the_batch(accumulate):
    whole = losses(1)
    assert torch.allclose(losses(accumulate), whole, rtol=1e-5)
    assert not torch.allclose(whole[1:], whole[:-1], rtol=1e-3)  # the steps move it


def test_traced_parts_are_the_plain_ones():
    assert torch.equal(losses(3, compile="traced"), losses(3, compile="plain"))


def test_parts_may_have_half_precision():
    half = losses(2, precision="bf16")
    assert torch.allclose(half, losses(2), rtol=0.02)


def test_the_number_of_parts_is_checked():
    with pytest.raises(ValueError, match="accumulate"):
        losses(0)
