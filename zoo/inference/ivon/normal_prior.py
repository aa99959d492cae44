"""The normal part of a prior: the elements whose prior is a fixed normal distribution."""

from __future__ import annotations

from dataclasses import dataclass

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

import guides
from zoo.model import BayesianNetwork
from zoo.priors.conditional import Conditional
from zoo.runtime.sites import Site, stochastic


@dataclass(frozen=True)
class NormalPrior:
    """The precision and the mean of the normal prior of each element.

    An element of another site has the precision 0, and its prior is a part of the loss.

    Arguments:
        names: The sites with a fixed normal prior.
        delta: Precision divided by the number of data, (P,), or () if all are equal.
        mean: Mean, (P,), or () if all are equal.
        constant: Sum of log(2 pi / precision) / 2 over these elements.
    """

    names: frozenset[str]
    delta: Tensor
    mean: Tensor
    constant: float

    @classmethod
    def of(
        cls, model: BayesianNetwork, guide: guides.MeanField, num_data: int
    ) -> NormalPrior:
        """Find the normal part of the prior of a model.

        Arguments:
            model: The model.
            guide: A guide over its latent sites, which gives their order.
            num_data: Number of data N.
        """
        sites = stochastic(_trace_of_priors(model, guide))
        conditional = _conditional(model)
        names, precisions, means = [], [], []
        for name in guide.sites:
            loc = guide.loc[name].detach()
            normal = None
            if name not in conditional:
                normal = _fixed_normal(sites[name])

            if normal is None:
                means.append(torch.zeros_like(loc).flatten())
                precisions.append(torch.zeros_like(loc).flatten())
                continue

            names.append(name)
            means.append(normal.loc.expand_as(loc).flatten())
            scale = normal.scale.expand_as(loc).flatten()
            precisions.append(scale.double().pow(-2).to(loc))

        precision = torch.cat(precisions).detach()
        is_normal = precision > 0
        constant = 0.5 * (2 * torch.pi / precision[is_normal].double()).log().sum()
        return cls(
            names=frozenset(names),
            delta=_common(precision / num_data),
            mean=_common(torch.cat(means).detach()),
            constant=constant.item(),
        )


def _trace_of_priors(model: BayesianNetwork, guide: guides.MeanField) -> poutine.Trace:
    """Run the latent sites of a model at values with gradients, and return the trace."""

    def values() -> None:
        for site in guide.sites.values():
            init = site.init.detach().clone().requires_grad_()
            guide.sample(site, dist.Delta(init, event_dim=site.prior.event_dim))

    alone = pyro.get_param_store().scope()
    with alone, torch.enable_grad(), torch.random.fork_rng():
        q = poutine.trace(values).get_trace()
        return poutine.trace(poutine.replay(model, trace=q)).get_trace()


def _conditional(model: BayesianNetwork) -> set[str]:
    """Return the sites whose distribution has parameters that are random or learned."""
    treatments = dict(model.plan.weights)
    for name, nodes in model.plan.nodes.items():
        treatments[name] = nodes.prior

    return {name for name, each in treatments.items() if isinstance(each, Conditional)}


def _fixed_normal(site: Site) -> dist.Normal | None:
    """Return the normal prior of a site, None if it is another or depends on other sites."""
    base: TorchDistributionMixin = site["fn"]
    while isinstance(base, dist.Independent):
        base = base.base_dist

    is_whole = site["mask"] is None and site["scale"] == 1.0
    if not isinstance(base, dist.Normal) or not is_whole:
        return None

    depends = base.loc.requires_grad or base.scale.requires_grad
    return None if depends else base


def _common(values: Tensor) -> Tensor:
    """Return the common value () of all elements, or the elements if they differ."""
    first = values[0]
    return first.clone() if bool((values == first).all()) else values
