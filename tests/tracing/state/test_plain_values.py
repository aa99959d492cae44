"""Values that code outside a program changes between two calls are not frozen in its graph."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, TensorDataset

import guides
import zoo
from zoo import inference, likelihoods, priors
from zoo.tracing.state.plain_values import PlainValues

X = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
Y = X.sum(-1, keepdim=True)


class Tempered(nn.Module):
    """A network with a temperature that code outside of it may change."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 1)
        self.temperature = 5.0

    def forward(self, x):
        return self.layer(x) * self.temperature


class Epochs(DataLoader):
    """A loader that lowers the temperature of a network at each epoch."""

    network: Tempered

    def __iter__(self):
        self.network.temperature *= 0.9
        return super().__iter__()


def losses(change, compile):
    torch.manual_seed(0)
    network = Tempered()
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(1.0))
    options = {"num_steps": 30}
    data = (X, Y)

    if change == "scheduler":

        def anneal(step):
            network.temperature = max(1.0, 5.0 - 0.1 * step)
            return 1.0

        options["scheduler"] = lambda optimizer: LambdaLR(optimizer, anneal)
    elif change == "loader":
        data = Epochs(TensorDataset(X, Y), 20)
        data.network = network

    pyro.set_rng_seed(1)
    engine = inference.SVI(
        model, guides.MeanField(model), progress=False, compile=compile, **options
    )
    return engine.fit(data).info.losses


@pytest.mark.parametrize("change", ["scheduler", "loader"])
def test_a_value_that_is_changed_outside_is_noticed(change):
    plain = losses(change, "plain")
    with pytest.warns(UserWarning, match=r"Tempered\.temperature was changed between"):
        traced = losses(change, "traced")
    assert torch.equal(plain, traced)


def test_a_value_that_stays_is_no_reason_to_warn():
    assert torch.equal(losses(None, "plain"), losses(None, "traced"))


def test_the_first_changed_value_is_named():
    network = nn.Sequential(nn.Linear(3, 1), nn.Dropout(0.5))
    values = PlainValues([network, likelihoods.Gaussian(0.1)])
    assert values.change() == ""
    network[1].p = 0.1
    assert values.change() == "Dropout.p"
    network[1].p = 0.5
    network.eval()
    assert values.change() == "Sequential.training"
