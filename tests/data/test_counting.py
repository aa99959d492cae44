"""How many data there are, whatever a loader's sampler draws in an epoch."""

import math
import random

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    Sampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

import guides
import zoo
from zoo import inference, likelihoods, priors
from zoo.data import batches, full

N = 40
X, Y = torch.ones(N, 1), torch.linspace(-1.0, 2.0, N).reshape(N, 1)
DATA = TensorDataset(X, Y)


class Drawing(Sampler):
    """A sampler of the user's, which draws with Python's generator and does not say how."""

    def __init__(self, indices, size):
        self.indices, self.size = list(indices), size

    def __iter__(self):
        return iter(random.choices(self.indices, k=self.size))

    def __len__(self):
        return self.size


class Batching(Drawing):
    """The same, of batches."""

    def __iter__(self):
        return iter([list(super(Batching, self).__iter__()) for _ in range(3)])


def sampled(sampler, **options):
    return DataLoader(DATA, 8, sampler=sampler, **options)


def by_batches(sampler):
    return DataLoader(DATA, batch_sampler=sampler)


HALF = torch.tensor([1.0, 0.0]).repeat(N // 2)
COUNTS = {
    "in order": (DataLoader(DATA, 8), N),
    "shuffled": (DataLoader(DATA, 8, shuffle=True), N),
    "last batch dropped": (DataLoader(DATA, 7, drop_last=True), N),
    "subset": (sampled(SubsetRandomSampler(range(10))), 10),
    "list of rows": (sampled([3, 4, 5]), 3),
    "list of rows, one twice": (sampled([3, 4, 4]), 2),
    "subset of the data set": (DataLoader(Subset(DATA, range(12)), 8), 12),
    "replacement": (sampled(RandomSampler(DATA, replacement=True)), N),
    "replacement, 4 an epoch": (
        sampled(RandomSampler(DATA, replacement=True, num_samples=4)),
        N,
    ),
    "4 an epoch": (sampled(RandomSampler(DATA, num_samples=4)), N),
    "weighted, 4 an epoch": (sampled(WeightedRandomSampler(torch.ones(N), 4)), N),
    "weighted, 10 N an epoch": (
        sampled(WeightedRandomSampler(torch.ones(N), 10 * N)),
        N,
    ),
    "weighted, half of them 0": (sampled(WeightedRandomSampler(HALF, N)), N // 2),
    "own sampler, of a few": (sampled(Drawing(range(N), 5)), N),
    "own sampler, of many": (sampled(Drawing(range(N), 5 * N)), N),
    "own batch sampler": (by_batches(Batching(range(N), 4)), N),
    "fixed batches": (by_batches([[0, 1], [2, 3, 4]]), 5),
    "batch sampler": (by_batches(BatchSampler(RandomSampler(DATA), 8, False)), N),
    "batch sampler as sampler": (
        DataLoader(
            DATA,
            sampler=BatchSampler(RandomSampler(range(10)), 4, False),
            batch_size=None,
        ),
        10,
    ),
    "one of two processes": (
        sampled(DistributedSampler(DATA, num_replicas=2, rank=0, shuffle=False)),
        N // 2,
    ),
}


def model():
    network = nn.Linear(1, 1, bias=False)
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(1.0))


@pytest.mark.parametrize("name", COUNTS)
def test_the_number_of_different_data(name):
    loader, expected = COUNTS[name]
    assert batches(model(), loader).num_data == expected


def test_the_random_numbers_of_torch_are_left_alone():
    state = torch.get_rng_state()
    zoo.data.counting.count_data(sampled(Drawing(range(N), 5)))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("per_epoch", [20, 10 * N])
def test_the_posterior_believes_in_the_data_and_not_in_their_draws(per_epoch):
    pyro.set_rng_seed(0)
    bnn = model()
    exact = 1 / math.sqrt(1 + N)
    of_draws = 1 / math.sqrt(1 + per_epoch)  # the wrong answer
    loader = DataLoader(
        DATA, 20, sampler=WeightedRandomSampler(torch.ones(N), per_epoch)
    )
    guide = guides.MeanField(bnn, init_scale=of_draws)
    engine = inference.SVI(bnn, guide, num_steps=600, lr=0.01, progress=False)
    scale = engine.fit(loader).distributions()["weight"].stddev.item()
    assert abs(scale / exact - 1) < 0.15 < abs(of_draws / exact - 1)


class Stream(IterableDataset):
    """Data that come one after the other, of which nobody knows the number."""

    def __init__(self, size=N):
        self.size = size

    def __iter__(self):
        return iter(zip(X[: self.size], Y[: self.size], strict=True))


class Once(IterableDataset):
    """A generator: a second pass gives nothing."""

    def __init__(self):
        self.rows = iter(zip(X, Y, strict=True))

    def __iter__(self):
        return self.rows


def svi(bnn, **options):
    return inference.SVI(bnn, guides.MeanField(bnn), progress=False, **options)


def test_the_user_says_how_many_data_a_stream_has():
    bnn = model()
    loader = DataLoader(Stream(), 8)
    with pytest.raises(ValueError, match=r"no length; write fit\(loader, num_data=N\)"):
        svi(bnn, num_steps=3).fit(loader)

    found = batches(bnn, loader, num_data=100)
    assert (found.num_data, found.per_epoch) == (100, 5)
    assert svi(bnn, num_steps=7).fit(loader, num_data=N).info.num_steps == 7
    assert svi(bnn, num_epochs=2).fit(loader, num_data=N).info.num_steps == 10
    posterior = inference.HMC(
        bnn,
        num_chains=1,
        warmup_steps=2,
        num_samples=4,
        num_steps=5,
        init="prior",
        progress=False,
    ).fit(loader, num_data=N)
    assert posterior.predict(loader, 4).mean.shape == (N, 1)


class Endless(IterableDataset):
    """Data that never end."""

    def __iter__(self):
        while True:
            yield X[0], Y[0]


def test_an_endless_stream_is_fitted_by_steps():
    posterior = svi(model(), num_steps=3).fit(DataLoader(Endless(), 8), num_data=N)
    assert posterior.info.num_steps == 3


def test_batches_of_unknown_size():
    loader = DataLoader([(X[:5], Y[:5]), (X[5:], Y[5:])], batch_size=None)
    with pytest.raises(
        ValueError, match=r"num_data=N\), with the number of data N, or"
    ):
        batches(model(), loader)
    assert batches(model(), loader, num_data=N).num_data == N


def test_streams_that_give_nothing():
    with pytest.raises(
        ValueError, match="a pass through the DataLoader gives no batch"
    ):
        svi(model(), num_steps=3).fit(DataLoader(Stream(0), 8), num_data=N)
    with pytest.warns(UserWarning, match="let __iter__ of an IterableDataset start"):
        posterior = svi(model(), num_steps=9).fit(DataLoader(Once(), 8), num_data=N)
    assert posterior.info.num_steps == 4
    with pytest.raises(TypeError, match="Stream is an IterableDataset, whose batches"):
        svi(model()).fit(Stream(), num_data=N)


@pytest.mark.parametrize("num_data", [0, -3, "10", 2.5])
def test_num_data_is_a_number(num_data):
    with pytest.raises(ValueError, match=f"at least 1, not {num_data!r}"):
        batches(model(), (X, Y), num_data=num_data)


def test_copies_of_rows_count_once():
    """Every datum three times, N said: the log density is that of the data once."""
    once = inference.mcmc.density.potential.Potential(model(), X, Y)
    copies = (X.repeat(3, 1), Y.repeat(3, 1))
    thrice = inference.mcmc.density.potential.Potential(model(), *copies, N)
    q = torch.tensor([0.3])
    assert thrice.energy(q).item() == pytest.approx(once.energy(q).item(), rel=1e-5)

    found = batches(model(), copies, batch_size=16, num_data=N)
    assert (found.num_data, found.per_epoch) == (N, 8)
    rest, held_out = found.split(0.25)
    assert (rest.num_data, len(held_out[1])) == (30, 30)


@pytest.mark.parametrize(
    "name",
    ["weighted, 10 N an epoch", "replacement", "4 an epoch", "own sampler, of a few"],
)
def test_a_sampler_needs_each_datum_once(name):
    with pytest.raises(ValueError, match=r"repeats or omits some|gives 5 of 40 data"):
        full(model(), COUNTS[name][0])
