"""Data in different forms are the same data to every engine."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch.utils.data import Dataset, TensorDataset

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, priors
from zoo.data import batches, full


def model_of():
    pyro.set_rng_seed(0)
    network = networks.MLP(6, 1, hidden=[3])
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.2))


def svi(model):
    guide = guides.MeanField(model)
    return inference.SVI(model, guide, num_steps=5, progress=False)


def hmc(model):
    return inference.HMC(
        model,
        num_chains=1,
        warmup_steps=20,
        num_samples=2,
        num_steps=5,
        compile=False,
        progress=False,
    )


def mean_after(engine, data):
    posterior = engine(model_of()).fit(data)
    pyro.set_rng_seed(1)
    return posterior.predict(datasets.uci("yacht").test.x).mean


@pytest.mark.parametrize("engine", [svi, hmc])
def test_a_fit_takes_the_training_part_of_a_data_set(engine):
    data = datasets.uci("yacht")
    assert torch.equal(mean_after(engine, data), mean_after(engine, data.train))
    assert not torch.equal(mean_after(engine, data), mean_after(engine, data.test))


def test_a_data_set_is_cut_into_batches():
    data = datasets.uci("yacht")
    found = batches(model_of(), data, batch_size=50)
    assert (found.size, found.num_data) == (50, len(data.train.x))
    x, y = full(model_of(), data)
    assert torch.equal(x, data.train.x)
    assert torch.equal(y, data.train.y)


class Images(Dataset):
    """A data set of torch whose attribute `train` is a flag, as torchvision's are."""

    train = True
    test = False

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return torch.full((6,), float(index)), torch.zeros(1)


def test_a_data_set_of_torch_is_taken_whole():
    x, _ = full(model_of(), Images())
    assert torch.equal(x[:, 0], torch.arange(4.0))
    whole = TensorDataset(torch.ones(3, 6), torch.zeros(3, 1))
    assert len(full(model_of(), whole)[0]) == 3


def test_inputs_take_the_dtype_of_the_model():
    x, y = full(model_of(), (torch.ones(3, 6).double(), torch.zeros(3, 1)))
    assert (x.dtype, y.dtype) == (torch.float32, torch.float32)
