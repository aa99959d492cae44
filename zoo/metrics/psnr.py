"""Peak signal-to-noise ratio and structural similarity of images."""

from __future__ import annotations

from torch import Tensor

from zoo.metrics.validation import cast_like, checked
from zoo.runtime.torchvision_shim import load_torchmetrics

_WINDOW = (
    11  # pixels of the Gaussian window of the similarity, of standard deviation 1.5
)


def psnr(mean: Tensor, y: Tensor, *, data_range: float, border: int = 0) -> Tensor:
    r"""Peak signal-to-noise ratio of images in decibels, averaged over images.

    .. math:: \frac1N \sum_n 10 \log_{10} \frac{\text{data\_range}^2}
        {\text{mean squared error of image } n}

    The field's protocol for super-resolution by a factor r is: luminance between 16 and
    235, `data_range=255`, `border=r`, and the mean over images.

    References:
        Image Super-Resolution Using Deep Convolutional Networks (Dong, Loy, He, Tang, 2016),
        section 4

    Arguments:
        mean: Predicted images, (N, C, H, W), e.g. `prediction.mean` in the units of y.
        y: True images, of the same shape.
        data_range: The difference of the largest and the smallest possible value, in the
            units of y.
        border: Number of pixels at each side that are left out.

    Raises:
        ValueError: The shapes differ or are not of images, there are NaNs, a data_range
            that is not positive, or no pixel inside the border.

    Example:
        >>> import torch
        >>> from zoo import metrics
        >>> y = torch.zeros(1, 1, 8, 8)
        >>> metrics.psnr(y + 2.55, y, data_range=255.0)
        tensor(40.)
    """
    predicted, true = _inside(mean, y, data_range, border)
    load_torchmetrics()
    from torchmetrics.functional.image import peak_signal_noise_ratio

    dimensions = (1, 2, 3)  # a ratio for each image
    ratio = peak_signal_noise_ratio(
        predicted, true, data_range=data_range, dim=dimensions
    )

    return cast_like(ratio, mean)


def ssim(mean: Tensor, y: Tensor, *, data_range: float, border: int = 0) -> Tensor:
    r"""Structural similarity of images, 1 if they are equal, averaged over images.

    .. math:: \frac{(2 \mu_x \mu_y + c_1)(2 \sigma_{xy} + c_2)}
        {(\mu_x^2 + \mu_y^2 + c_1)(\sigma_x^2 + \sigma_y^2 + c_2)}, \qquad
        c_1 = (0.01 \cdot \text{data\_range})^2, \;
        c_2 = (0.03 \cdot \text{data\_range})^2

    Means and variances are of Gaussian windows of 11 x 11 pixels with a standard
    deviation of 1.5 that lie inside the image, and the similarity is averaged over them.

    References:
        Image Quality Assessment: From Error Visibility to Structural Similarity
        (Wang, Bovik, Sheikh, Simoncelli, 2004)

    Arguments:
        mean: Predicted images, (N, C, H, W).
        y: True images, of the same shape.
        data_range: The difference of the largest and the smallest possible value, in the
            units of y; 255 in the field's protocol, see `psnr`.
        border: Number of pixels at each side that are left out.

    Raises:
        ValueError: As for `psnr`, or fewer than 11 x 11 pixels inside the border.

    Example:
        >>> import torch
        >>> from zoo import metrics
        >>> y = torch.rand(1, 1, 16, 16)
        >>> metrics.ssim(y, y, data_range=1.0)
        tensor(1.)
    """
    predicted, true = _inside(mean, y, data_range, border)
    height, width = true.shape[-2:]
    if min(height, width) < _WINDOW:
        raise ValueError(
            f"the similarity needs {_WINDOW} x {_WINDOW} pixels inside the border, not "
            f"{height} x {width}"
        )

    load_torchmetrics()
    from torchmetrics.functional.image import structural_similarity_index_measure

    similarity = structural_similarity_index_measure(
        predicted, true, data_range=data_range
    )

    return cast_like(similarity, mean)


def _inside(
    mean: Tensor, y: Tensor, data_range: float, border: int
) -> tuple[Tensor, Tensor]:
    """Return checked images without their borders."""
    predicted, true = checked(mean=mean, y=y)
    if true.dim() != 4:
        raise ValueError(
            f"y has shape {tuple(y.shape)}; write images (N, C, H, W), one alone as y[None]"
        )
    if not data_range > 0:
        raise ValueError(
            f"data_range must be positive, e.g. 255 for pixels up to 255, not {data_range}"
        )

    height, width = true.shape[-2:]
    if border < 0 or 2 * border >= min(height, width):
        raise ValueError(
            f"a border of {border} pixels leaves nothing of {height} x {width}; write a number "
            "from 0 to less than half of the smaller side"
        )

    rows = slice(border, height - border)
    columns = slice(border, width - border)

    return predicted[..., rows, columns], true[..., rows, columns]
