"""Families of corruption against other implementations, and the scores of the suite."""

import colorsys
import math

import numpy as np
import pytest
import scipy.ndimage
import torch

from zoo import stress
from zoo.stress.corruptions import BLURS, COLOURED, GREY

GREYS = torch.rand(6, 1, 16, 16, generator=torch.Generator().manual_seed(0))
COLOURS = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(1))
FLAT = torch.full((100, 1, 20, 20), 0.5)


@pytest.mark.parametrize("family", COLOURED)
def test_every_family_keeps_shape_and_range_and_corrupts_more_at_five(family):
    torch.manual_seed(0)
    changes = []
    for severity in (1, 2, 3, 4, 5):
        found = family(COLOURS, severity)
        assert found.shape == COLOURS.shape
        assert 0 <= found.min() <= found.max() <= 1
        changes.append(float((found - COLOURS).abs().mean()))
    assert min(changes) > 0
    if family not in (
        stress.elastic,
        stress.saturate,
    ):  # whose severity 1 tilts most, or takes colour away
        assert changes[4] > changes[0]


@pytest.mark.parametrize(
    ("family", "std", "wrong"),
    [
        (stress.gaussian_noise, 0.08, 0.08**2),
        (stress.shot_noise, math.sqrt(0.5 / 100), 0.5 / 100),
        (stress.speckle_noise, 0.12 * 0.5, 0.12),
    ],
)
def test_noises_have_the_published_scale(family, std, wrong):
    found = family(FLAT, 3)
    error = 5 * std / math.sqrt(2 * found.numel())
    assert abs(found.mean() - 0.5) < 5 * std / math.sqrt(found.numel())
    assert abs(found.std() - std) < error
    assert abs(wrong - std) > error


def test_impulses_are_as_many_black_as_white():
    found = stress.impulse_noise(FLAT, 5)
    error = 5 * math.sqrt(0.035 / found.numel())
    for value in (0.0, 1.0):
        assert abs((found == value).double().mean() - 0.035) < error
    assert abs((found == 1.0).double().mean() - 0.07) > error  # all of them white


@pytest.mark.parametrize("severity", [1, 3, 4, 5])
def test_defocus_is_a_softened_disk(severity):
    radius, sigma = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1))[
        severity - 1
    ]
    reach = np.arange(-8, 9)
    disk = (reach[:, None] ** 2 + reach**2 <= radius**2).astype(float)
    soft = np.exp(-0.5 * (np.arange(-1, 2) / sigma) ** 2)
    kernel = scipy.ndimage.convolve(
        disk / disk.sum(), np.outer(soft, soft) / soft.sum() ** 2, mode="constant"
    )
    expected = scipy.ndimage.convolve(
        GREYS[0, 0].double().numpy(), kernel, mode="mirror"
    )
    np.testing.assert_allclose(
        stress.defocus_blur(GREYS, severity)[0, 0], expected, atol=1e-5
    )


def test_zoom_averages_enlargements():
    image = GREYS[0, 0].double().numpy()
    total, factors = image.copy(), np.arange(1, 1.16, 0.01)
    for factor in factors:
        part = math.ceil(16 / factor)
        start = (16 - part) // 2
        large = scipy.ndimage.zoom(
            image[start : start + part, start : start + part], factor, order=1
        )
        start = (len(large) - 16) // 2
        total += large[start : start + 16, start : start + 16]
    np.testing.assert_allclose(
        stress.zoom_blur(GREYS, 3)[0, 0], total / (len(factors) + 1), atol=1e-4
    )


def test_motion_smears_to_one_side_with_normal_weights(monkeypatch):
    monkeypatch.setattr(
        torch, "rand", lambda *size, **_: torch.full(size, 0.5)
    )  # an angle of 0
    weights = np.exp(-0.5 * (np.arange(13) / 1.5) ** 2)
    image = np.pad(GREYS[0, 0].double().numpy(), ((0, 0), (0, 12)), mode="edge")
    expected = sum(
        weight * image[:, i : i + 16]
        for i, weight in enumerate(weights / weights.sum())
    )
    np.testing.assert_allclose(stress.motion_blur(GREYS, 2)[0, 0], expected, atol=1e-5)


def test_glass_shows_a_pixel_or_a_neighbour_above_or_to_the_left():
    image = torch.arange(144.0).reshape(1, 1, 12, 12) / 144
    found = (144 * stress.glass_blur(image, 1)).round().squeeze().int()
    steps = (torch.arange(144).reshape(12, 12) - found)[2:, 2:]
    assert set(steps.flatten().tolist()) == {0, 1, 12, 13}
    assert torch.equal(
        found[:2], torch.arange(24).reshape(2, 12).int()
    )  # the border stays


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_brightness_and_saturation_are_those_of_hue_saturation_and_value(severity):
    more = (0.05, 0.1, 0.15, 0.2, 0.3)[severity - 1]
    factor, plus = ((0.3, 0.0), (0.1, 0.0), (1.5, 0.0), (2.0, 0.1), (2.5, 0.2))[
        severity - 1
    ]
    pixels = torch.cat(
        [COLOURS[:1, :, :2].flatten(2), torch.tensor([[[0.4, 0.0]] * 3])], 2
    )[..., None]
    brighter, richer = (
        stress.brightness(pixels, severity),
        stress.saturate(pixels, severity),
    )
    for i, rgb in enumerate(pixels[0, :, :, 0].T.tolist()):
        hue, saturation, value = colorsys.rgb_to_hsv(*rgb)
        expected = colorsys.hsv_to_rgb(hue, saturation, min(value + more, 1))
        np.testing.assert_allclose(brighter[0, :, i, 0], expected, atol=1e-5)
        expected = colorsys.hsv_to_rgb(hue, min(saturation * factor + plus, 1), value)
        np.testing.assert_allclose(richer[0, :, i, 0], expected, atol=1e-5)


def test_an_elastic_tilt_takes_three_points_to_where_they_were():
    side = torch.arange(16.0) / 32 + 0.2  # linear, so that bilinear is exact
    ramps = torch.stack([side.expand(16, 16), side[:, None].expand(16, 16)])[:, None]
    found = []
    for ramp in ramps:  # the same two tilts of both
        torch.manual_seed(0)
        found.append(stress.elastic(ramp.expand(2, 1, 16, 16), 1))
    torch.manual_seed(0)
    before = 8 + torch.tensor([[5.0, 5.0], [5.0, -5.0], [-5.0, -5.0]])
    after = before + 0.08 * 16 * (2 * torch.rand(2, 3, 2) - 1)
    grid = torch.stack(
        torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="xy"), -1
    )
    inside = (slice(4, 12), slice(4, 12))
    for image in range(2):
        where = torch.stack(
            [32 * (part[image, 0] - 0.2) for part in found], -1
        )  # where each pixel came from
        flat = torch.cat([grid[inside].reshape(-1, 2), torch.ones(64, 1)], 1)
        tilt = torch.linalg.lstsq(flat, where[inside].reshape(-1, 2)).solution
        back = torch.cat([after[image], torch.ones(3, 1)], 1) @ tilt
        torch.testing.assert_close(back, before, atol=1e-2, rtol=0)
        assert (after[image] - before).abs().max() > 0.5  # the error without a tilt


def test_fog_thins_white_by_a_cloud_that_is_smoother_where_it_decays_faster():
    white = torch.ones(20, 1, 16, 16)
    for severity, share in ((1, 0.2), (5, 1.5)):
        found = stress.fog(white, severity)
        torch.testing.assert_close(
            found.amax((1, 2, 3)), torch.ones(20), atol=0.05, rtol=0
        )  # the top of the cloud
        assert abs(float(found.min()) - 1 / (1 + share)) < 0.05  # and its bottom
    steps = [
        stress.weather._clouds(20, 32, decay, white).diff(dim=-1).abs().mean()
        for decay in (3.0, 1.75)
    ]
    assert steps[0] < steps[1]


def test_what_is_stored_with_losses_comes_close_and_what_is_made_of_blocks_has_blocks():
    smooth = torch.linspace(0, 1, 32).expand(1, 1, 32, 32)
    assert 0 < (stress.jpeg(smooth, 5) - smooth).abs().max() < 0.1
    blocks = stress.pixelate(smooth, 5)
    assert len(blocks[0, 0, 0].unique()) == int(32 * 0.65)


@pytest.mark.parametrize("family", COLOURED)
@pytest.mark.parametrize("severity", [0, 6, 2.5, -1])
def test_a_severity_that_is_no_step_gets_a_sentence(family, severity):
    with pytest.raises(
        ValueError, match=f"severity must be 1, 2, 3, 4 or 5.*not {severity}"
    ):
        family(COLOURS, severity)


def test_channels_that_a_family_cannot_take_get_a_sentence():
    with pytest.raises(
        ValueError, match=r"saturate needs colour images with 3 channels, not 1 channel"
    ):
        stress.saturate(GREYS, 1)
    with pytest.raises(ValueError, match="1 or 3 channels, not 2"):
        stress.jpeg(COLOURS[:, :2], 1)


def test_the_suite_scores_families_by_severity(classifier, digits):
    found = stress.corruptions(
        classifier, digits, (stress.contrast, stress.impulse_noise), progress=False
    )
    assert found.families == ("contrast", "impulse noise")
    accuracy = found.scores["accuracy"]
    assert accuracy.shape == (2, 5)
    assert found.clean["accuracy"] > 0.9
    assert found.mean_error == pytest.approx(1 - float(accuracy.mean()))
    assert found.scores["entropy"][0, 4] > found.clean["entropy"]
    one = stress.severity(
        classifier, digits, stress.contrast, (5,), num_samples=20, progress=False
    )
    assert one.scores["accuracy"][1] == pytest.approx(
        float(accuracy[0, 4]), abs=0.05
    )  # other draws
    rows = found.table.to_dicts()
    assert [row["family"] for row in rows] == ["none", "contrast", "impulse noise"]
    assert rows[1]["5"] == pytest.approx(float(accuracy[0, 4]))
    assert len(found.plot().axes) == 2


def test_the_mean_corruption_error_is_relative_to_a_baseline(classifier, point, digits):
    families = (stress.contrast, stress.impulse_noise)
    ours, theirs = (
        stress.corruptions(one, digits, families, progress=False)
        for one in (classifier, point)
    )
    assert ours.mean_corruption_error(ours) == pytest.approx(1.0)
    errors = [1 - one.scores["accuracy"].double() for one in (ours, theirs)]
    expected = sum(float(errors[0][f].sum() / errors[1][f].sum()) for f in range(2)) / 2
    assert ours.mean_corruption_error(theirs) == pytest.approx(expected)
    fewer = stress.corruptions(
        point, digits, families[:1], severities=(1,), progress=False
    )
    with pytest.raises(ValueError, match="other families or severities"):
        ours.mean_corruption_error(fewer)


def test_all_families_are_there_and_colour_alone_waits_for_colours():
    assert set(COLOURED) - set(GREY) == {stress.saturate}
    assert len(GREY) == 16
    assert len(BLURS) == 5
