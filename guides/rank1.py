"""Rank-1 Bayesian neural networks: a mixture over the input and output nodes of every layer."""

from __future__ import annotations

from typing import Any

import torch

from guides._base.program import PyroModel
from guides.mixture_entropy import ComponentMean, MixtureEntropy
from guides.node_mixture import NodeMixture


class Rank1(NodeMixture):
    r"""Each weight matrix is multiplied by a random matrix of rank one, W ∘ (r s^T).

    .. math:: f_l = \sigma\big( (W_l (f_{l-1} \circ s_l)) \circ r_l + b_l \big), \qquad
        q(r, s) = \frac1K \sum_k \prod_l N(r_l \mid \mu^r_{kl}, (\sigma^r_{kl})^2) \,
        N(s_l \mid \mu^s_{kl}, (\sigma^s_{kl})^2)

    There are K Gaussians over all r and s together. This is `NodeMixture` over
    `NodePrior(dist.Normal(1.0, 0.1), where="both")` with two differences. The initial
    means have random signs, so that the members differ. The divergence is the mean of the
    components' divergences. That is at least the divergence of the mixture, so the
    negative loss is still a lower bound on the log evidence.

    The prior says what W and b are; in the paper they are `Point(prior)`. A mean whose
    sign is not that of the prior's mean costs 2/s² nats, where s is the scale of the
    prior. The paper increases the weight of the divergence slowly; here it is 1 from the
    first step. The paper repeats a batch for each member; here each member has a slice of
    it, which has the same expectation.

    References:
        Efficient and Scalable Bayesian Neural Nets with Rank-1 Factors
        (Dusenberry, Jerfel, Wen, Ma, Snoek, Heller, Lakshminarayanan, Tran, 2020)
        BatchEnsemble: An Alternative Approach to Efficient Ensemble and Lifelong Learning
        (Wen, Tran, Ba, 2020)

    Arguments:
        model: A Pyro model with nodes on both sides of its layers.
        num_components: Number of ensemble members K.
        init_scale: Initial standard deviation; 0.03 is the noise of dropout at a rate of
            0.001.
        max_scale: Ceiling of the standard deviations, none by default.
        random_sign_init: Probability that a mean starts at the model's value and not at
            minus that.
        init_spread: Standard deviation of the means around these values.
        entropy: The estimate of the mixture's entropy, as in `NodeMixture`.
        entropic_weight: γ, the additional weight of the entropy.
        nodes: Names of the sites that are nodes, for a model that does not mark them.
        example: Arguments to run the model with once. Models of zoo need none.

    Raises:
        ValueError: Nodes on one side only; a probability outside [0, 1]; whatever
            `NodeMixture` refuses.

    Example:
        >>> network = networks.MLP(6, 1, hidden=[10])
        >>> weights = priors.Point(dist.Normal(0.0, 1.0))
        >>> prior = priors.NodePrior(dist.Normal(1.0, 0.1), where="both", weights=weights)
        >>> model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.1))
        >>> guide = Rank1(model, num_components=4)
        >>> guide.num_parameters(), guide.bound
        (216, True)
    """

    def __init__(
        self,
        model: PyroModel,
        *,
        num_components: int = 4,
        init_scale: float = 0.03,
        max_scale: float | None = None,
        random_sign_init: float = 0.5,
        init_spread: float = 0.0,
        entropy: MixtureEntropy = ComponentMean(),  # noqa: B008
        entropic_weight: float = 0.0,
        nodes: list[str] | None = None,
        example: tuple[Any, ...] = (),
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
                f"random_sign_init must be a probability, from 0 to 1, not {random_sign_init}"
            )

        self._refuse_one_side()
        self._draw_signs(random_sign_init)

    def _refuse_one_side(self) -> None:
        """Refuse a model whose nodes are all at the inputs or all at the outputs of layers."""
        sides = {self.sites[name].infer.get("node") for name in self.nodes}
        if sides in ({"in"}, {"out"}):
            side = sides.pop()
            names = ", ".join(self.nodes)
            raise ValueError(
                f"Rank1 needs nodes at the inputs and the outputs of a layer, but {names} "
                f"are all at the {side}puts; use priors.NodePrior(..., where='both'), or "
                "guides.NodeMixture"
            )

    def _draw_signs(self, probability: float) -> None:
        """Multiply the means by random signs, which are 1 with the given probability."""
        with torch.no_grad():
            for name in self.nodes:
                mean = self.loc[name]
                positive = torch.bernoulli(torch.full_like(mean, probability))
                mean.mul_(2 * positive - 1)
