"""Stock Pyro works unmodified on our models and guides, and its losses are ours in expectation."""

import cases
import pyro
import pytest
import torch
from monte_carlo import LIMIT, apart, one_thread, repeat  # noqa: F401
from pyro.infer import SVI, Trace_ELBO, TraceMeanField_ELBO
from pyro.optim import Adam

from zoo.inference.svi.elbo import elbo

LOSSES = {"Trace_ELBO": Trace_ELBO, "TraceMeanField_ELBO": TraceMeanField_ELBO}
MODELS = ("WeightPrior", "NodePrior+WeightPrior", "NodePrior(Bernoulli)")
PAIRS = [
    (prior, guide)
    for prior in MODELS
    for guide in cases.GUIDES
    if (prior, guide) not in cases.REFUSED
]
QUIET = [
    (prior, guide) for prior, guide in PAIRS if guide != "pyro AutoIAF"
]  # it starts at scale 1: all noise
FORGETFUL = {
    "pyro AutoLaplace": "TraceMeanField_ELBO"
}  # Pyro's divergence of a Delta drops the noise's Jacobian
NUM_DATA, NUM_DRAWS = 24, 40


def build(prior, guide):
    model = cases.model("MLP", prior, "Gaussian(HalfNormal)").double()
    x, y = cases.data("MLP", "Gaussian(HalfNormal)")
    return model, cases.GUIDES[guide](model), (x.double(), y.double())


@pytest.fixture(autouse=True)
def own_store():
    """Pyro's autoguides and our point estimates live in its store."""
    with pyro.get_param_store().scope():
        yield


def loss(estimator, model, guide, data):
    return torch.tensor(
        estimator.loss(model, guide, *data, num_data=NUM_DATA), dtype=torch.float64
    )


@cases.each_pair("prior, guide", QUIET, times=1)
def test_the_losses_agree_in_expectation_with_ours(prior, guide):
    """Six data of twenty-four; 4.5 standard errors of 40 draws, false alarm 6e-5 a loss."""
    pyro.set_rng_seed(0)
    makes = [make for name, make in LOSSES.items() if FORGETFUL.get(guide) != name]
    model, guide, data = build(prior, guide)
    guide()
    ours = -repeat(
        lambda: elbo(model, guide, *data, num_data=NUM_DATA), NUM_DRAWS, traced=True
    )
    # N / B left out
    without = -repeat(lambda: elbo(model, guide, *data), NUM_DRAWS, traced=True)
    with torch.no_grad():
        for make in makes:
            theirs = repeat(
                lambda make=make: loss(make(), model, guide, data), NUM_DRAWS
            )
            assert apart(theirs, ours) < LIMIT
            assert apart(theirs, without) > LIMIT


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(("prior", "guide"), PAIRS)
def test_stock_svi_moves_every_parameter(prior, guide, name):
    pyro.set_rng_seed(1)
    model, guide, data = build(prior, guide)
    guide()
    engine = SVI(model, guide, Adam({"lr": 0.01}), LOSSES[name]())
    engine.evaluate_loss(*data)

    def parameters():
        own = guide.named_parameters() if isinstance(guide, torch.nn.Module) else ()
        stated = pyro.get_param_store().named_parameters()
        return {name: value.detach().clone() for name, value in (*own, *stated)}

    before = parameters()
    losses = torch.tensor([engine.step(*data) for _ in range(2)])
    after = parameters()
    assert torch.isfinite(losses).all()
    assert before.keys() <= after.keys()
    for name, value in before.items():
        assert not torch.equal(after[name], value), name
    assert before


def test_two_guides_of_one_class_never_touch():
    """In Pyro's global store they would hold the same tensors."""
    pyro.set_rng_seed(2)
    model, first, data = build("WeightPrior", "MeanField")
    second = cases.GUIDES["MeanField"](model)
    before = {name: value.clone() for name, value in second.state_dict().items()}
    engine = SVI(model, first, Adam({"lr": 0.01}), Trace_ELBO())
    engine.step(*data)
    assert all(
        torch.equal(value, before[name]) for name, value in second.state_dict().items()
    )
    assert not any(
        torch.equal(value, before[name]) for name, value in first.state_dict().items()
    )
    assert not pyro.get_param_store().keys()
