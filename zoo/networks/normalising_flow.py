"""A normalising flow: an invertible network, whose last output is the log determinant."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from zoo.runtime.recorded import Recorded
from zoo.runtime.zuko_flows import zuko_flows


class NormalisingFlow(nn.Module, Recorded):
    r"""An invertible network of vectors, which gives their latents and the change of volume.

    .. math:: x \mapsto \big( z = f(x), \; \log |\det f'(x)| \big), \qquad
        \log p(x) = \log p(z) + \log |\det f'(x)|

    The density of the latents is the matter of a likelihood such as
    `likelihoods.GaussianClasses`. The transform comes from zuko (the extra `flows`).

    References:
        Density Estimation Using Real NVP (Dinh, Sohl-Dickstein, Bengio, 2017)
        Normalizing Flows for Probabilistic Modeling and Inference (Papamakarios, Nalisnick,
        Rezende, Mohamed, Lakshminarayanan, 2021)

    Arguments:
        features: Number D of inputs and of latents.
        transform: Makes a flow of zuko with a number of features, e.g.
            `functools.partial(zuko.flows.MAF, transforms=3)`. Its transform is used, its
            base is not. By default six affine coupling layers, which are as fast in both
            directions.

    Raises:
        ImportError: zuko is not installed.

    Example:
        >>> flow = NormalisingFlow(4)
        >>> output = flow(torch.randn(8, 4))
        >>> output.shape, flow.inverse(output[:, :-1]).shape
        (torch.Size([8, 5]), torch.Size([8, 4]))
    """

    def __init__(
        self, features: int, transform: Callable[[int], nn.Module] | None = None
    ) -> None:
        super().__init__()
        make = _affine_couplings if transform is None else transform
        self.features = features
        self.transform = make(features).get_submodule("transform")

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs (N, D) to latents and log determinants, (N, D + 1)."""
        z, log_volume = self.transform().call_and_ladj(x)

        return torch.cat([z, log_volume.unsqueeze(-1)], -1)

    def inverse(self, z: Tensor) -> Tensor:
        """Map latents (N, D) to inputs (N, D)."""
        return self.transform().inv(z)


def _affine_couplings(size: int) -> nn.Module:
    """Make six affine coupling layers."""
    flows = zuko_flows("networks.NormalisingFlow")

    return flows.MAF(size, passes=2, transforms=6, hidden_features=(128, 128))
