"""Weight priors: a site for each parameter tensor."""

from __future__ import annotations

from torch import nn

from zoo.priors.plan import Plan
from zoo.priors.requires_grad import treat_parameters
from zoo.priors.treatment import Rule, check_rule, words


class WeightPrior:
    r"""A prior over weights: one Pyro site for each parameter tensor.

    .. math:: p(w) = \prod_l p_l(w_l)

    A site has the name that the parameter has in the network's `state_dict`. A parameter
    for which a callable returns None is a point estimate.

    A parameter with `requires_grad=False` is frozen: it has no prior and does not move.
    Then a pretrained body, or a network with low-rank adapters, is random only where it
    would be trained. A rule that means one such parameter by name is followed, with a
    warning: `by_name` with its whole name, or a function that makes some weights random
    and others not. The flags are read when the model is built.

    References:
        Bayesian Learning for Neural Networks (Neal, 1996)
        LoRA: Low-Rank Adaptation of Large Language Models (Hu et al., 2022)

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
        return Plan(treat_parameters(self.rule, network))

    def __repr__(self) -> str:
        return f"WeightPrior({words(self.rule)})"
