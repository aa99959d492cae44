"""Transforms of pixels against other implementations of their equations."""

import math

import numpy as np
import pytest
import scipy.ndimage
import torch

from zoo import stress
from zoo.datasets import Dataset, Split, Units
from zoo.stress.geometry import displace
from zoo.stress.pixels import corrupted, images

TRANSFORMS = [stress.rotation, stress.noise, stress.warp, stress.skew]
IMAGES = torch.rand(5, 1, 12, 12, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("corrupt", TRANSFORMS)
def test_severity_zero_changes_nothing(corrupt):
    torch.testing.assert_close(corrupt(IMAGES, 0.0), IMAGES, atol=1e-5, rtol=0)


def test_a_rotation_is_counter_clockwise():
    turned = stress.rotation(IMAGES, 90.0)
    torch.testing.assert_close(turned, IMAGES.rot90(1, (2, 3)), atol=1e-5, rtol=0)
    assert not torch.allclose(turned, IMAGES.rot90(-1, (2, 3)), atol=0.1)


def test_noise_has_the_scale_it_says_and_is_not_clipped():
    x = torch.full((100, 1, 20, 20), 0.5)
    found = stress.noise(x, 0.8) - x
    error = (
        5 * 0.8 / math.sqrt(2 * found.numel())
    )  # five standard errors of a standard deviation
    assert abs(found.std() - 0.8) < error
    assert abs(found.std() - 0.8**2) > error  # a variance instead of a scale
    assert found.max() > 1.5


def test_pixels_come_from_where_a_field_points():
    ramp = torch.arange(10.0).expand(1, 1, 10, 10) / 10
    field = torch.zeros(1, 2, 10, 10)
    field[:, 0] = 1.5
    torch.testing.assert_close(displace(ramp, field)[..., :8], ramp[..., :8] + 0.15)
    torch.testing.assert_close(
        displace(ramp.mT, field.flip(1))[..., :8, :], ramp.mT[..., :8, :] + 0.15
    )


def test_a_warp_moves_pixels_as_far_as_it_says(monkeypatch):
    fields = []
    monkeypatch.setattr(
        "zoo.stress.transforms.displace", lambda x, field: fields.append(field) or x
    )
    stress.warp(IMAGES, 2.5)
    torch.testing.assert_close(
        fields[0].square().mean((1, 2, 3)).sqrt(), torch.full((5,), 2.5)
    )
    assert not torch.equal(fields[0][0], fields[0][1])  # another field for each image
    steps = fields[0].diff(dim=-1).abs().mean()
    assert (
        steps < 0.6 * 2.5
    )  # neighbours move together; independent values would differ by 1.13 times 2.5


def test_a_skew_is_the_linear_map_of_the_talk():
    s, side = 0.2, np.arange(12) + 0.5
    v, u = np.meshgrid(side, side, indexing="ij")
    place = np.stack([s * u + (1 + s) * v, (1 - s) * u + s * v]) - 0.5
    image = IMAGES[0, 0].numpy()
    expected = scipy.ndimage.map_coordinates(
        image, place, order=1, mode="grid-constant"
    )
    np.testing.assert_allclose(
        stress.skew(IMAGES, s)[0, 0].numpy(), expected, atol=1e-5
    )
    assert not np.allclose(stress.skew(IMAGES, -s)[0, 0].numpy(), expected, atol=0.1)


def test_images_are_corrupted_in_the_same_way_each_time_and_the_generator_is_unchanged():
    same = torch.full((501, 1, 4, 4), 0.5)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    found = corrupted(same, stress.noise, 0.5)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(corrupted(same, stress.noise, 0.5), found)
    assert not torch.equal(corrupted(same, stress.noise, 0.5, seed=1), found)
    assert not torch.equal(
        found[0], found[500]
    )  # which go to the corruption in two parts
    torch.testing.assert_close(
        corrupted(same, stress.noise, 1.0) - same, 2 * (found - same)
    )  # more of the same noise
    assert corrupted(same, lambda x, _: 1 / 0, 0) is same


def test_pixels_of_a_data_set_are_restored_by_its_units():
    units = Units(torch.tensor([[[0.3]]]), torch.tensor([[[0.2]]]))
    part = Split(units.standardise(IMAGES), torch.zeros(5, dtype=torch.long))
    found = images(Dataset("made up", part, part, units))
    torch.testing.assert_close(found.pixels, IMAGES)
    torch.testing.assert_close(found.standardised(), part.x)
    assert images((IMAGES, part.y)).units is None


@pytest.mark.parametrize("corrupt", [*TRANSFORMS, stress.fog, stress.jpeg])
@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (
            255 * IMAGES,
            "pixels must be between 0 and 1, but these go from .* to 25.*; divide by 255",
        ),
        (IMAGES - 1, "pixels must be between 0 and 1"),
        (
            IMAGES.flatten(1),
            r"images must be floats of shape \(N, channels, height, width\).*\(5, 144\)",
        ),
        ((255 * IMAGES).byte(), "divide bytes by 255"),
        (IMAGES / 0, "NaN or infinite"),
    ],
)
def test_what_is_no_image_gets_a_sentence(corrupt, x, sentence):
    with pytest.raises(ValueError, match=sentence):
        corrupt(x, 1)


def test_severities_that_are_none_get_a_sentence():
    for corrupt, word in ((stress.noise, "severity"), (stress.warp, "severity")):
        with pytest.raises(
            ValueError, match=f"{word} must be a finite number of at least 0, not -1"
        ):
            corrupt(IMAGES, -1)
    for corrupt, word in ((stress.rotation, "degrees"), (stress.skew, "severity")):
        with pytest.raises(
            ValueError, match=f"{word} must be a finite number, not nan"
        ):
            corrupt(IMAGES, math.nan)


def test_a_corruption_of_your_own_keeps_the_shape_and_is_finite():
    def halved(x, _):
        return x[..., ::2, ::2]

    with pytest.raises(
        ValueError,
        match=r"of the same shape, \(5, 1, 12, 12\), but halved at 1 returned shape \(5, 1, 6",
    ):
        corrupted(IMAGES, halved, 1)
    with pytest.raises(ValueError, match="values that are not finite"):
        corrupted(IMAGES, lambda x, _: x / 0, 1)


def test_data_without_pixels_get_a_sentence(digits):
    y = torch.zeros(5, dtype=torch.long)
    with pytest.raises(
        ValueError,
        match=r"go from -?\d.* to .*; give the whole Dataset, whose x_units",
    ):
        images((10 * IMAGES, y))
    with pytest.raises(ValueError, match="5 images and 4 labels"):
        images((IMAGES, y[:4]))
    with pytest.raises(
        TypeError, match=r"data must be a zoo\.datasets\.Dataset or a pair"
    ):
        images(IMAGES)
    whole = Dataset("bytes", Split(255 * IMAGES, y), Split(255 * IMAGES, y))
    with pytest.raises(ValueError, match="divide pixels by 255"):
        images(whole)
