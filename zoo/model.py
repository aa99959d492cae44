"""The model: a plain network, a prior and a likelihood made into one Pyro program."""

from __future__ import annotations

from collections.abc import Mapping

from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor, nn
from torch.func import functional_call

from zoo.likelihoods.likelihood import Likelihood
from zoo.predictive.drawing import draw_sites
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.inputs import place_inputs
from zoo.predictive.prediction import Prediction
from zoo.priors.plan import Plan
from zoo.reports.summary import Summary, summarise
from zoo.runtime.distributions import describe, is_proper
from zoo.runtime.effects import buffers


class BayesianNetwork(nn.Module):
    r"""A Bayesian neural network as a Pyro model: `model(x)` samples targets, `model(x, y)` observes them.

    .. math:: \log p(y, z) = \sum_s \log p(z_s) + \frac{N}{B} \sum_{i=1}^{B} \log p(y_i \mid f(x_i; z))

    Site names are `state_dict` names. `model()` runs the latent sites alone, which is
    how a guide learns names, shapes, supports and starting values. The network is never
    written to: what is not random is stated as `pyro.param` (a point estimate) or taken
    as it is (frozen), and buffers are copies.

    References:
        Bayesian Learning for Neural Networks (Neal, 1996)

    Arguments:
        network: Any `nn.Module` that maps a batch of inputs (N, ...) to outputs (N,
            ...).
        prior: Says which tensors are random and how.
        likelihood: Says what the outputs tell about the targets.

    Example:
        >>> network = networks.MLP(6, 1, hidden=[10])
        >>> model = BayesianNetwork(network, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihoods.Gaussian(0.1))
        >>> sorted(model.latents)
        ['layer1.bias', 'layer1.weight', 'layer2.bias', 'layer2.weight']
        >>> model(torch.zeros(8, 6)).shape
        torch.Size([8, 1])
    """

    def __init__(
        self, network: nn.Module, prior: object, likelihood: Likelihood
    ) -> None:
        super().__init__()
        for value, method, example in (
            (prior, "bind", "priors.WeightPrior(dist.Normal(0.0, 1.0))"),
            (likelihood, "observe", "likelihoods.Gaussian(scale=0.1)"),
        ):
            if not hasattr(value, method):
                role = "prior" if method == "bind" else "likelihood"
                raise TypeError(
                    f"the {role} is an object such as {example}, not {value!r}"
                )
        self.network = network
        self.prior = prior
        self.likelihood = likelihood
        self.plan: Plan = prior.bind(network)
        if not self.latents:
            raise ValueError(
                f"{prior!r} makes nothing random in {type(network).__name__}: no latent site is left"
            )

    @property
    def first_parameter(self) -> Tensor:
        """A tensor with the network's device and dtype."""
        return next(self.network.parameters())

    @property
    def latents(self) -> dict[str, TorchDistributionMixin]:
        """The prior of every latent site by name; where its scale is a site itself, as it is where that one starts."""
        sites = {
            name: prior for name, (prior, _) in self.plan.priors(self.network).items()
        }
        return sites | self.likelihood.priors(self.first_parameter)

    def frozen(self) -> dict[str, Tensor]:
        """Copy the weights that no fit changes, so that a posterior keeps them whatever becomes of the network."""
        own = dict(self.network.named_parameters())
        return {name: own[name].detach().clone() for name in self.plan.frozen}

    def forward(
        self,
        x: Tensor | None = None,
        y: Tensor | None = None,
        num_data: int | None = None,
    ) -> Tensor | None:
        """Run the program; without inputs the latent sites alone.

        Arguments:
            x: Inputs (B, ...), a batch of the data or all of them.
            y: Targets (B, ...) to observe; None samples them.
            num_data: Size N of the whole data, when x is a batch of it.
        """
        values = self.plan.sample(self.network)
        noise = self.likelihood.sample(self.first_parameter)
        if x is None:
            return None
        values |= self.plan.estimate(self.network) | buffers(self.network)
        return self.likelihood.observe(self.output(values, x), y, noise, num_data)

    def output(self, values: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """Return the network's output (B, ...) for given values of sites, points and buffers; no Pyro in it."""
        return functional_call(
            self.network, self.plan.tensors(self.network, values), (x,)
        )

    def prior_draws(self, num_samples: int = 100) -> dict[str, Tensor]:
        """Draw every latent site from its prior: site -> (S, *shape).

        Arguments:
            num_samples: Number of draws S.

        Raises:
            ValueError: An improper prior, from which nothing can be drawn.

        Example:
            >>> model.prior_draws(5)["layer1.bias"].shape
            torch.Size([5, 10])
        """
        latents = self.latents
        for name, prior in latents.items():
            if not is_proper(prior):
                raise ValueError(
                    f"the prior of site {name!r}, {describe(prior)}, is improper, so there is nothing to draw from it; "
                    "predict from a posterior, or give the site a proper prior such as dist.Normal(0.0, 1.0)"
                )
        return draw_sites(
            self, num_samples, {name: prior.shape() for name, prior in latents.items()}
        )

    def prior_predictive(self, x: Tensor, num_samples: int = 100) -> Prediction:
        """Predict from the prior alone: what the model believes before it has seen data.

        Arguments:
            x: Inputs (N, ...).
            num_samples: Number of draws S.

        Raises:
            ValueError: An improper prior, from which nothing can be drawn.

        Example:
            >>> model.prior_predictive(torch.zeros(8, 6), num_samples=20).mean.shape
            torch.Size([8, 1])
        """
        draws = self.prior_draws(num_samples)
        return Prediction(
            self.likelihood,
            evaluate_draws(self, draws, {}, place_inputs(self, x)),
            draws,
        )

    def summary(self) -> Summary:
        """Count weights and nodes layer by layer, and say what becomes of each."""
        return summarise(self.network, self.plan)
