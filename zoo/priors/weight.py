"""Weight priors: a site for each parameter tensor."""

from __future__ import annotations

from torch import nn

from zoo.priors.plan import Plan
from zoo.priors.treatment import Rule, check_rule, treat, words


class WeightPrior:
    r"""A prior over weights: one Pyro site for each parameter tensor.

    .. math:: p(w) = \prod_l p_l(w_l)

    A site has the name that the parameter has in the network's `state_dict`. A parameter
    for which a callable returns None is a point estimate.

    References:
        Bayesian Learning for Neural Networks (Neal, 1996)

    Arguments:
        rule: A distribution for every parameter; or a callable `(name, parameter) ->
            distribution`; or a selection such as `last_layer(dist.Normal(0.0, 1.0))`.
            Scales are standard deviations.

    Raises:
        TypeError: A rule that is none of these.

    Example:
        >>> WeightPrior(dist.Normal(0.0, 1.0))
        WeightPrior(Normal(0, 1))
        >>> fan_in = WeightPrior(lambda name, w: dist.Normal(0.0, w[0].numel() ** -0.5))
        >>> fan_in.bind(networks.MLP(6, 1, hidden=[10])).weights["layer2.weight"].scale
        tensor(0.3162)
    """

    def __init__(self, rule: Rule) -> None:
        check_rule(rule, "priors.WeightPrior(dist.Normal(0.0, 1.0))")
        self.rule = rule

    def bind(self, network: nn.Module) -> Plan:
        """Apply the rule to each parameter of a network."""
        parameters = dict(network.named_parameters())
        return Plan(treat(self.rule, network, parameters))

    def __repr__(self) -> str:
        return f"WeightPrior({words(self.rule)})"
