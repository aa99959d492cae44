"""Multilayer perceptron: linear layers with an activation between them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor, nn

from zoo.runtime.recorded import Recorded


class MLP(nn.Sequential, Recorded):
    r"""Multilayer perceptron of any depth: linear layers with an activation between them.

    .. math:: f_l = W_l \, \sigma(f_{l-1}) + b_l, \qquad f_1 = W_1 x + b_1

    References:
        Learning representations by back-propagating errors (Rumelhart, Hinton, Williams, 1986)

    Arguments:
        num_inputs: Number of inputs D.
        num_outputs: Number of outputs or classes O.
        hidden: Units of each hidden layer; an empty sequence gives linear regression.
        activation: Makes the module between two layers, e.g. `nn.Tanh`.

    Raises:
        ValueError: A layer without units.

    Example:
        >>> network = MLP(6, 1, hidden=[50])
        >>> network(torch.zeros(8, 6)).shape
        torch.Size([8, 1])
        >>> list(network.state_dict())
        ['layer1.weight', 'layer1.bias', 'layer2.weight', 'layer2.bias']
    """

    def __init__(
        self,
        num_inputs: int,
        num_outputs: int,
        *,
        hidden: Sequence[int] = (50,),
        activation: Callable[[], nn.Module] = nn.Tanh,
    ) -> None:
        widths = [num_inputs, *hidden, num_outputs]
        if min(widths) < 1:
            raise ValueError(
                f"every layer must have at least one unit, but the widths are {widths}"
            )

        num_layers = len(widths) - 1
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for number, (width_in, width_out) in enumerate(pairwise(widths), 1):
            layers[f"layer{number}"] = nn.Linear(width_in, width_out)
            if number < num_layers:
                layers[f"activation{number}"] = activation()
        super().__init__(layers)

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs (N, D) to outputs (N, O)."""
        return super().forward(x)
