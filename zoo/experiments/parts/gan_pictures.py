"""Pictures of 32x32 pixels by DCGAN, and numbers that say how good and how different they are."""

from __future__ import annotations

from functools import partial

import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from zoo import networks, priors
from zoo.datasets import Dataset, Split
from zoo.experiments.parts.gan_case import GanCase

_NUM_LATENTS = 32
_NUM_CHAINS = 3  # generators, and as many discriminators
_WIDTH = 16
_NUM_COMPONENTS = 50


def _prior(name: str, tensor: Tensor) -> dist.Normal:
    """Return the prior of a tensor: He's scales, gains near 1 and small biases.

    With gains and biases of N(0, 2) a draw of the prior makes nearly the same picture of all
    latent variables, and many of these generators never leave it.
    """
    if name.endswith("bias"):
        return dist.Normal(0.0, 0.1)

    if tensor.dim() == 1:
        return dist.Normal(1.0, 0.1)

    is_transposed = name.startswith("grow")
    inputs = tensor[:, 0].numel() / 4 if is_transposed else tensor[0].numel()

    return dist.Normal(0.0, (2 / inputs) ** 0.5)


def picture_case(
    channels: int, num_outputs: int = 1, *, as_published: bool = False
) -> GanCase:
    """Return the networks of DCGAN.

    Arguments:
        channels: Channels of the pictures.
        num_outputs: Number of outputs of the discriminator.
        as_published: Whether batches are normalised; filter responses are otherwise.
    """
    options = {"width": _WIDTH}
    if as_published:
        options["normalise"] = nn.BatchNorm2d

    return GanCase(
        generator=partial(networks.DCGANGenerator, _NUM_LATENTS, channels, **options),
        discriminator=partial(
            networks.DCGANDiscriminator, num_outputs, channels, **options
        ),
        num_latents=_NUM_LATENTS,
        num_chains=_NUM_CHAINS,
        batch_size=32,
        lr=0.01,
        adam_lr=1e-3,
        precision="bf16",
        prior=priors.WeightPrior(_prior),
    )


def pictures_of(part: Split, data: Dataset) -> Split:
    """Return pictures between -1 and 1, (N, C, 32, 32), with a dark margin."""
    assert data.x_units is not None
    pixels = data.x_units.restore(part.x)
    margin = (32 - pixels.shape[-1]) // 2

    return Split(pad(2 * pixels - 1, [margin] * 4, value=-1.0), part.y)


class PictureScores:
    r"""Scores of pictures in the space of the first 50 principal components of real ones.

    .. math:: \lVert m - \hat m \rVert^2
        + \operatorname{tr} \big( C + \hat C - 2 (C^{1/2} \hat C C^{1/2})^{1/2} \big)

    is the Fréchet distance of two normal distributions with the means and covariances of
    real and made pictures, here over the variance of real ones.

    References:
        GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium
        (Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter, 2017), which takes the features of
        a network instead of principal components

    Arguments:
        real: Real pictures, (N, ...).
    """

    def __init__(self, real: Tensor) -> None:
        flat = real.flatten(1)
        self._mean = flat.mean(0)
        number = min(_NUM_COMPONENTS, len(flat) - 1)
        _, _, axes = torch.pca_lowrank(flat, q=number)
        self._axes = axes
        self._moments = _moments(self._coordinates(real))
        self._variance = float(self._moments[1].trace())

    def distance(self, made: Tensor) -> float:
        """Return the Fréchet distance of made pictures (M, ...) over the variance of real ones."""
        mean, covariance = self._moments
        other_mean, other = _moments(self._coordinates(made))
        root = _square_root(covariance)
        cross = _square_root(root @ other @ root)
        spread = (covariance + other - 2 * cross).trace()
        shift = (mean - other_mean).square().sum()

        return float(shift + spread) / self._variance

    def spread(self, made: Tensor) -> float:
        """Return the share of variance between generators, of their pictures (C, M, ...).

        It is 0 if all make the same pictures, and 1 if each makes one of its own.
        """
        coordinates = torch.stack([self._coordinates(each) for each in made])
        between = coordinates.mean(1).var(0, correction=0).sum()
        total = coordinates.flatten(0, 1).var(0, correction=0).sum()

        return float(between / total)

    def _coordinates(self, pictures: Tensor) -> Tensor:
        """Return principal components (N, K) of pictures (N, ...)."""
        return (pictures.flatten(1) - self._mean) @ self._axes


def _moments(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the covariance of values (N, K)."""
    values = values.double()
    return values.mean(0), values.T.cov()


def _square_root(matrix: Tensor) -> Tensor:
    """Return the root of a symmetric matrix without negative eigenvalues."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.clamp_min(0).sqrt() @ vectors.T
