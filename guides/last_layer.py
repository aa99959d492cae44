"""Last layer integrated out: its weights have their exact conditional given the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.poutine import Trace
from pyro.poutine.runtime import InferDict
from torch import Tensor, nn

from guides._base.each_draw import Draws, many_draws, scored_draws
from guides._base.given_rest import LOG_CONCAVE, GivenRest
from guides._base.guide import Guide
from guides._base.last_sites import last_layer_sites
from guides._base.log_joint import Joint
from guides._base.part import Part
from guides._base.program import PyroModel
from guides._base.remembered import Remembered
from guides._base.scales_in import named_in, scales_in
from guides._base.site import Site
from guides.mean_field import MeanField

_JOINT = "last_layer:joint"
_EXACT = "the conditional of the last layer is normal"
_FEW, _MANY = 5, 8  # steps of Newton's method on a log-concave density, and on others


class LastLayer(Guide):
    r"""Last layer integrated out: its weights have their exact conditional given the rest.

    .. math:: q(w, z) = q(z) \, p(w \mid z, y), \qquad
        ELBO = E_{q(z)}[\log p(y \mid z)] - KL(q(z) \| p(z))

    z is the rest: the weights of the other layers and the noise scale, under a guide of
    their own. In regression with Gaussian noise the conditional is normal,

    .. math:: p(w \mid z, y) = N(\Lambda^{-1} \Phi^T y / \sigma^2, \Lambda^{-1}), \quad
        \Lambda = \Phi^T \Phi / \sigma^2 + S_0^{-1},

    with the features Φ of all data. The ratio p(y, w, z) / q(w | z) is then p(y | z)
    whatever w is, so that the last layer adds no noise to the loss. On linear regression,
    where nothing else is random, the ELBO is the log evidence. With another likelihood,
    such as `Categorical`, the conditional is the Laplace approximation at its mode, which
    Newton's method finds by steps that do not lower the density. The ELBO is a bound in
    either case.

    The conditional depends on all data, which the guide remembers. A fit gives them to it, as
    `remember` does; without either it remembers those of its first call. A batch gives an
    unbiased estimate of the bound, with noise.

    References:
        Scalable Bayesian Optimization Using Deep Neural Networks (Snoek et al., 2015)
        Variational Bayesian Last Layers (Harrison, Willes, Snoek, 2024)

    Arguments:
        model: A Pyro model.
        make: Makes the guide of the rest: a class, a `functools.partial` of one, or a
            function.
        sites: Names of the sites of the last layer, by default those of the layer that the
            model states last. They have normal priors.
        num_steps: Steps of Newton's method where the log density is not quadratic, by default
            5, or 8 where it is not concave either.
        example: The model's arguments, if it does not run without. They are remembered.

    Raises:
        ValueError: A site of the last layer whose prior is not normal; more than 2,000
            elements; `distributions()`.

    Example:
        >>> guide = LastLayer(model)
        >>> guide
        LastLayer(given MeanField, 4 sites, 140 parameters)
        >>> guide.remember(data.train.x, data.train.y)
        >>> guide.is_exact
        True
    """

    def __init__(
        self,
        model: PyroModel,
        *,
        make: Callable[..., Guide] = MeanField,
        sites: Sequence[str] | None = None,
        num_steps: int | None = None,
        example: tuple[Any, ...] = (),
    ) -> None:
        super().__init__(model, example=example)
        self.last = last_layer_sites(self.sites, sites)
        self.num_steps = num_steps
        self.rest = self._guide_of_the_rest(model, make, example)
        if self.rest is None:  # a fit needs a parameter, if only one without elements
            self.empty = nn.Parameter(torch.zeros(0))

        self.joint = Joint(model)
        self.data = Remembered()
        if self.rest is not None:
            self.bound = self.bound and self.rest.bound
            self.has_density = self.rest.has_density

        self.scale_parameters = scales_in("rest", self.rest)

        if example:
            self.remember(*example)

    def remember(self, *args: Any, **kwargs: Any) -> None:
        """Take the data that the last layer is conditioned on; a fit does it by itself.

        Arguments:
            args: The model's arguments for all data, (x, y).
            kwargs: Its keyword arguments.
        """
        self.data.keep(*args, **kwargs)
        self._find_facts()

    @property
    def is_exact(self) -> bool:
        """Whether the last layer has its exact conditional, and no approximation of it.

        Without data it has: its prior is normal.
        """
        if self.data.is_empty:
            return True

        return self._fact(_EXACT)

    def forward(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Draw the rest, then the last layer from its conditional."""
        if self.data.is_empty and args:
            self.remember(*args, **kwargs)

        rest = Trace()
        if self.rest is not None:
            with poutine.block():
                rest = poutine.trace(self.rest).get_trace(*args, **kwargs)

        with poutine.replay(trace=rest):
            values = self._state_auxiliary(rest)
            infer: InferDict = {"is_auxiliary": True}
            joint = pyro.sample(_JOINT, self.conditional(values), infer=infer)
            parts = self._parts(joint)

            # in the order of the model, with the distributions that the rest has
            stated = {}
            for name, site in self.sites.items():
                if name in parts:
                    part = Part(parts[name], site.prior.event_dim)
                else:
                    part = rest.nodes[name]["fn"]

                stated[name] = self.sample(site, part)

        return stated

    def draw_many(self, num_samples: int) -> Draws:
        """Draw all sites many times, site -> (S, *shape), with a few runs of the model.

        Arguments:
            num_samples: Number of draws S.
        """
        rest = {} if self.rest is None else many_draws(self.rest, num_samples)
        shape = torch.Size() if rest else (num_samples,)
        joint = self.conditional(rest).sample(shape)

        return rest | self._parts(joint)

    def scored_draws(self, num_samples: int) -> tuple[Draws, Tensor]:
        """Return many draws, site -> (S, *shape), and their log densities (S,).

        Arguments:
            num_samples: Number of draws S.
        """
        if self.rest is None:
            conditional = self.conditional({})
            joint = conditional.sample((num_samples,))
            return self._parts(joint), conditional.log_prob(joint)

        rest, density = scored_draws(self.rest, num_samples)
        conditional = self.conditional(rest)
        joint = conditional.sample()

        return rest | self._parts(joint), density + conditional.log_prob(joint)

    def conditional(self, values: Mapping[str, Tensor]) -> dist.MultivariateNormal:
        """Return the distribution (*S, P) of the last layer's elements given the rest.

        Arguments:
            values: Values (*S, *shape) of the sites of the rest.
        """
        found = self._given_rest(self._newton_steps()).distribution(values)
        if self.rest is not None:
            return found

        loc = found.loc + self.empty.sum()
        return dist.MultivariateNormal(loc, scale_tril=found.scale_tril)

    def log_prob(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return the log density of values (*S, *shape) of all sites together, (*S)."""
        self.refuse_without_density()
        elements = self._given_rest(0).elements(values)
        density = self.conditional(values).log_prob(elements)
        if self.rest is None:
            return density

        return density + self.rest.log_prob(values)

    def log_scales(self) -> dict[str, Tensor]:
        """Return the log standard deviations of the rest by the name of their parameter."""
        return {} if self.rest is None else named_in("rest", self.rest.log_scales())

    def scales_of_means(self) -> dict[str, Tensor]:
        """Return the standard deviations of the rest by the parameter of the mean."""
        return (
            {} if self.rest is None else named_in("rest", self.rest.scales_of_means())
        )

    def distribution(self, site: Site) -> TorchDistributionMixin:
        """Return q of a site of the rest.

        Raises:
            ValueError: A site of the last layer.
        """
        if self.rest is None or site.name in self.last:
            raise ValueError(
                f"LastLayer has a joint density (`log_prob`) but no marginal distribution of "
                f"{site.name!r}; use a guide that has one, e.g. guides.LowRank"
            )

        return self.rest.distribution(site)

    def extra_repr(self) -> str:
        """Return the family of the guide of the rest."""
        return "" if self.rest is None else f"given {type(self.rest).__name__}"

    def _guide_of_the_rest(
        self, model: PyroModel, make: Callable[..., Guide], example: tuple[Any, ...]
    ) -> Guide | None:
        """Return a guide over the other sites; None if there are none."""
        if len(self.last) == len(self.sites):
            return None

        others = poutine.block(model, hide=list(self.last))
        options = {"example": example} if example else {}

        return make(others, **options)

    def _state_auxiliary(self, rest: Trace) -> dict[str, Tensor]:
        """State the auxiliary sites of the rest again, and return the values of the others."""
        values = {}
        for name, node in rest.nodes.items():
            if name in self.sites:
                values[name] = node["value"]
            elif node["type"] == "sample" and not poutine.util.site_is_subsample(node):
                pyro.sample(name, node["fn"], infer=node["infer"])

        return values

    def _newton_steps(self) -> int:
        """Return the number of steps of Newton's method."""
        if self.is_exact:
            return 0

        if self.num_steps is not None:
            return self.num_steps

        return _FEW if self._fact(LOG_CONCAVE) else _MANY

    def _given_rest(self, num_steps: int) -> GivenRest:
        """Return the conditional distribution of the last layer."""
        return GivenRest(self.last, self.sites, self.joint, self.data, num_steps)

    def _parts(self, elements: Tensor) -> Draws:
        """Return the values (*S, *shape) of the last layer, of its elements (*S, P)."""
        return self._given_rest(0).parts(elements)

    def _fact(self, name: str) -> bool:
        """Return a fact about the data; after they were read from a file it is found again."""
        if name not in self.data.facts:
            self._find_facts()

        return self.data.facts[name]

    def _find_facts(self) -> None:
        """Find out if the conditional is normal, or log-concave, at a draw of the rest."""
        hidden = poutine.block(hide_types=["sample", "observe"])
        with torch.random.fork_rng(), torch.no_grad(), hidden:
            values = {} if self.rest is None else self.rest()
            given = self._given_rest(0)
            is_exact = given.is_exact(values)
            is_log_concave = is_exact or given.looks_log_concave(values)

        self.data.facts |= {_EXACT: is_exact, LOG_CONCAVE: is_log_concave}
