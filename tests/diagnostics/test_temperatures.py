"""The sentences on temperatures, and on draws that are of no posterior."""

import pyro.distributions as dist
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.diagnostics.temperatures import temperature_faults
from zoo.posterior import SGMCMCInfo
from zoo.posterior.stochastic_info import Temperature

X, Y = torch.randn(20, 2), torch.randn(20, 1)
SHORT = {"num_epochs": 8, "num_chains": 2, "lr": 1e-3, "progress": False}


def info(kinetic=1.0, configurational=1.0, num_draws=100):
    noise = 0.01 * torch.randn(2, num_draws)
    return SGMCMCInfo(
        acceptance_rate=torch.ones(2, num_draws),
        diverging=torch.zeros(2, num_draws, dtype=torch.bool),
        n_steps=torch.ones(2, num_draws),
        lp=torch.randn(2, num_draws),
        step_size=torch.ones(2),
        num_gradients=1,
        seconds_warmup=0.0,
        seconds=1.0,
        compiled="plain",
        kinetic_temperature=kinetic + noise,
        configurational_temperature=configurational + noise,
    )


def test_a_right_temperature_has_no_sentence():
    assert temperature_faults(info()) == []
    assert temperature_faults(info(kinetic=1.5, num_draws=10)) == []


def test_a_wrong_temperature_has_a_sentence_with_a_remedy():
    (hot,) = temperature_faults(info(kinetic=1.3))
    assert hot.startswith("the kinetic temperature is 1.3 (1.3 to 1.3) times")
    assert "too wide; write a smaller lr" in hot
    (cold,) = temperature_faults(info(configurational=0.4))
    assert "have not reached the posterior yet; write more epochs" in cold


def test_an_interval_covers_the_mean_of_correlated_values():
    torch.manual_seed(0)
    covered = 0
    for _ in range(100):
        values = torch.randn(4, 200)
        for step in range(1, 200):
            values[:, step] = 0.7 * values[:, step - 1] + 0.51**0.5 * values[:, step]
        interval = Temperature.of(1 + values)
        covered += interval.low < 1 < interval.high
    assert covered >= 85


def build(network):
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(1.0))


class Augmented(Dataset):
    """Inputs with new noise at every reading."""

    scale = 1.0

    def __len__(self):
        return len(X)

    def __getitem__(self, index):
        return X[index] + self.scale * torch.randn(2), Y[index]


def test_augmentation_is_said():
    model = build(networks.MLP(2, 1, hidden=[3]))
    posterior = inference.SGLD(model, **SHORT).fit(DataLoader(Augmented(), 10))
    assert "augments its data" in posterior.info.caveat
    assert "augments its data" in repr(posterior.info)

    same = Augmented()
    same.scale = 0.0
    assert inference.SGLD(model, **SHORT).fit(DataLoader(same, 10)).info.caveat == ""


def test_batch_normalisation_is_said():
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    with pytest.warns(UserWarning, match="the network has batch normalisation"):
        posterior = inference.SGLD(build(network), **SHORT).fit((X, Y))
    assert "running statistics of the start" in posterior.info.caveat
    assert any(
        "running statistics" in each for each in zoo.convergence(posterior, X).faults
    )
