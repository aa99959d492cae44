"""Augmentation: images are cropped after padding, mirrored, and all in every epoch."""

import pyro.distributions as dist
import torch
from torch import nn

import zoo
from zoo import likelihoods, priors
from zoo.data import batches
from zoo.datasets import Split
from zoo.experiments.parts.augment import Augmented, loader, resized


def all_crops(image):
    """Return the nine crops of a padded image (C, 4, 4), and of its mirror image, by place."""
    padded = nn.functional.pad(image, (1, 1, 1, 1), value=1.0)
    crops = {}
    for mirrored in (False, True):
        source = padded.flip(-1) if mirrored else padded
        for top in range(3):
            for left in range(3):
                crop = source[:, top : top + 4, left : left + 4]
                crops[mirrored, top, left] = crop
    return crops


def test_an_image_is_cropped_after_padding_and_mirrored_half_the_time():
    torch.manual_seed(0)
    image = torch.arange(1.0, 33.0).reshape(2, 4, 4)
    part = Split(image.expand(400, 2, 4, 4), torch.zeros(400).long())
    changed, _ = Augmented(part, margin=1)[list(range(400))]

    crops = all_crops(image)
    found = []
    for one in changed:
        places = [place for place, crop in crops.items() if torch.equal(crop, one)]
        found.append(places[0])
    assert set(found) == set(crops)

    num_mirrored = sum(mirrored for mirrored, _, _ in found)
    assert abs(num_mirrored - 200) < 4 * 10  # four standard errors of a fair coin


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
    assert found.num_data == 50  # and not four, the number of batches
    assert found.per_epoch == 4


def test_a_resized_part_has_averages_of_its_images_and_the_same_labels():
    columns = torch.arange(8.0).expand(1_500, 2, 8, 8)
    part = Split(columns, torch.arange(1_500))
    small = resized(part, 4)
    assert small.x.shape == (1_500, 2, 4, 4)
    assert torch.equal(small.y, part.y)
    middle = small.x[0, 0, 0, 1:3]
    torch.testing.assert_close(middle, torch.tensor([2.5, 4.5]))
