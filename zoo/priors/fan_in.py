"""Fan-in scaled normal prior: the more inputs a unit has, the smaller its weights."""

from __future__ import annotations

from collections.abc import Mapping

import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd

from zoo.priors.selection import Selected, owner
from zoo.priors.treatment import Choice, Rule
from zoo.runtime.modes import evaluation_mode
from zoo.runtime.recorded import recorded


@recorded
def fan_in(scale: float = 1.0, bias_scale: float | None = None) -> Selected:
    r"""Normal weights with a variance proportional to 1 / fan-in (the inputs of a unit).

    .. math:: w \sim N\Big(0, \frac{\text{scale}^2}{\text{fan-in}}\Big)

    The fan-in is the number of inputs of a unit: so the width of a layer does not change
    the size of the output. A bias has the fan-in of the weight of
    its layer. A vector without such a weight, as in normalisation, has fan-in 1.

    References:
        Bayesian Learning for Neural Networks (Neal, 1996)
        Deep Neural Networks as Gaussian Processes (Lee et al., 2018)

    Arguments:
        scale: Standard deviation at fan-in 1.
        bias_scale: Standard deviation of the biases, for any fan-in; None treats them
            like the weights.

    Raises:
        ValueError: A scale that is not positive.

    Example:
        >>> network = networks.MLP(6, 1, hidden=[16])
        >>> plan = priors.WeightPrior(fan_in(2.0)).bind(network)
        >>> {name: round(prior.scale.item(), 3) for name, prior in plan.weights.items()}
        {'layer1.weight': 0.816, 'layer1.bias': 0.816, 'layer2.weight': 0.5, 'layer2.bias': 0.5}
    """
    _check_scale("scale", scale)
    if bias_scale is not None:
        _check_scale("bias_scale", bias_scale)

    def choose(network: nn.Module, tensors: Mapping[str, Tensor]) -> Choice:
        def rule_of(name: str, tensor: Tensor) -> Rule:
            weight = tensor
            is_vector = tensor.dim() < 2
            if is_vector:
                if bias_scale is not None:
                    return _normal(bias_scale, like=tensor)
                weight = _weight_of(owner(network, name), name, tensor)

            inputs = _count_inputs(owner(network, name), weight)

            return _normal(scale * inputs**-0.5, like=tensor)

        return rule_of

    text = f"fan_in({scale:g})"
    if bias_scale is not None:
        text = f"fan_in({scale:g}, bias_scale={bias_scale:g})"

    return Selected(choose, text)


def _check_scale(name: str, scale: float) -> None:
    if not scale > 0:
        raise ValueError(
            f"{name} is a standard deviation and must be positive, not {scale}"
        )


def _normal(scale: float, like: Tensor) -> dist.Normal:
    return dist.Normal(like.new_tensor(0.0), like.new_tensor(scale))


def _weight_of(layer: nn.Module, bias: str, otherwise: Tensor) -> Tensor:
    """Return the weight of a bias: `layer1.bias` gives that of `layer1`.

    A parametrised weight is computed in evaluation mode, where it changes no buffer.
    """
    _, _, key = bias.rpartition(".")
    with evaluation_mode(layer), torch.no_grad():
        return getattr(layer, key.replace("bias", "weight"), otherwise)


def _count_inputs(layer: nn.Module, weight: Tensor) -> int:
    """Return the number of terms in the sum for one output of a layer with this weight."""
    if weight.dim() < 2:
        return 1
    if isinstance(layer, _ConvTransposeNd):  # the inputs are its first dimension
        return weight[:, 0].numel() // layer.groups

    return weight[0].numel()
