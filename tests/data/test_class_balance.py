"""Re-sampling and re-weighting by class: the posterior of data whose weights add up to N."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    TensorDataset,
    WeightedRandomSampler,
)

import guides
import zoo
from zoo import inference, likelihoods, priors
from zoo.data import balanced_loader, batches, class_weights
from zoo.data.counting import draws_unevenly
from zoo.likelihoods.observed import Observed

N, TAIL = 24, 2
LABELS = torch.tensor([0] * (N - TAIL) + [1] * TAIL)
X = torch.ones(N, 1, dtype=torch.float64)
Y = (3.0 * LABELS + torch.linspace(-1, 1, N)).double().unsqueeze(-1)
WEIGHTS = class_weights(LABELS)[LABELS].double()  # of data, (N,)
ROWS = TensorDataset(X, Y)


def model():
    network = nn.Linear(1, 1, bias=False).double()
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(1.0))


def test_weights_are_inverse_to_effective_numbers_and_add_up_to_the_data():
    y = torch.tensor([0] * 30 + [1] * 9 + [3])
    for beta, effective in (
        (1.0, (30, 9, 1)),
        (0.0, (1, 1, 1)),
        (0.9, [(1 - 0.9**n) / 0.1 for n in (30, 9, 1)]),
    ):
        weights = class_weights(y, beta)
        ratios = weights[[0, 1, 3]] * torch.tensor(effective)
        assert torch.allclose(ratios, ratios[:1].expand(3))
        assert weights[2] == 0
        assert weights[y].sum().item() == pytest.approx(40, rel=1e-6)


def log_density(x, y, num_data=None):
    """Return the log joint density of data and of one weight."""
    conditioned = poutine.condition(
        model(), {"weight": torch.full((1, 1), 0.7).double()}
    )
    return poutine.trace(conditioned).get_trace(x, y, num_data).log_prob_sum()


def test_an_average_batch_has_the_density_of_weighted_data():
    """The expectation over the sampler, by enumeration, is exact."""
    chances = WEIGHTS / WEIGHTS.sum()
    expected = 0.0
    for row, chance in enumerate(chances):
        rows = slice(row, row + 1)
        expected += chance * log_density(X[rows], Y[rows], num_data=N)

    found = log_density(X, Observed(Y, WEIGHTS))
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    paper = WEIGHTS * 2 / class_weights(LABELS).sum()  # of classes, adding up to 2
    found = log_density(X, Observed(Y, paper))
    assert found.item() != pytest.approx(expected.item(), rel=0.1)


def test_the_conjugate_posterior_under_resampling_is_the_weighted_one():
    pyro.set_rng_seed(0)
    mean = (WEIGHTS * Y[:, 0]).sum() / (1 + N)
    as_they_are = Y.sum() / (1 + N)
    scale = (1 + N) ** -0.5

    rows = WeightedRandomSampler(WEIGHTS.tolist(), 10 * N)  # draws do not count
    loader = DataLoader(ROWS, sampler=BatchSampler(rows, N, False), batch_size=None)
    bnn = model()
    guide = guides.MeanField(bnn, init_scale=0.1)
    engine = inference.SVI(
        bnn,
        guide,
        num_steps=400,
        lr=0.05,
        progress=False,
        scheduler=inference.schedules.cosine(0.1),
    )
    posterior = engine.fit(loader)
    found = posterior.distributions()["weight"]

    assert abs(found.mean.item() - mean) < 0.5 * scale
    assert abs(as_they_are - mean) > 5 * scale
    assert found.stddev.item() == pytest.approx(scale, rel=0.15)
    assert posterior.info.bound is False


def test_a_balanced_loader_has_classes_of_equal_size_and_the_number_of_data():
    pyro.set_rng_seed(0)
    loader = balanced_loader((X, LABELS), 8)
    assert len(loader) == 3
    drawn = torch.cat([y for _ in range(50) for _, y in loader])
    assert drawn.double().mean().item() == pytest.approx(0.5, abs=4 * 0.5 / 1200**0.5)
    assert (
        batches(model(), DataLoader(ROWS, sampler=loader.sampler.sampler)).num_data == N
    )


@pytest.mark.parametrize(
    ("sampler", "expected"),
    [
        (WeightedRandomSampler(WEIGHTS, N), True),
        (WeightedRandomSampler(WEIGHTS, N // 2, replacement=False), True),
        (WeightedRandomSampler(WEIGHTS, N, replacement=False), False),
        (WeightedRandomSampler(torch.ones(N), 10), False),
        (WeightedRandomSampler(LABELS.double(), N), False),
        (None, False),
    ],
)
def test_whether_some_data_are_drawn_more_often(sampler, expected):
    assert draws_unevenly(DataLoader(ROWS, 8, sampler=sampler)) is expected


def test_bad_input_gets_a_sentence():
    with pytest.raises(ValueError, match="beta must be between 0 and 1, not 2; write"):
        class_weights(LABELS, beta=2)
    with pytest.raises(
        ValueError, match=r"class indices \(N,\) from 0, not torch.float"
    ):
        class_weights(Y)
    with pytest.raises(
        ValueError, match=r"class indices \(N,\) from 0, not torch.int64"
    ):
        balanced_loader((X, LABELS - 1), 8)
