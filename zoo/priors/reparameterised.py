"""A prior whose tensors are sampled in other coordinates, by Pyro's reparameterisations."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace

from pyro.infer.reparam import LocScaleReparam
from pyro.infer.reparam.reparam import Reparam
from torch import nn

from zoo.priors.plan import Plan
from zoo.priors.prior import Prior


class Reparameterised:
    r"""A prior with the same distribution, some of whose tensors are sampled in other coordinates.

    .. math:: w = \mu + s \, z, \quad z \sim N(0, 1)
        \quad\text{instead of}\quad w \sim N(\mu, s^2)

    The latent site is the auxiliary one of Pyro's reparameterisation, such as
    `layer1.weight_decentered`. Draws of a posterior have both it and the tensor itself,
    `layer1.weight`. `Hierarchical(..., centred=False)` does this for weights of random
    scale.

    References:
        Automatic Reparameterisation of Probabilistic Programs (Gorinova, Moore, Hoffman, 2020)
        A General Framework for the Parametrization of Hierarchical Models (Papaspiliopoulos,
        Roberts, Sköld, 2007)

    Arguments:
        prior: The prior.
        config: Pyro's reparameterisation of each tensor that has one, by the tensor's
            name: `LocScaleReparam(0.0)` or `TransformReparam()` of `pyro.infer.reparam`.

    Raises:
        TypeError: No prior, or a value that is no reparameterisation.
        ValueError: A tensor that is not random, or a reparameterisation that does not
            fit its distribution.

    Example:
        >>> from pyro.infer.reparam import LocScaleReparam
        >>> normal = priors.WeightPrior(dist.Normal(0.0, 3.0))
        >>> prior = Reparameterised(normal, {"weight": LocScaleReparam(0.0)})
        >>> sorted(prior.bind(nn.Linear(6, 1)).priors(nn.Linear(6, 1)))
        ['bias', 'weight_decentered']
    """

    def __init__(self, prior: Prior, config: Mapping[str, Reparam]) -> None:
        if not isinstance(prior, Prior):
            raise TypeError(
                "prior must be an object such as priors.WeightPrior(dist.Normal(0.0, 1.0)), not "
                f"{prior!r}"
            )

        for name, reparam in config.items():
            _check(name, reparam)

        self.prior = prior
        self.config = dict(config)

    def bind(self, network: nn.Module) -> Plan:
        """Bind the prior to a network, and reparameterise its tensors."""
        plan = self.prior.bind(network)
        sites = plan.originals(network)
        for name in self.config:
            if name not in sites:
                known = ", ".join(sites)
                raise ValueError(
                    f"config names {name!r}, which is no random tensor; they are {known}"
                )

        # a reparameterisation remembers the family of the distribution it is for
        copies = {}
        for name, reparam in self.config.items():
            if not _is_identity(reparam):
                copies[name] = copy.copy(reparam)

        return replace(plan, reparams={**plan.reparams, **copies})

    def __repr__(self) -> str:
        kinds = []
        for name, reparam in self.config.items():
            kinds.append(f"{name!r}: {type(reparam).__name__}")

        table = ", ".join(kinds)
        return f"Reparameterised({self.prior!r}, {{{table}}})"


def _is_identity(reparam: Reparam) -> bool:
    """Return whether a reparameterisation leaves the site as it is."""
    return isinstance(reparam, LocScaleReparam) and reparam.centered == 1.0


def _check(name: str, reparam: Reparam) -> None:
    """Refuse what is no reparameterisation, or one with parameters."""
    if not isinstance(reparam, Reparam):
        raise TypeError(
            f"config[{name!r}] must be a reparameterisation, such as LocScaleReparam(0.0) of "
            f"pyro.infer.reparam, not {reparam!r}"
        )

    if isinstance(reparam, LocScaleReparam) and reparam.centered is None:
        raise ValueError(
            f"config[{name!r}] learns how far it is centred as a parameter, which the model of a "
            "network does not have; write LocScaleReparam(0.0)"
        )
