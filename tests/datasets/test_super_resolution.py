"""Small and large images: the published small ones, patches, and what does not fit."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from zoo import datasets
from zoo.datasets.luminance import (
    LUMINANCE_UNITS,
    bicubic,
    luminance,
    resized_colours,
)

REAL = Path(__file__).parents[3] / "shared" / "data" / "super_resolution"


def write(path, size, generator, scale=1):
    """Write an image of smooth noise, which survives that it is made smaller."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = size
    noise = torch.rand(1, 3, height, width, generator=generator)
    smooth = torch.nn.functional.interpolate(noise, scale_factor=scale, mode="bilinear")
    pixels = (255 * smooth[0]).byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path):
    """Write 4 images to train and two pairs to test, whose large image has pixels too many."""
    generator = torch.Generator().manual_seed(0)
    for number in range(4):
        write(tmp_path / "T91" / f"t{number}.png", (13, 16), generator, 2)

    for name in ("a", "b"):
        write(tmp_path / "Set5" / f"{name}_HR.png", (13, 19), generator)
        write(tmp_path / "Set5" / f"{name}_x3.png", (4, 6), generator)

    return tmp_path


def grey(value):
    return torch.full((3, 6, 6), float(value))


def test_luminance_is_that_of_the_recommendation():
    assert luminance(grey(0)).unique().tolist() == [16.0]
    assert luminance(grey(255)).unique().tolist() == pytest.approx([235.0])
    red, green, blue = 255 * torch.eye(3).reshape(3, 3, 1, 1)
    for colour, weight in ((red, 65.481), (green, 128.553), (blue, 24.966)):
        assert float(luminance(colour)) == pytest.approx(16 + weight, abs=1e-4)
    assert float(luminance(red)) != pytest.approx(255 * 0.299, abs=1)  # of JPEG


def test_a_line_keeps_its_slope_inside():
    """Bicubic interpolation reproduces a line, at the centres of the pixels."""
    line = torch.arange(24.0).expand(1, 1, 24, 24)
    large = bicubic(line, 3)
    centres = (torch.arange(72) + 0.5) / 3 - 0.5
    torch.testing.assert_close(large[0, 0, 30, 9:-9], centres[9:-9])
    small = resized_colours(10 * line[0].expand(3, -1, -1), (8, 8))
    torch.testing.assert_close(small[0, 4, 2:-2], 10 + 30 * torch.arange(2.0, 6.0))
    every_third = 10 * line[0, 0, 4, ::3]
    assert not torch.allclose(small[0, 4, 2:-2], every_third[2:-2], atol=5)


def test_patches_are_pairs_of_the_same_place(folder):
    data = datasets.super_resolution(folder, size=4, stride=2, num_validation=1)
    rows, columns = (26 // 3 - 4) // 2 + 1, (32 // 3 - 4) // 2 + 1
    assert data.train.x.shape == (3 * rows * columns, 1, 4, 4)
    assert data.train.y.shape == (3 * rows * columns, 1, 12, 12)
    assert data.validation.x.shape == (2 * 2, 1, 4, 4)  # without overlap
    assert data.test.x.shape == (2, 1, 4, 4)
    assert data.x_units is data.y_units is LUMINANCE_UNITS
    assert "train=36, validation=4, test=2, inputs=1x4x4, outputs=1x12x12" in repr(data)

    images = list(datasets.super_resolution_images(folder, "T91").values())
    found = 0
    for x, y in images:
        if torch.equal(x[0, :, :4, 2:6], data.train.x[1]):
            found += torch.equal(y[0, :, :12, 6:18], data.train.y[1])
    assert found == 1
    for x, y in zip(data.train.x, data.train.y, strict=True):
        assert abs(float(x.mean() - y.mean())) < 0.2  # other places differ by more


def test_whole_images_are_cropped_to_a_multiple(folder):
    images = datasets.super_resolution_images(folder, "Set5")
    assert list(images) == ["a", "b"]
    assert images["a"].x.shape == (1, 1, 4, 6)
    assert images["a"].y.shape == (1, 1, 12, 18)
    with Image.open(folder / "Set5" / "a_HR.png") as image:
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float()
    expected = luminance(pixels)[:, :12, :18]
    torch.testing.assert_close(LUMINANCE_UNITS.restore(images["a"].y)[0], expected)


def test_predictions_of_images_have_original_units(folder):
    data = datasets.super_resolution(folder, size=4, num_validation=0)
    restored = data.in_original_units(data.test.y)
    assert 16 <= float(restored.min()) <= float(restored.max()) <= 235
    draws = data.in_original_units(torch.zeros(5, 2, 1, 12, 12))
    assert draws.unique().tolist() == pytest.approx([118.65])
    with pytest.raises(
        ValueError, match=r"\(2, 3, 12, 12\).* 1 channel.*\(N, 1, H, W\)"
    ):
        data.in_original_units(torch.zeros(2, 3, 12, 12))


def test_an_image_of_yours_is_a_pair():
    image = torch.randint(256, (3, 8, 12))
    low, high = datasets.super_resolution_pair(image, factor=4)
    assert low.shape == (1, 1, 2, 3)
    expected = LUMINANCE_UNITS.standardise(luminance(image.float()))
    torch.testing.assert_close(high[0], expected)
    one, _ = datasets.super_resolution_pair(torch.full((1, 4, 4), 255), factor=2)
    white = (235 - 118.65) / 47.91
    torch.testing.assert_close(one, torch.full((1, 1, 2, 2), white))


def test_what_does_not_fit_gets_a_sentence(folder):
    pair = datasets.super_resolution_pair
    with pytest.raises(
        ValueError,
        match=r"10 x 12 pixels, and 3 does not divide .* image\[:, :9, :12\]",
    ):
        pair(torch.zeros(3, 10, 12), factor=3)
    with pytest.raises(ValueError, match="factor must be 2, 3 or 4, not 5"):
        pair(torch.zeros(3, 10, 10), factor=5)
    with pytest.raises(
        ValueError, match=r"shape \(10, 10\); write colours \(3, H, W\)"
    ):
        pair(torch.zeros(10, 10))
    with pytest.raises(ValueError, match="factor must be 2, 3 or 4, not 1"):
        datasets.super_resolution(folder, factor=1)
    with pytest.raises(ValueError, match="'Set5', 'Set14' or 'T91', not 'BSD'"):
        datasets.super_resolution_images(folder, "BSD")
    with pytest.raises(FileNotFoundError, match="Set14' has no images; put folders"):
        datasets.super_resolution_images(folder, "Set14")
    with pytest.raises(FileNotFoundError, match=r"has no file a_x2\.png; put folders"):
        datasets.super_resolution_images(folder, "Set5", factor=2)
    with pytest.raises(FileNotFoundError, match="T91' has no images"):
        datasets.super_resolution(folder / "nowhere")
    with pytest.raises(ValueError, match="no image has 17 x 17 pixels"):
        datasets.super_resolution(folder, num_validation=0)
    with pytest.raises(ValueError, match="size and stride are numbers of pixels"):
        datasets.super_resolution(folder, size=4, stride=0)
    with pytest.raises(ValueError, match="there are 4 images of T91, not enough"):
        datasets.super_resolution(folder, size=4, num_validation=4)
    write(folder / "Set5" / "a_x4.png", (4, 4), torch.Generator())
    with pytest.raises(ValueError, match=r"a_HR.png has 13 x 19 .* fewer than 4 times"):
        datasets.super_resolution_images(folder, "Set5", factor=4)


@pytest.mark.skipif(
    not REAL.is_dir(), reason="../shared/data/super_resolution is absent"
)
def test_our_small_images_are_the_published_ones_up_to_rounding():
    """The difference is 60 dB, 0.14 grey values on average; every third pixel has 27 dB."""
    ratios, wrong = [], []
    for file in sorted((REAL / "Set5").glob("*_HR.png")):
        small = datasets.super_resolution_images(REAL, "Set5")[file.stem[:-3]].x
        with Image.open(file) as image:
            pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
        height, width = (3 * side for side in small.shape[-2:])
        low, high = datasets.super_resolution_pair(pixels[:, :height, :width])
        for found, answer in ((ratios, low), (wrong, high[..., 1::3, 1::3])):
            error = (LUMINANCE_UNITS.scale * (answer - small)).square().mean()
            found.append(10 * torch.log10(255**2 / error))
    assert min(ratios) > 58
    assert max(wrong) < 40
