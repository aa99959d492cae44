"""MOPED: a prior that is centred on a trained network."""

from __future__ import annotations

from collections.abc import Mapping

import pyro.distributions as dist
from torch import Tensor, nn

from zoo.priors.positive import check_positive
from zoo.priors.selection import Selected
from zoo.priors.treatment import Choice, Rule
from zoo.runtime.recorded import recorded


@recorded
def moped(delta: float = 0.1, floor: float = 1e-3) -> Selected:
    r"""Normal around the network's own trained weights, with scales proportional to their size.

    .. math:: w_i \sim N\big(w_i^*, \; \max(\delta |w_i^*|, \text{floor})^2\big)

    The weights w* are those that the network has when the model is built.

    References:
        Specifying Weight Priors in Bayesian Deep Neural Networks with Empirical Bayes (Krishnan,
        Subedar, Tickoo, 2020)

    Arguments:
        delta: Standard deviation as a fraction of the weight.
        floor: Smallest standard deviation, for weights at or near 0.

    Raises:
        ValueError: A delta or floor that is not positive.

    Example:
        >>> network = networks.MLP(6, 1, hidden=[10])
        >>> plan = priors.WeightPrior(moped(delta=0.2)).bind(network)
        >>> torch.equal(plan.weights["layer1.weight"].loc, network.layer1.weight)
        True
    """
    check_positive(delta=delta, floor=floor)

    def choose(network: nn.Module, tensors: Mapping[str, Tensor]) -> Choice:
        def rule_of(name: str, tensor: Tensor) -> Rule:
            loc = tensor.detach().clone()
            scale = (delta * loc.abs()).clamp_min(floor)
            return dist.Normal(loc, scale)

        return rule_of

    return Selected(choose, f"moped(delta={delta:g}, floor={floor:g})")
