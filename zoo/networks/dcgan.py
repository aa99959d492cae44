"""DCGAN for images of 32x32 pixels: a generator and a discriminator."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from zoo.networks.filter_response import FilterResponseNorm
from zoo.runtime.recorded import Recorded

Normalise = Callable[[int], nn.Module]
_FRN = partial(FilterResponseNorm, threshold=False)
_LEAKY = partial(nn.LeakyReLU, 0.2)
_SIDE = 4  # height and width of the smallest feature maps


class DCGANGenerator(nn.Module, Recorded):
    r"""Images of 32x32 pixels from latent variables, by three transposed convolutions.

    .. math:: x = \tanh(T_3 \, \sigma(T_2 \, \sigma(T_1 \, \sigma(W z))))

    It has 4W, 2W and W channels at 4x4, 8x8 and 16x16 pixels, kernels of 4x4 and strides
    of 2. The published network normalises batches, so that an image depends on the others
    of its batch: there is no likelihood of single images then, and no posterior. Here it
    has filter response normalisation by default.

    References:
        Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
        Networks (Radford, Metz, Chintala, 2016)

    Arguments:
        num_latents: Number of latent variables L.
        channels: Channels of the image, 1 for grey and 3 for colour.
        width: Channels W of the last hidden layer.
        normalise: Makes the normalisation of C channels after each hidden layer, e.g.
            `nn.BatchNorm2d` as published; None for none.
        activation: Makes the module after it.

    Example:
        >>> network = DCGANGenerator(10, channels=1, width=4)
        >>> network(torch.zeros(8, 10)).shape
        torch.Size([8, 1, 32, 32])
    """

    def __init__(
        self,
        num_latents: int = 64,
        channels: int = 3,
        *,
        width: int = 32,
        normalise: Normalise | None = _FRN,
        activation: Callable[[], nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        bias = normalise is None
        wide = 4 * width
        self.project = nn.Sequential(
            nn.Linear(num_latents, wide * _SIDE**2, bias=bias),
            nn.Unflatten(1, (wide, _SIDE, _SIDE)),
            *_after(wide, normalise, activation),
        )
        self.grow = nn.Sequential(
            nn.ConvTranspose2d(wide, 2 * width, 4, 2, 1, bias=bias),
            *_after(2 * width, normalise, activation),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=bias),
            *_after(width, normalise, activation),
            nn.ConvTranspose2d(width, channels, 4, 2, 1),
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        """Map latent variables (N, L) to images (N, C, 32, 32) between -1 and 1."""
        return self.grow(self.project(z))


class DCGANDiscriminator(nn.Module, Recorded):
    r"""Logits of images of 32x32 pixels, by three convolutions with strides of 2.

    .. math:: f = W \, \sigma(C_3 \, \sigma(C_2 \, \sigma(C_1 \, x)))

    It has W, 2W and 4W channels at 16x16, 8x8 and 4x4 pixels. As published, the first layer
    is not normalised. Filter response normalisation replaces that of batches, see
    `DCGANGenerator`.

    References:
        Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
        Networks (Radford, Metz, Chintala, 2016)

    Arguments:
        num_outputs: Number of outputs O: 1 for the logit of a real image, or K + 1 for K
            classes and made images.
        channels: Channels of the image.
        width: Channels W of the first layer.
        normalise: Makes the normalisation of C channels after the second and the third layer,
            e.g. `nn.BatchNorm2d` as published; None for none.
        activation: Makes the module after each layer; by default a leaky rectifier of slope
            0.2.

    Example:
        >>> network = DCGANDiscriminator(1, channels=1, width=4)
        >>> network(torch.zeros(8, 1, 32, 32)).shape
        torch.Size([8, 1])
    """

    def __init__(
        self,
        num_outputs: int = 1,
        channels: int = 3,
        *,
        width: int = 32,
        normalise: Normalise | None = _FRN,
        activation: Callable[[], nn.Module] = _LEAKY,
    ) -> None:
        super().__init__()
        bias = normalise is None
        wide = 4 * width
        self.shrink = nn.Sequential(
            nn.Conv2d(channels, width, 4, 2, 1),
            activation(),
            nn.Conv2d(width, 2 * width, 4, 2, 1, bias=bias),
            *_after(2 * width, normalise, activation),
            nn.Conv2d(2 * width, wide, 4, 2, 1, bias=bias),
            *_after(wide, normalise, activation),
        )
        self.judge = nn.Sequential(
            nn.Flatten(), nn.Linear(wide * _SIDE**2, num_outputs)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, 32, 32) to logits (N, O)."""
        return self.judge(self.shrink(x))


def _after(
    channels: int, normalise: Normalise | None, activation: Callable[[], nn.Module]
) -> list[nn.Module]:
    """Return what follows a layer: normalisation, if there is one, and an activation."""
    layers = [] if normalise is None else [normalise(channels)]

    return [*layers, activation()]
