"""Sparse variational dropout: normal weights whose noise may outgrow them, under a log-uniform prior."""

from __future__ import annotations

import torch
from pyro.distributions import Independent as PyroIndependent
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor
from torch.distributions import Independent, kl_divergence, register_kl

from guides._base.log_uniform import is_log_uniform, molchanov
from guides._base.site import Site
from guides.local_reparam import LocalReparam

LIMIT = 8.0  # where log alpha is clipped, as in the authors' program


class SparseVariationalDropout(LocalReparam):
    r"""Normal weights under a log-uniform prior, which drops those that the data do not need: log α grows.

    .. math:: W_{ij} \sim N(\theta_{ij}, \sigma_{ij}^2), \qquad
        \log \alpha_{ij} = \log \sigma_{ij}^2 - \log \theta_{ij}^2

    The noise is additive: θ and σ are parameters on their own, and log α, clipped to
    ±8, follows from them. Under `priors.LogUniform()` the divergence is the paper's
    approximation, within 0.01 nats a weight; the prior is improper, so nothing is
    bounded. Under a proper prior it is `LocalReparam`, a bound. Layers draw outputs,
    and an ordinary draw is made for predictions; a weight with log α above 3 is noise
    nineteen parts in twenty.

    References:
        Variational Dropout Sparsifies Deep Neural Networks (Molchanov, Ashukha, Vetrov, 2017)

    Arguments:
        model: A Pyro model.
        init_scale: Standard deviation σ at the start, in unconstrained space; the paper
            starts at e⁻⁵ = 0.0067.
        max_scale: Ceiling of the standard deviations, none by default.
        example: Arguments to run the model with once; the zoo's models need none.

    Example:
        >>> sparse = priors.WeightPrior(priors.LogUniform())
        >>> improper = zoo.BayesianNetwork(networks.MLP(6, 1, hidden=[10]), sparse, likelihoods.Gaussian(0.1))
        >>> guide = SparseVariationalDropout(improper, init_scale=0.01)
        >>> guide.bound, guide.log_alpha()["layer1.weight"].shape, guide.sparsity(threshold=8.5)
        (False, torch.Size([10, 6]), 0.0)
    """

    def distribution(self, site: Site) -> TorchDistributionMixin:
        """Return the normal of a site, carried into its support."""
        normal = super().distribution(site)
        if site.is_real and isinstance(normal, Independent):
            return SparseNormal(normal.base_dist, normal.reinterpreted_batch_ndims)
        return normal

    def log_alpha(self) -> dict[str, Tensor]:
        """Return the log of the noise's variance over the weight's square, by site with an unbounded support."""
        with torch.no_grad():
            real = [name for name, site in self.sites.items() if site.is_real]
            return {name: log_alpha(self.loc[name], self.scale(name)) for name in real}

    def sparsity(self, threshold: float = 3.0) -> float:
        """Return the fraction of numbers whose log α is above a threshold, over all sites of `log_alpha`."""
        every = torch.cat([value.flatten() for value in self.log_alpha().values()])
        return (every > threshold).double().mean().item()


class SparseNormal(PyroIndependent):
    """Normal weights, whose divergence from a log-uniform prior is a function of log alpha."""


def log_alpha(loc: Tensor, scale: Tensor) -> Tensor:
    """Return log scale² - log loc², clipped; a weight of zero is at the limit."""
    return (2 * scale.log() - (loc.square() + 1e-16).log()).clamp(-LIMIT, LIMIT)


@register_kl(SparseNormal, Independent)
def _divergence(q: SparseNormal, p: Independent) -> Tensor:
    """Return the paper's approximation under a log-uniform prior, else the divergence of normals."""
    if is_log_uniform(p):
        return molchanov(log_alpha(q.base_dist.loc, q.base_dist.scale)).sum()
    return kl_divergence(Independent(q.base_dist, q.reinterpreted_batch_ndims), p)
