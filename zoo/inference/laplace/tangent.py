"""The network linearised at the mode: a linear function of its random weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor
from torch.func import jvp, vjp

from zoo.model import BayesianNetwork

Values = Mapping[str, Tensor]


class Tangent:
    r"""The network linearised at the mode, by products with its Jacobian.

    .. math:: f(x; w^*) + J(x) (w - w^*)

    Arguments:
        model: The model.
        values: The value of every tensor of the network at the mode.
        names: The names of the random weights; all other tensors are fixed.
    """

    def __init__(
        self, model: BayesianNetwork, values: Values, names: Sequence[str]
    ) -> None:
        self.model = model
        self.fixed = dict(values)
        self.centre = {name: self.fixed.pop(name) for name in names}

    def __call__(self, weights: Values, x: Tensor) -> Tensor:
        """Return outputs (B, O) for values of the random weights.

        Arguments:
            weights: A value of each random weight.
            x: Inputs (B, ...).
        """
        output, change = self.along(self._step_to(weights), x)

        return output + change

    def change(self, weights: Values, x: Tensor) -> Tensor:
        """Return how outputs (B, O) differ from those at the mode, J(x) (w - w*)."""
        _, change = self.along(self._step_to(weights), x)

        return change

    def along(self, step: Values, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return outputs (B, O) at the mode, and their derivative along a step.

        Arguments:
            step: A change of each random weight.
            x: Inputs (B, ...).
        """
        return jvp(lambda at: self._output(at, x), (self.centre,), (step,))

    def pulled_back(self, x: Tensor, gradient: Tensor) -> dict[str, Tensor]:
        """Return the gradient by each random weight, of a gradient (B, O) by the outputs.

        Arguments:
            x: Inputs (B, ...).
            gradient: The gradient by the outputs.
        """
        _, pull_back = vjp(lambda at: self._output(at, x), self.centre)
        (by_weight,) = pull_back(gradient)

        return by_weight

    def _step_to(self, weights: Values) -> dict[str, Tensor]:
        return {name: weights[name] - at for name, at in self.centre.items()}

    def _output(self, weights: Values, x: Tensor) -> Tensor:
        return self.model.output({**self.fixed, **weights}, x)
