"""The model: a plain network, a prior and a likelihood as one Pyro program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from html import escape
from typing import Any

from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor, nn

from zoo.likelihoods.likelihood import Likelihood
from zoo.likelihoods.observed import Observed
from zoo.predictive.drawing import draw_sites
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.examples.lazy_values import LazyValues
from zoo.predictive.inputs import check_whole, place_inputs
from zoo.predictive.known import place_known, refuse_unknown
from zoo.predictive.network_call import OutputChoice, call_arguments, in_rows
from zoo.predictive.prediction import Prediction
from zoo.priors.plan import Plan
from zoo.priors.prior import Prior
from zoo.priors.requires_grad import frozen_by_user, warn_of_changed
from zoo.reports.summary import Summary, summarise
from zoo.runtime.derivatives import with_autograd_if_needed
from zoo.runtime.distributions import describe, is_proper
from zoo.runtime.effects import buffers
from zoo.runtime.half_precision import half_products, in_single
from zoo.runtime.plain_network import plain_network
from zoo.runtime.rows import Column, Rows
from zoo.runtime.turn import turn


class BayesianNetwork(nn.Module):
    r"""A Bayesian neural network as a Pyro model of targets given inputs.

    .. math::
        \log p(y, z) = \sum_s \log p(z_s)
        + \frac{N}{B} \sum_{i=1}^{B} \log p(y_i \mid f(x_i; z))

    `model(x)` samples targets and `model(x, y)` observes them. `model()` runs the latent
    sites alone: from it a guide learns their names, shapes, supports and initial values.
    Site names are `state_dict` names. The network is never written to: a tensor that is
    not random is stated as `pyro.param` (a point estimate) or used as it is (frozen),
    and buffers are copies.

    References:
        Bayesian Learning for Neural Networks (Neal, 1996)

    Arguments:
        network: Any `nn.Module` that maps a batch of inputs (N, ...) to outputs (N,
            ...). A tuple of inputs holds the positional arguments of its `forward`, and
            a mapping the keyword arguments.
        prior: Decides which tensors of the network are random, and their distributions.
        likelihood: The distribution of targets given outputs.
        output: Takes the output (N, ...) of what the network returns, if that is no
            tensor, such as `lambda o: o.logits`. By default it is the first tensor.
        whole: Whether the network must see all rows at once, as one of a single graph
            does: there are no batches then, and `fit(data, weights=labelled)` says which
            rows are observed. By default it is found out.

    Raises:
        TypeError: A prior, a likelihood or an `output` of another type.
        ValueError: A prior that makes nothing random.

    Example:
        >>> network = networks.MLP(6, 1, hidden=[10])
        >>> prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
        >>> model = BayesianNetwork(network, prior, likelihoods.Gaussian(0.1))
        >>> model
        BayesianNetwork(MLP, WeightPrior(Normal(0, 1)), Gaussian(scale=0.1))
        >>> sorted(model.latents)
        ['layer1.bias', 'layer1.weight', 'layer2.bias', 'layer2.weight']
        >>> model(torch.zeros(8, 6)).shape
        torch.Size([8, 1])
    """

    @turn()  # a call in another thread has other tensors in the network's place
    def __init__(
        self,
        network: nn.Module,
        prior: Prior,
        likelihood: Likelihood,
        *,
        output: Callable[[Any], Tensor] | None = None,
        whole: bool | None = None,
    ) -> None:
        super().__init__()
        check_whole(whole)
        if not hasattr(prior, "bind"):
            example = "priors.WeightPrior(dist.Normal(0.0, 1.0))"
            raise TypeError(
                f"the prior must be an object such as {example}, not {prior!r}"
            )

        if not hasattr(likelihood, "observe"):
            example = "likelihoods.Gaussian(scale=0.1)"
            raise TypeError(
                f"the likelihood must be an object such as {example}, not {likelihood!r}"
            )

        network = plain_network(network)
        self.network = network
        self.prior = prior
        self.likelihood = likelihood
        self.plan: Plan = prior.bind(network)
        self.output_choice = OutputChoice(network, output)
        self.whole = whole
        self._lazy_values = LazyValues(network)
        self._frozen_when_built = frozen_by_user(network)

        if not self.latents:
            raise ValueError(_nothing_random(network, prior))

    @property
    def first_parameter(self) -> Tensor:
        """A tensor with the network's device and dtype: its first that is no integer."""
        parameters = list(self.network.parameters())
        for parameter in parameters:
            if parameter.is_floating_point():
                return parameter

        return next(iter(parameters))

    @property
    @turn()
    def latents(self) -> dict[str, TorchDistributionMixin]:
        """The prior of every latent site by name.

        A prior whose scale is a latent site itself is given at the initial value of that
        scale.
        """
        sites = {}
        for name, (prior, _) in self.plan.priors(self.network).items():
            sites[name] = prior

        return sites | self.likelihood.priors(self.first_parameter)

    @turn()
    def frozen(self) -> dict[str, Tensor]:
        """Return copies of the frozen weights, for a posterior to keep."""
        parameters = dict(self.network.named_parameters())
        copies = {}
        for name in self.plan.frozen:
            copies[name] = parameters[name].detach().clone()

        return copies

    def warn_of_changed(self) -> None:
        """Warn of a fit after `requires_grad` of a parameter was changed, which a prior heeds."""
        warn_of_changed(self.network, self._frozen_when_built)

    def forward(
        self,
        x: Rows | None = None,
        y: Tensor | Observed | None = None,
        num_data: int | None = None,
    ) -> Tensor | None:
        """Run the program; without inputs it runs the latent sites alone and returns None.

        Arguments:
            x: Inputs (B, ...), a batch of the data or all of them: a tensor, or a tuple
                or mapping of several.
            y: Targets (B, ...) to observe, or `Observed` with a weight or known
                quantities for each datum; by default they are sampled.
            num_data: Size N of the whole data, if x is a batch of it.
        """
        with turn():
            values = self.plan.sample(self.network, is_fit=x is not None)
            noise = self.likelihood.sample(self.first_parameter)
            if x is None:
                return None

            values |= self.plan.estimate(self.network)
            values |= buffers(self.network)
            output = self.output(values, x)

            return self.likelihood.observe(output, y, noise, num_data)

    def turn(self) -> AbstractContextManager[None]:
        """Return a context in which no other thread runs Pyro's handlers; a guide enters it."""
        return turn()

    def output(self, values: Mapping[str, Tensor], x: Rows) -> Tensor:
        """Return the network's output (B, ...) for given values, without any Pyro statement.

        Arguments:
            values: A value of every site, point estimate and buffer.
            x: Inputs (B, ...).
        """
        told = self._lazy_values.told(values, x, self._run)

        with half_products(self.first_parameter):
            output = self._run(told, x)

        return in_single(output)

    def _run(self, values: Mapping[str, Tensor], x: Rows) -> Tensor:
        """Call the network, and return its output (B, ...)."""
        returned = with_autograd_if_needed(partial(self._call, values), x)

        return in_rows(self.output_choice(returned), x)

    def _call(self, values: Mapping[str, Tensor], x: Rows) -> Any:
        """Return what the network returns for given values."""
        arguments, keywords = call_arguments(self.network, x)

        return self.plan.call(self.network, values, arguments, keywords)

    def prior_draws(self, num_samples: int = 100) -> dict[str, Tensor]:
        """Draw every latent site from its prior: site -> (S, *shape).

        Arguments:
            num_samples: Number of draws S.

        Raises:
            ValueError: An improper prior, which has no draws.

        Example:
            >>> model.prior_draws(5)["layer1.bias"].shape
            torch.Size([5, 10])
        """
        shapes = {}
        for name, prior in self.latents.items():
            _refuse_improper(name, prior)
            shapes[name] = prior.shape()

        draws = draw_sites(self, num_samples, shapes)

        return self.plan.complete(self.network, draws)

    def prior_predictive(
        self, x: Rows, num_samples: int = 100, **given: Column
    ) -> Prediction:
        """Predict from the prior, before the model has seen data.

        Arguments:
            x: Inputs (N, ...).
            num_samples: Number of draws S.
            given: Known quantities (N, ...) of each datum that the likelihood asks for.

        Raises:
            ValueError: An improper prior, which has no draws.

        Example:
            >>> model.prior_predictive(torch.zeros(8, 6), num_samples=20).mean.shape
            torch.Size([8, 1])
        """
        refuse_unknown(self.likelihood, "prior_predictive", given)
        draws = self.prior_draws(num_samples)
        inputs = place_inputs(self, x)
        outputs = evaluate_draws(self, draws, {}, inputs)

        known = place_known(given, self.first_parameter)

        return Prediction(self.likelihood, outputs, noise=draws, given=known)

    def summary(self) -> Summary:
        """Count weights and nodes layer by layer, with the prior of each."""
        return summarise(self.network, self.plan)

    def __repr__(self) -> str:
        family = type(self).__name__
        network = type(self.network).__name__

        return f"{family}({network}, {self.prior!r}, {self.likelihood!r})"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


def _nothing_random(network: nn.Module, prior: Prior) -> str:
    """Return the message about a prior that makes nothing random."""
    family = type(network).__name__
    message = f"{prior!r} makes no tensor of {family} random; give at least one a distribution"
    frozen = frozen_by_user(network)
    if not frozen:
        return message

    return (
        f"{message}. {len(frozen)} of its parameters have requires_grad=False, which freezes "
        f"them; write network.requires_grad_(True), or name one: by_name({{{frozen[0]!r}: ...}})"
    )


def _refuse_improper(name: str, prior: TorchDistributionMixin) -> None:
    """Refuse to draw from an improper prior."""
    if not is_proper(prior):
        raise ValueError(
            f"the prior of site {name!r}, {describe(prior)}, is improper and has no "
            "draws; predict from a posterior, or give the site a proper prior such as "
            "dist.Normal(0.0, 1.0)"
        )
