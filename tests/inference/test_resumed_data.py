"""Runs on data of every form are resumed to the same bits, and refused with other data."""

import random

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset

import guides
import zoo
from zoo import inference, likelihoods, priors

torch.manual_seed(0)
N = 24
X, Y = torch.randn(N, 2), torch.randn(N, 1)
NOISE = torch.rand(N, 1) + 0.1
WEIGHTS = torch.rand(N) + 0.5


class Two(nn.Module):
    """A network of two inputs."""

    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(2, 1), nn.Linear(2, 1)

    def forward(self, left, right):
        return self.left(left) + self.right(right)


class Augmented(Dataset):
    """Data with noise of Python, NumPy and torch."""

    def __init__(self, shift=0.0):
        self.shift = shift

    def __len__(self):
        return N

    def __getitem__(self, index):
        noise = random.gauss(0, 1) + np.random.normal() + torch.randn(2)
        return X[index] + self.shift + 0.1 * noise, Y[index]


class Stream(IterableDataset):
    """Data that come one after the other."""

    def __init__(self, shift=0.0):
        self.shift = shift

    def __iter__(self):
        return zip(X + self.shift, Y, strict=True)


def build(network):
    torch.manual_seed(0)
    scale = "given" if network is Two else 0.3
    return zoo.BayesianNetwork(
        network() if network is Two else nn.Linear(2, 1),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Gaussian(scale),
    )


PAIR = {"left": X, "right": X + 1}
FORMS = {
    "two inputs with weights and noise": (
        Two, lambda: (PAIR, Y), {"weights": WEIGHTS, "scale": NOISE, "batch_size": 6},
        {"weights": 2 * WEIGHTS}, r"targets\.weights",
    ),
    "known noise": (
        Two, lambda: (PAIR, Y), {"scale": NOISE, "batch_size": 6},
        {"scale": 2 * NOISE}, r"targets\.given\['scale'\]",
    ),
    "number of data": (nn.Linear, lambda: (X, Y), {"num_data": 30}, {"num_data": 60}, "number of"),
    "augmented loader": (
        nn.Linear, lambda: DataLoader(Augmented(), 6, shuffle=True), {},
        {"data": lambda: DataLoader(Augmented(0.5), 6, shuffle=True)}, "data set",
    ),
    "loader with a generator": (
        nn.Linear,
        lambda: DataLoader(
            Augmented(), 6, shuffle=True, generator=torch.Generator().manual_seed(3)
        ),
        {}, {"data": lambda: DataLoader(Augmented(), 6)}, "sampler",
    ),
    "stream": (
        nn.Linear, lambda: DataLoader(Stream(), 6), {"num_data": N},
        {"data": lambda: DataLoader(Stream(0.5), 6)}, "data set",
    ),
}  # fmt: skip


def fit(network, data, path, *, seed=1, stop=None, **options):
    model = build(network)
    pyro.set_rng_seed(seed)
    random.seed(seed)
    np.random.seed(seed)
    count = iter(range(10**6))

    def schedule(optimizer):
        made = torch.optim.lr_scheduler.ConstantLR(optimizer)
        step = made.step

        def interrupt():
            if next(count) == stop:
                raise KeyboardInterrupt
            step()

        made.step = interrupt
        return made

    engine = inference.SVI(
        model, guides.MeanField(model), num_steps=14, scheduler=schedule, compile="plain",
        progress=False, checkpoint=path,
    )  # fmt: skip
    return engine.fit(data(), **options)


@pytest.mark.parametrize(
    ("network", "data", "options", "change", "sentence"), FORMS.values(), ids=FORMS
)
def test_a_fit_to_any_data_ends_in_the_same_bits(
    network, data, options, change, sentence, tmp_path
):
    path = tmp_path / "a.run"
    straight = fit(network, data, None, **options)
    stopped = fit(network, data, path, stop=10, **options)
    assert stopped.info.stopped
    again = fit(network, data, path, seed=7, **options)
    assert torch.equal(again.info.losses, straight.info.losses)
    for name, value in straight.scoped.tensors().items():
        assert torch.equal(value, again.scoped.tensors()[name])

    other = {"data": data, **options, **change}
    with pytest.raises(ValueError, match=f"differ in {sentence}"):
        fit(network, path=path, **other)


def test_chains_given_weights_and_noise_are_resumed_and_compared(tmp_path):
    def sample(num_samples=8, **options):
        engine = inference.HMC(
            build(Two), num_steps=2, num_chains=2, warmup_steps=4, num_samples=num_samples,
            init="prior", compile="plain", progress=False, checkpoint=tmp_path / "a.run",
        )  # fmt: skip
        return engine.fit((PAIR, Y), **{"weights": WEIGHTS, "scale": NOISE, **options})

    first = sample()
    longer = sample(num_samples=12)
    for name, value in first.draws.items():
        assert torch.equal(longer.draws[name][:, :8], value)
    with pytest.raises(ValueError, match=r"differ in targets\.weights"):
        sample(weights=WEIGHTS + 1)
    with pytest.raises(ValueError, match=r"differ in inputs|differ in targets\.given"):
        sample(scale=NOISE + 1)
    with pytest.raises(ValueError, match="differ in number of data"):
        sample(num_data=2 * N)
