"""The statements of latent sites: of hyperparameters, and of tensors in other coordinates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Required, TypeAlias, TypedDict

from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.infer.reparam.reparam import Reparam
from torch import Tensor

from zoo.priors.auxiliary_sites import auxiliary_sites, original_value
from zoo.priors.conditional import Conditional, initial_value
from zoo.priors.treatment import Side
from zoo.runtime.distributions import placed


class SiteInfer(TypedDict, total=False):
    """The `infer` dictionary of a latent site.

    Attributes:
        init: Initial value for guides and samplers.
        node: Side of the layer, if the site is a node.
    """

    init: Required[Tensor]
    node: Side


class LatentSite(NamedTuple):
    """The distribution of a latent site, and its `infer` dictionary."""

    prior: TorchDistributionMixin
    infer: SiteInfer


Statement: TypeAlias = Callable[[str, TorchDistributionMixin, SiteInfer], Tensor]
"""Gives the value of a latent site of that name, distribution and `infer` dictionary."""


def visit_hyperpriors(
    name: str, treatment: Conditional, like: Tensor, statement: Statement
) -> dict[str, Tensor]:
    """Call a statement for each random hyperparameter of a tensor; return the values by key."""
    values: dict[str, Tensor] = {}
    for key, (distribution, shape) in treatment.hyperpriors(like).items():
        site = hyperparameter_site(name, key)
        init = initial_value(distribution, like, shape)
        prior = placed(distribution, init, site)

        values[key] = statement(site, prior, {"init": init})

    return values


def hyperparameter_site(name: str, key: str) -> str:
    """Return the name of the site of a hyperparameter of a tensor."""
    return f"prior:{name}.{key}"


def learned_hyperparameters(
    treatments: Mapping[str, object], tensors: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the initial value of each hyperparameter that a fit optimises, by site name.

    Arguments:
        treatments: Treatments by name of a tensor.
        tensors: The tensors by name.
    """
    found = {}
    for name, treatment in treatments.items():
        if isinstance(treatment, Conditional):
            for key, value in treatment.parameters(tensors[name].detach()).items():
                found[hyperparameter_site(name, key)] = value

    return found


def visit_reparameterised(
    name: str,
    reparam: Reparam,
    prior: TorchDistributionMixin,
    first: TorchDistributionMixin,
    init: Tensor,
    statement: Statement,
) -> dict[str, Tensor]:
    """Call a statement for each auxiliary site of a tensor; return their values and its own.

    Arguments:
        name: Name of the tensor.
        reparam: Pyro's reparameterisation.
        prior: Distribution of the tensor.
        first: Its distribution at the initial values of its hyperparameters.
        init: Its initial value.
        statement: The statement.
    """
    inits = auxiliary_sites(name, reparam, first, init)

    values: dict[str, Tensor] = {}
    for site, (distribution, _) in auxiliary_sites(name, reparam, prior, init).items():
        values[site] = statement(site, distribution, {"init": inits[site].init})

    values[name] = original_value(name, reparam, prior, values)

    return values
