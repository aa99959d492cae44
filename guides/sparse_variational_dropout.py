"""Sparse variational dropout: normal weights under a log-uniform prior, for sparsity."""

from __future__ import annotations

import torch
from pyro.distributions import Independent as PyroIndependent
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor
from torch.distributions import Independent, kl_divergence, register_kl

from guides._base.log_uniform import is_log_uniform, molchanov
from guides._base.site import Site
from guides.local_reparam import LocalReparam

_LIMIT = 8.0  # log alpha is clipped to ±8, as in the authors' program


class SparseVariationalDropout(LocalReparam):
    r"""Normal weights under a log-uniform prior; log α grows for weights the data do not need.

    .. math:: W_{ij} \sim N(\theta_{ij}, \sigma_{ij}^2), \qquad
        \log \alpha_{ij} = \log \sigma_{ij}^2 - \log \theta_{ij}^2

    The noise is additive: θ and σ are the parameters, and log α, clipped to ±8, follows
    from them. Under `priors.LogUniform()` the divergence is the paper's approximation,
    within 0.01 nats per weight; the prior is improper, so there is no bound. Under a
    proper prior the guide is `LocalReparam`, with a bound. In training, layers draw
    outputs; predictions use an ordinary draw. A weight with log α above 3 is 95 % noise.

    References:
        Variational Dropout Sparsifies Deep Neural Networks (Molchanov, Ashukha, Vetrov, 2017)

    Arguments:
        model: A Pyro model.
        init_scale: Initial standard deviation σ, in unconstrained space; e⁻⁵ = 0.0067 in
            the paper.
        max_scale: Ceiling of the standard deviations, none by default.
        example: Arguments to run the model with once. Models of zoo need none.

    Example:
        >>> network = networks.MLP(6, 1, hidden=[10])
        >>> sparse = priors.WeightPrior(priors.LogUniform())
        >>> improper = zoo.BayesianNetwork(network, sparse, likelihoods.Gaussian(0.1))
        >>> guide = SparseVariationalDropout(improper, init_scale=0.01)
        >>> guide.bound, guide.log_alpha()["layer1.weight"].shape, guide.sparsity(threshold=8.5)
        (False, torch.Size([10, 6]), 0.0)
    """

    def distribution(self, site: Site) -> TorchDistributionMixin:
        """Return the normal of a site, transformed to its support."""
        normal = super().distribution(site)
        if site.is_real and isinstance(normal, Independent):
            return SparseNormal(normal.base_dist, normal.reinterpreted_batch_ndims)

        return normal

    def log_alpha(self) -> dict[str, Tensor]:
        """Return log α by site, for sites with unbounded support."""
        found = {}
        with torch.no_grad():
            for name, site in self.sites.items():
                if site.is_real:
                    found[name] = _log_alpha(self.loc[name], self.scale(name))

        return found

    def sparsity(self, threshold: float = 3.0) -> float:
        """Return the fraction of elements with log α above a threshold, over all such sites."""
        values = [value.flatten() for value in self.log_alpha().values()]
        is_dropped = torch.cat(values) > threshold

        return is_dropped.double().mean().item()


class SparseNormal(PyroIndependent):
    """Normal weights, whose divergence from a log-uniform prior is a function of log alpha."""


def _log_alpha(loc: Tensor, scale: Tensor) -> Tensor:
    """Return log scale² - log loc², clipped; it is at the limit for a weight of zero."""
    log_variance = 2 * scale.log()
    log_squared = (loc.square() + 1e-16).log()
    log_ratio = log_variance - log_squared

    return log_ratio.clamp(-_LIMIT, _LIMIT)


@register_kl(SparseNormal, Independent)
def _divergence(q: SparseNormal, p: Independent) -> Tensor:
    """Return the paper's approximation under a log-uniform prior, else that of normals."""
    if is_log_uniform(p):
        return molchanov(_log_alpha(q.base_dist.loc, q.base_dist.scale)).sum()

    normal = Independent(q.base_dist, q.reinterpreted_batch_ndims)

    return kl_divergence(normal, p)
