"""Signal-to-noise ratio, similarity and sparsification against closed forms."""

import math

import pytest
import torch

from zoo import metrics


def test_psnr_is_the_ratio_of_each_image():
    y = 100 + torch.zeros(2, 1, 6, 6)
    mean = y + torch.tensor([1.0, 10.0]).reshape(2, 1, 1, 1)
    each = [20 * math.log10(255), 20 * math.log10(25.5)]
    found = metrics.psnr(mean, y, data_range=255)
    assert float(found) == pytest.approx(sum(each) / 2, abs=1e-4)
    of_all_pixels = 10 * math.log10(255**2 / 50.5)
    assert abs(float(found) - of_all_pixels) > 5
    of_the_data = 20 * math.log10(219)  # a range of 235 - 16
    assert abs(float(found) - of_the_data) > 5


def test_the_border_is_left_out():
    y = torch.zeros(1, 1, 20, 20)
    mean = y + 2.55
    mean[..., 0, :] = mean[..., -3:, :] = 99
    mean[..., :2] = mean[..., -3] = 99
    inner = metrics.psnr(mean, y, data_range=255, border=3)
    assert float(inner) == pytest.approx(40, abs=1e-4)
    assert metrics.psnr(mean, y, data_range=255) < 20
    assert metrics.psnr(mean, y, data_range=255, border=2) < 30


def test_similarity_of_constants_has_a_closed_form():
    """Of a constant x and y = x + d only the first factor is not 1."""
    y = torch.full((1, 1, 16, 16), 100.0)
    found = metrics.ssim(y + 20, y, data_range=255)
    c = (0.01 * 255) ** 2
    expected = (2 * 100 * 120 + c) / (100**2 + 120**2 + c)
    assert float(found) == pytest.approx(expected, abs=1e-5)
    of_another_range = metrics.ssim(y + 20, y, data_range=1.0)
    assert abs(float(of_another_range) - expected) > 1e-6
    noise = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    image = 100 + 30 * noise
    whole = metrics.ssim(image, image + 5 * noise.flip(-1), data_range=255)
    assert 0.5 < float(whole) < 0.99


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda y: metrics.psnr(y[0], y[0], data_range=1),
            r"write images \(N, C, H, W\)",
        ),
        (lambda y: metrics.psnr(y, y, data_range=0), "data_range must be positive"),
        (
            lambda y: metrics.psnr(y, y, data_range=1, border=4),
            "leaves nothing of 8 x 8",
        ),
        (
            lambda y: metrics.ssim(y, y, data_range=1),
            "11 x 11 pixels inside the border",
        ),
        (lambda y: metrics.psnr(y, y[:, :, 1:], data_range=1), "of the same shape"),
        (lambda y: metrics.sparsification(0 * y, y), "all errors are zero"),
        (
            lambda y: metrics.sparsification(y, y, num_fractions=1),
            "num_fractions must be at least 2",
        ),
    ],
)
def test_what_does_not_fit_gets_a_sentence(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make(torch.rand(1, 1, 8, 8))


U = (torch.arange(100_000) + 0.5) / 100_000  # errors, uniform between 0 and 1
U = U[torch.randperm(len(U), generator=torch.Generator().manual_seed(0))]


def test_the_oracle_leaves_a_line_of_uniform_errors():
    curve = metrics.sparsification(-U, U.exp(), num_fractions=10)
    torch.testing.assert_close(curve.fractions, torch.arange(10) / 10)
    torch.testing.assert_close(curve.error, 1 - torch.arange(10) / 10)
    torch.testing.assert_close(curve.error, curve.oracle)
    assert float(curve.area) == 0.0


def test_a_wrong_order_has_the_area_of_its_closed_form():
    """Without the smallest errors up to u, the mean square is (1 - u³) / 3 / (1 - u)."""
    fine = {"num_fractions": 1000}
    curve = metrics.sparsification(U, -U, **fine)
    u = curve.fractions
    left = ((1 - u.double() ** 3) / (1 - u.double())).sqrt()
    torch.testing.assert_close(curve.error.double(), left, rtol=1e-3, atol=1e-3)
    expected = (left - (1 - u)).mean()
    assert float(curve.area) == pytest.approx(float(expected), abs=1e-3)
    constant = metrics.sparsification(U, torch.ones_like(U), **fine)
    torch.testing.assert_close(constant.error, torch.ones(1000), rtol=1e-5, atol=0)
    assert float(constant.area) == pytest.approx(0.5, abs=1e-3)
    shuffled = metrics.sparsification(U, U[torch.randperm(len(U))], **fine)
    assert float(shuffled.area) == pytest.approx(0.5, abs=0.01)


def test_it_depends_on_the_order_alone():
    error = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    uncertainty = error.abs() + 0.5 * torch.rand(50, 4)
    one = metrics.sparsification(error, uncertainty)
    other = metrics.sparsification(7 * error, uncertainty.exp())
    torch.testing.assert_close(one.error, other.error)
    assert 0 < float(one.area) < 0.4
