"""The interface of priors: the method that `zoo.BayesianNetwork` calls."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import nn

from zoo.priors.plan import Plan


@runtime_checkable
class Prior(Protocol):
    """A prior says which tensors of a network are random, and how.

    `priors.WeightPrior` and `priors.NodePrior` are priors. A prior of your own is any
    class with a method `bind`; it need not inherit from this one. `bind` returns a `Plan`:
    for each parameter name of the network a distribution (random), `priors.Point()`
    (optimised) or `priors.Frozen()` (unchanged).

    Often a rule is enough: `priors.WeightPrior` takes a function `(name, parameter) ->
    distribution`.

    References:
        TyXe: Pyro-based Bayesian neural nets for Pytorch (Ritter, Karaletsos, 2022)

    Example:
        >>> from zoo.priors.plan import Plan
        >>> class FrozenBiases:
        ...     def bind(self, network: nn.Module) -> Plan:
        ...         weights = {}
        ...         for name, parameter in network.named_parameters():
        ...             is_bias = name.endswith("bias")
        ...             weights[name] = priors.Frozen() if is_bias else dist.Normal(0.0, 1.0)
        ...         return Plan(weights)
        >>> network = networks.MLP(6, 1, hidden=[10])
        >>> model = zoo.BayesianNetwork(network, FrozenBiases(), likelihoods.Gaussian(0.1))
        >>> sorted(model.latents)
        ['layer1.weight', 'layer2.weight']
    """

    def bind(self, network: nn.Module) -> Plan:
        """Return the treatment of each parameter of a network.

        Arguments:
            network: The network; it must not be changed.
        """
        ...
