"""Fan-in scaled normal prior: the more inputs a unit has, the smaller its weights."""

from __future__ import annotations

from collections.abc import Callable

import pyro.distributions as dist
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd

from zoo.priors.selection import Selected, owner
from zoo.priors.treatment import Rule


def fan_in(scale: float = 1.0, bias_scale: float | None = None) -> Selected:
    r"""Normal weights whose variance is that of one input over their number, so that width does not change the output.

    .. math:: w \sim N\Big(0, \frac{\text{scale}^2}{\text{fan-in}}\Big)

    A bias has the fan-in of the weight beside it. A vector without one (normalisation)
    has fan-in 1.

    References:
        Bayesian Learning for Neural Networks (Neal, 1996)
        Deep Neural Networks as Gaussian Processes (Lee et al., 2018)

    Arguments:
        scale: Standard deviation at fan-in 1.
        bias_scale: Standard deviation of the biases, whatever their fan-in; None treats
            them as the weights.

    Raises:
        ValueError: A scale that is not positive.

    Example:
        >>> plan = priors.WeightPrior(fan_in(2.0)).bind(networks.MLP(6, 1, hidden=[16]))
        >>> {name: round(prior.scale.item(), 3) for name, prior in plan.weights.items()}
        {'layer1.weight': 0.816, 'layer1.bias': 0.816, 'layer2.weight': 0.5, 'layer2.bias': 0.5}
    """
    for name, value in (("scale", scale), ("bias_scale", bias_scale)):
        if value is not None and not value > 0:
            raise ValueError(
                f"{name} is a standard deviation and must be positive, not {value}"
            )

    def choose(
        network: nn.Module, tensors: dict[str, Tensor]
    ) -> Callable[[str, Tensor], Rule]:
        parameters = dict(network.named_parameters(remove_duplicate=False))

        def rule(name: str, tensor: Tensor) -> Rule:
            if tensor.dim() > 1:
                weight = tensor
            elif bias_scale is not None:
                return dist.Normal(
                    tensor.new_tensor(0.0), tensor.new_tensor(bias_scale)
                )
            else:
                path, _, leaf = name.rpartition(".")
                beside = leaf.replace("bias", "weight")
                weight = parameters.get(f"{path}.{beside}" if path else beside, tensor)
            inputs = (
                count_inputs(owner(network, name), weight) if weight.dim() > 1 else 1
            )
            return dist.Normal(
                tensor.new_tensor(0.0), tensor.new_tensor(scale * inputs**-0.5)
            )

        return rule

    bias = f", bias_scale={bias_scale:g}" if bias_scale is not None else ""
    return Selected(choose, f"fan_in({scale:g}{bias})")


def count_inputs(layer: nn.Module, weight: Tensor) -> int:
    """Count the numbers that are added up for one output of a layer with this weight."""
    if isinstance(layer, _ConvTransposeNd):  # its weight has the inputs in front
        return weight[:, 0].numel() // layer.groups
    return weight[0].numel()
