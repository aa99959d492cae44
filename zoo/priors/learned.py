"""Learned prior: normal weights whose scale maximises the bound, by empirical Bayes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor, nn

from zoo.priors.by_name import by_name
from zoo.priors.conditional import (
    Conditional,
    Group,
    Hyperprior,
    aligned,
    check_group,
    group_shape,
    normal_given_scale,
)
from zoo.priors.plan import Plan
from zoo.priors.positive import check_positive
from zoo.priors.selection import Selected
from zoo.priors.statements import hyperparameter_site
from zoo.priors.treatment import Rule

_LOG_SCALE = "log_scale"


class _Model(Protocol):
    """A network with its priors."""

    network: nn.Module
    plan: Plan


class HasLearned(Protocol):
    """A posterior of a model whose state has learned scales."""

    model: _Model
    state: dict[str, Tensor]


class Learned(Conditional):
    r"""Normal weights whose scale a variational fit learns together with the guide.

    .. math:: w_{ij} \sim N(\mu, s^2), \qquad
        \hat s = \arg\max_s \max_q \; E_q[\log p(y | w)] - KL(q(w) \| p(w | s))

    At a fixed q the best scale of a tensor is s² = E_q[(w - μ)²], averaged over its
    elements. The scale is a parameter, `prior:layer1.weight.log_scale`, not a random
    number: the loss stays a bound on the log evidence log p(y | s) at the learned s, which
    is larger than that of any scale chosen beforehand. So count k learned scales when
    models are compared: (k/2) log N nats less, by the Bayesian information criterion.

    A point estimate has no spread to learn from: under a `Delta` guide the joint density
    grows without bound as weights and scale go to 0. Samplers and `Laplace` do not take
    this prior; give them the scales of a fit, `priors.Learned.fixed(posterior)`.

    References:
        Bayesian Interpolation (MacKay, 1992)
        Practical Variational Inference for Neural Networks (Graves, 2011)

    Arguments:
        scale: Initial standard deviation.
        by: What has a scale of its own: "layer" (one for the tensor), "input" (one for
            each input unit or channel; a vector such as a bias has one) or "weight".
        loc: Mean of the weights.

    Raises:
        ValueError: A scale that is not positive; an unknown `by`.

    Example:
        >>> prior = priors.WeightPrior(Learned(0.5))
        >>> model = zoo.BayesianNetwork(networks.MLP(6, 1, hidden=[10]), prior,
        ...                             likelihoods.Gaussian(0.1))
        >>> engine = inference.SVI(model, guides.MeanField(model), num_steps=5, progress=False)
        >>> posterior = engine.fit(data.train)
        >>> posterior.state["prior:layer1.weight.log_scale"].shape
        torch.Size([])
    """

    def __init__(
        self, scale: float = 1.0, by: Group = "layer", loc: float = 0.0
    ) -> None:
        check_positive(scale=scale)
        check_group(by)
        self.scale = scale
        self.by = by
        self.loc = loc

    def hyperpriors(self, like: Tensor) -> dict[str, Hyperprior]:
        """Return no prior: the scale is not random."""
        return {}

    def parameters(self, like: Tensor) -> dict[str, Tensor]:
        """Return the logarithm of the initial scale."""
        shape = group_shape(self.by, like)
        scale = like.new_full(shape, self.scale)
        return {_LOG_SCALE: scale.log()}

    def given(
        self, values: Mapping[str, Tensor], like: Tensor
    ) -> TorchDistributionMixin:
        """Return the normal distribution of the weights given the logarithm of their scale."""
        scale = aligned(values[_LOG_SCALE].exp(), self.by, like)
        return normal_given_scale(self.loc, scale, like)

    def __repr__(self) -> str:
        loc = f", loc={self.loc:g}" if self.loc else ""
        return f"Learned({self.scale:g}, by={self.by!r}{loc})"

    @staticmethod
    def fixed(posterior: HasLearned) -> Selected:
        """Use the scales that a fit has learned, as constants: for samplers and for comparisons.

        A tensor without a learned scale keeps its prior.

        References:
            Bayesian Interpolation (MacKay, 1992)

        Arguments:
            posterior: A posterior of a model with `Learned` priors.

        Raises:
            ValueError: A model without such a prior.

        Example:
            >>> prior = priors.WeightPrior(Learned())
            >>> model = zoo.BayesianNetwork(networks.MLP(6, 1, hidden=[10]), prior,
            ...                             likelihoods.Gaussian(0.1))
            >>> engine = inference.SVI(model, guides.MeanField(model), num_steps=5, progress=False)
            >>> fixed = Learned.fixed(engine.fit(data.train))
            >>> priors.WeightPrior(fixed).bind(model.network).weights["layer1.weight"].shape()
            torch.Size([10, 6])
        """
        model = posterior.model
        parameters = dict(model.network.named_parameters())

        rules: dict[str, Rule] = {}
        has_learned = False
        for name, treatment in model.plan.weights.items():
            rules[name] = treatment
            if isinstance(treatment, Learned):
                has_learned = True
                site = hyperparameter_site(name, _LOG_SCALE)
                values = {_LOG_SCALE: posterior.state[site]}
                rules[name] = treatment.given(values, parameters[name].detach())

        if not has_learned:
            raise ValueError(
                f"{posterior!r} has no learned scales; fit a model with "
                "priors.WeightPrior(priors.Learned())"
            )

        return by_name(rules)
