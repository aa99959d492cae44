"""Augmentation: images cut out of a frame and mirrored, the frame nowhere else, and every image in an epoch."""

import pyro.distributions as dist
import torch
from torch import nn

import zoo
from zoo import likelihoods, priors
from zoo.data import batches
from zoo.datasets import Split
from zoo.experiments.augment import Augmented, loader


def test_an_image_is_cut_out_of_its_frame_and_mirrored_half_the_time():
    torch.manual_seed(0)
    x = torch.arange(1.0, 33.0).reshape(1, 2, 4, 4).expand(400, 2, 4, 4)
    changed, _ = Augmented(Split(x, torch.zeros(400).long()), margin=1)[
        list(range(400))
    ]
    framed = torch.nn.functional.pad(x[:1], (1, 1, 1, 1), value=1.0)
    crops = {(m, i, j): (framed.flip(-1) if m else framed)[0, :, i : i + 4, j : j + 4] for m in (0, 1)
             for i in range(3) for j in range(3)}  # fmt: skip
    found = [
        next(key for key, crop in crops.items() if torch.equal(crop, image))
        for image in changed
    ]
    assert set(found) == set(crops)
    mirrored = sum(key[0] for key in found)
    assert abs(mirrored - 200) < 4 * 10  # four standard errors of a fair coin


def test_an_epoch_has_every_image_once():
    part = Split(torch.rand(50, 1, 4, 4), torch.arange(50))
    seen = torch.cat([y for _, y in loader(part, batch_size=16)])
    assert sorted(seen.tolist()) == list(range(50))


def test_a_loader_that_asks_for_whole_batches_is_counted_by_data():
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 10))
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihoods.Categorical()
    )
    part = Split(torch.rand(50, 1, 4, 4), torch.arange(50) % 10)
    found = batches(model, loader(part, batch_size=16))
    assert (found.num_data, found.per_epoch) == (
        50,
        4,
    )  # and not four data, one a batch
