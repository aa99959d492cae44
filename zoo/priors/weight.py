"""Weight priors: a site per parameter tensor."""

from torch import nn

from zoo.priors.plan import Plan
from zoo.priors.treatment import Rule, treat, words


class WeightPrior:
    r"""A prior over weights: one Pyro site per parameter tensor, named as in the network's `state_dict`.

    .. math:: p(w) = \prod_l p_l(w_l)

    What the rule leaves alone (a callable returns None) is a point estimate.

    References:
        Bayesian Learning for Neural Networks (Neal, 1996)

    Arguments:
        rule: A distribution for every parameter; or a callable `(name, parameter) ->
            distribution`; or a selection such as `last_layer(dist.Normal(0.0, 1.0))`.
            Scales are standard deviations.

    Example:
        >>> WeightPrior(dist.Normal(0.0, 1.0))
        WeightPrior(Normal(0, 1))
        >>> fan_in = WeightPrior(lambda name, w: dist.Normal(0.0, w[0].numel() ** -0.5))
        >>> fan_in.bind(networks.MLP(6, 1, hidden=[10])).weights["layer2.weight"].scale
        tensor(0.3162)
    """

    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    def bind(self, network: nn.Module) -> Plan:
        """Apply the rule to every parameter of a network."""
        return Plan(treat(self.rule, network, dict(network.named_parameters())))

    def __repr__(self) -> str:
        return f"WeightPrior({words(self.rule)})"
