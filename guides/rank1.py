"""Rank-1 Bayesian neural networks: a mixture of normals over the inputs' and outputs' nodes of every layer."""

from __future__ import annotations

from collections.abc import Callable

import torch

from guides.mixture_entropy import ComponentMean, MixtureEntropy
from guides.node_mixture import NodeMixture


class Rank1(NodeMixture):
    r"""Each weight matrix times a random matrix of rank one, W ∘ (r s^T), K Gaussians over all r and s together.

    .. math:: f_l = \sigma\big( (W_l (f_{l-1} \circ s_l)) \circ r_l + b_l \big), \qquad
        q(r, s) = \frac1K \sum_k \prod_l N(r_l \mid \mu^r_{kl}, (\sigma^r_{kl})^2) \,
        N(s_l \mid \mu^s_{kl}, (\sigma^s_{kl})^2)

    That is `NodeMixture` over `NodePrior(dist.Normal(1.0, 0.1), where="both")` with a
    start and a divergence of its own: means start at random signs, which tells the
    members apart, and the divergence is the mean of the components', which is at least
    that of the mixture, so that the loss stays a bound. W and b are what the prior
    says; the paper has `Point(prior)`. A sign that differs from the prior's mean costs
    2/s² nats, and the paper lets the divergence in slowly; here it counts in full from
    the first step. There a batch is repeated for each member; here each member has a
    slice of it, the same in the mean.

    References:
        Efficient and Scalable Bayesian Neural Nets with Rank-1 Factors (Dusenberry, Jerfel, Wen, Ma, Snoek, Heller,
        Lakshminarayanan, Tran, 2020)
        BatchEnsemble: An Alternative Approach to Efficient Ensemble and Lifelong Learning (Wen, Tran, Ba, 2020)

    Arguments:
        model: A Pyro model with nodes on both sides of its layers.
        num_components: Number of ensemble members K.
        init_scale: Standard deviation at the start; 0.03 is the noise of dropout at a
            rate of 0.001.
        max_scale: Ceiling of the standard deviations, none by default.
        random_sign_init: Probability that a mean starts at the model's value and not at
            minus that.
        init_spread: Standard deviation of the means round that.
        entropy: How the entropy of the mixture is estimated, as in `NodeMixture`.
        entropic_weight: γ, how much more than once the entropy counts.
        nodes: Names of the sites that are nodes, for a model that does not say so
            itself.
        example: Arguments to run the model with once; the zoo's models need none.

    Raises:
        ValueError: Nodes on one side only; a probability outside [0, 1]; whatever
            `NodeMixture` refuses.

    Example:
        >>> network = networks.MLP(6, 1, hidden=[10])
        >>> prior = priors.NodePrior(dist.Normal(1.0, 0.1), where="both", weights=priors.Point(dist.Normal(0.0, 1.0)))
        >>> guide = Rank1(zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.1)), num_components=4)
        >>> guide.num_parameters(), guide.bound
        (216, True)
    """

    def __init__(
        self,
        model: Callable[..., object],
        *,
        num_components: int = 4,
        init_scale: float = 0.03,
        max_scale: float | None = None,
        random_sign_init: float = 0.5,
        init_spread: float = 0.0,
        entropy: MixtureEntropy = ComponentMean(),  # noqa: B008
        entropic_weight: float = 0.0,
        nodes: list[str] | None = None,
        example: tuple = (),
    ) -> None:
        super().__init__(
            model,
            num_components=num_components,
            init_scale=init_scale,
            max_scale=max_scale,
            init_spread=init_spread,
            entropy=entropy,
            entropic_weight=entropic_weight,
            nodes=nodes,
            example=example,
        )
        if not 0 <= random_sign_init <= 1:
            raise ValueError(
                f"random_sign_init is a probability, from 0 to 1, not {random_sign_init}"
            )
        sides = {self.sites[name].infer.get("node") for name in self.nodes}
        if sides in ({"in"}, {"out"}):
            raise ValueError(
                f"Rank1 needs nodes at the inputs and the outputs of a layer, and {', '.join(self.nodes)} are "
                f"{sides.pop()}-nodes all; use priors.NodePrior(..., where='both'), or guides.NodeMixture"
            )
        with torch.no_grad():
            for name in self.nodes:
                mean = self.loc[name]
                mean.mul_(
                    2 * torch.bernoulli(torch.full_like(mean, random_sign_init)) - 1
                )
