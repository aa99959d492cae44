"""Augmented scenes: labels go with their pixels, and the light changes images alone."""

import torch

from zoo.datasets import Dataset, Split
from zoo.experiments.parts.scene_batches import (
    AugmentedScenes,
    of_equal_contrast,
    scene_batches,
)


def part_of(number):
    """Return images whose red channel is the label of the pixel, in blocks of 4x4."""
    torch.manual_seed(0)
    blocks = torch.randint(12, (number, 6, 8))
    y = blocks.repeat_interleave(4, 1).repeat_interleave(4, 2)
    x = torch.stack([y.float(), torch.rand(y.shape), torch.rand(y.shape)], 1)

    return Split(x, y)


def test_labels_go_with_their_pixels():
    part = part_of(200)
    x, y = AugmentedScenes(part, zoom=0.4, light=0.0)[list(range(200))]
    assert y.dtype == torch.int64
    assert set(y.unique().tolist()) == set(range(12))  # no mixtures

    inside = (x[:, 0] - y).abs() < 1e-3  # else an edge, where the image is a mixture
    assert inside.float().mean() > 0.5

    # the wrong answer: label maps that stay as they are
    assert ((x[:, 0] - part.y).abs() < 1e-3).float().mean() < 0.3


def test_whole_images_are_mirrored_half_the_time():
    part = part_of(400)
    x, y = AugmentedScenes(part, zoom=0.0, light=0.0)[list(range(400))]
    as_is = (y == part.y).flatten(1).all(1)
    mirrored = (y == part.y.flip(-1)).flatten(1).all(1)
    assert (as_is | mirrored).all()
    assert (
        abs(int(mirrored.sum()) - 200) < 4 * 10
    )  # four standard errors of a fair coin
    torch.testing.assert_close(x[mirrored], part.x[mirrored].flip(-1))


def test_light_changes_contrast_and_brightness_of_an_image():
    part = part_of(300)
    x, _ = AugmentedScenes(part, zoom=0.0, light=0.3)[list(range(300))]
    contrast = x.flatten(1).std(1) / part.x.flatten(1).std(1)
    brightness = x.flatten(1).mean(1) - contrast * part.x.flatten(1).mean(1)
    for values, centre in ((contrast, 1.0), (brightness, 0.0)):
        assert (values - centre).abs().max() <= 0.3 + 1e-3
        assert abs(values.std() - 0.3 / 3**0.5) < 0.02


def test_an_epoch_has_every_scene_once():
    part = part_of(10)
    images = torch.arange(10.0).reshape(10, 1, 1, 1).expand_as(part.x)
    loader = scene_batches(Split(images, part.y), 4, zoom=0.2, light=0.0)
    seen = torch.cat([x[:, 0, 0, 0] for x, _ in loader])
    assert seen.round().sort().values.tolist() == list(range(10))
    assert len(loader) == 3


def test_images_of_equal_contrast_do_not_depend_on_the_light():
    part = part_of(6)
    darker = Split(0.2 * part.x - 0.5, part.y)
    data = Dataset("scenes", part, darker, validation=part)
    found = of_equal_contrast(data)
    torch.testing.assert_close(found.train.x, found.test.x, atol=1e-4, rtol=1e-4)
    assert float(found.train.x[3].std()) == torch.tensor(1.0)
