"""Plain and traced fits are the same to the bit: losses, parameters, running statistics."""

import cases
import pyro
import torch

from zoo import inference

PAIRS = [
    ("MLP", "Gaussian"),
    ("BatchNorm", "Categorical"),
    ("MLP", "Categorical"),
    ("BatchNorm", "Gaussian"),
]
ROWS = [
    (network, guide, likelihood)
    for network, likelihood in PAIRS
    for guide in cases.GUIDES
]
MIXED = {"MeanField", "Delta", "pyro AutoNormal"}


def prior_for(network, guide):
    """Return a prior that a guide takes, for some with point estimates beside what is random."""
    prior = cases.prior_for(guide)
    return (
        "by_name+Point"
        if network == "BatchNorm" and prior == "WeightPrior" and guide in MIXED
        else prior
    )


@cases.each_pair("network, guide, likelihood", ROWS)
def test_plain_and_traced_fits_are_equal_to_the_bit(network, guide, likelihood):
    model, data = (
        cases.model(network, prior_for(network, guide), likelihood),
        cases.data(network, likelihood),
    )
    found = {}
    for way in ("plain", "traced"):
        pyro.clear_param_store()
        pyro.set_rng_seed(2)
        engine = inference.SVI(
            model, cases.GUIDES[guide](model), num_steps=3, compile=way, progress=False
        )
        posterior = engine.fit(data)
        assert posterior.info.compiled == way
        found[way] = (
            posterior.info.losses,
            posterior.scoped.tensors() | posterior.state,
            torch.rand(2),
        )
    (losses, tensors, after), (traced_losses, traced_tensors, traced_after) = (
        found.values()
    )
    assert torch.equal(losses, traced_losses)
    assert list(tensors) == list(traced_tensors)
    for name, tensor in tensors.items():
        assert torch.equal(tensor, traced_tensors[name]), name
    assert torch.equal(after, traced_after)  # the same random numbers were used
    assert len(losses.unique()) == 3
