"""Mixture of K copies of any guide: K modes, or a deep ensemble of K point estimates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import pyro
import torch
from pyro import poutine
from pyro.poutine.runtime import InferDict
from torch import Tensor, nn
from torch.func import functional_call

from guides._base.component_choice import ComponentChoice
from guides._base.component_inits import (
    draw_inits,
    given_inits,
    initialised_at,
    prior_inits,
)
from guides._base.each_draw import Draws, many_draws
from guides._base.guide import Guide
from guides._base.part import Part
from guides._base.program import PyroModel
from guides._base.scales_in import named_in
from guides._base.site import Site
from guides._base.uniform_mixture import UniformMixture, uniform_mixture
from guides._lazy.lazy import plain
from guides.mean_field import MeanField


class Mixture(Guide):
    r"""A uniform mixture of K guides of one family; with `Delta` it is a deep ensemble.

    .. math:: q(z) = \frac1K \sum_{k=1}^K q_k(z), \qquad
        ELBO = \frac1K \sum_k E_{q_k}[\log p(y, z) - \log q(z)]

    A draw comes from one component, chosen at random, so K steps cost as much as K steps
    of one guide; every step also copies the parameters of all K. The entropy is that of
    the mixture, from the density of the draw under all components. For components that
    do not overlap it is log K more than the mean entropy of the components.

    If the components have no density (`Delta`, dropout over weights), their entropy is
    dropped and with it the log K. A `Mixture` of `Delta` is a deep ensemble: each member
    is a maximum a posteriori with its own initial values, and `bound` is False.

    If the components have a density, their own divergence estimates and entropic weights
    are not used. All components share what the model itself optimises, i.e. its `Point()`
    weights.

    The bound of a mixture is at most log K nats above the mean bound of its components. If
    these lack many nats, as mean-field normals of networks do, a mixture lacks them too.
    Components that begin at draws of the prior are as different as the prior says.

    References:
        Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles
        (Lakshminarayanan, Pritzel, Blundell, 2017)
        Improving the Mean Field Approximation via the Use of Mixture Distributions
        (Jaakkola, Jordan, 1998)

    Arguments:
        model: A Pyro model.
        make: Makes a component from a model: a class, a `functools.partial` of one, or a
            function.
        num_components: Number of components K.
        init_spread: Standard deviation of the components' initial values around the
            model's, in unconstrained space.
        inits: Replaces `init_spread`. "prior" begins each component at a draw of the
            prior. A function is called once for each component and returns initial
            values by site name, e.g. those of a new network; sites that it omits start
            at the model's value.
        example: Arguments to run the model with once. Models of zoo need none.

    Raises:
        ValueError: No component; components that are not guides of this package; initial
            values that fit no site.

    Example:
        >>> ensemble = Mixture(
        ...     model,
        ...     guides.Delta,
        ...     num_components=5,
        ...     inits=lambda: dict(networks.MLP(6, 1, hidden=[10]).named_parameters()),
        ... )
        >>> ensemble
        Mixture(5 Delta components, 4 sites, 405 parameters)
        >>> ensemble.bound
        False
    """

    def __init__(
        self,
        model: PyroModel,
        make: Callable[..., Guide] = MeanField,
        *,
        num_components: int = 4,
        init_spread: float = 0.1,
        inits: Callable[[], Mapping[str, Tensor]] | Literal["prior"] | None = None,
        example: tuple[Any, ...] = (),
    ) -> None:
        super().__init__(model, example=example)
        if num_components < 1:
            raise ValueError(f"num_components must be at least 1, not {num_components}")

        if num_components == 1:
            init_spread = 0.0

        _refuse_built_guide(make)
        _check_inits(inits)
        options = {"example": example} if example else {}

        components = []
        for _ in range(num_components):
            if inits is None:
                values = draw_inits(self.sites, init_spread)
            elif inits == "prior":
                values = prior_inits(model, self.sites, example)
            else:
                values = given_inits(self.sites, inits())

            component = make(initialised_at(model, values), **options)
            _refuse_other_guides(component)
            components.append(component)

        self.components = nn.ModuleList(components)
        self.has_density = all(each.has_density for each in components)
        all_bounds = all(each.bound for each in components)
        self.bound = self.has_density and all_bounds
        self.scale_parameters = _of_components(components[0].scale_parameters)

    @property
    def num_components(self) -> int:
        """The number of components K."""
        return len(self.components)

    def forward(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Choose a component at an auxiliary site, then draw all sites from it."""
        values: dict[str, Tensor] = {}
        like = next(iter(self.sites.values())).init

        def density() -> Tensor:
            return self.log_prob(values) if self.has_density else like.new_zeros(())

        choice = ComponentChoice(self.num_components, like, density)
        infer: InferDict = {"is_auxiliary": True}
        component = pyro.sample("mixture:component", choice, infer=infer)

        # Components without a density state their sites themselves. The parameters are
        # hidden, because they are stated under the names of the mixture.
        hidden = None if self.has_density else ["param"]
        with poutine.block(hide_types=hidden):
            parameters = self._parameters_of(component)
            values.update(functional_call(self.components[0], parameters, ()))

        if not self.has_density:
            return values

        stated = {}
        for name, site in self.sites.items():
            part = Part(values[name], site.prior.event_dim)
            stated[name] = self.sample(site, part)

        return stated

    @torch.no_grad()
    def draw_many(self, num_samples: int) -> Draws:
        """Draw all sites many times, site -> (S, *shape), each from a component of its own.

        Arguments:
            num_samples: Number of draws S.
        """
        like = next(iter(self.sites.values())).init
        component = torch.randint(self.num_components, (num_samples,))

        draws: Draws = {}
        for number, each in enumerate(self.components):
            rows = (component == number).nonzero().squeeze(-1).to(like.device)
            if len(rows) == 0:
                continue

            for name, values in _draw_many(each, len(rows)).items():
                if name not in draws:
                    draws[name] = values.new_empty(num_samples, *values.shape[1:])

                draws[name][rows] = values

        return draws

    def log_scales(self) -> dict[str, Tensor]:
        """Return the log standard deviations of all components by the name of their parameter."""
        return self._of_components([each.log_scales() for each in self.components])

    def scales_of_means(self) -> dict[str, Tensor]:
        """Return the standard deviations of all components by the parameter of the mean."""
        return self._of_components([each.scales_of_means() for each in self.components])

    def distribution(self, site: Site) -> UniformMixture:
        """Return q of one site, without its dependence on other sites through the component."""
        return UniformMixture([each.distribution(site) for each in self.components])

    def log_prob(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return the log density of values (*S, *shape) of all sites together, (*S).

        Raises:
            ValueError: The components have no density.
        """
        self.refuse_without_density()
        drawn = {name: plain(value) for name, value in values.items()}

        return uniform_mixture([each.log_prob(drawn) for each in self.components])

    def extra_repr(self) -> str:
        """Return the number of components and their family."""
        family = type(self.components[0]).__name__
        noun = "component" if self.num_components == 1 else "components"

        return f"{self.num_components} {family} {noun}"

    def _of_components(self, values: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Return values of each component by the name that the mixture has for them."""
        found = {}
        for number, of_one in enumerate(values):
            found |= named_in(f"components.{number}", of_one)

        return found

    def _parameters_of(self, component: Tensor) -> dict[str, Tensor]:
        """Return the parameters and buffers of one component, given its index ().

        The index is used as a tensor, so that the choice is an operation of a traced
        program.
        """
        tensors = []
        for each in self.components:
            parameters = dict(each.named_parameters())
            tensors.append(parameters | dict(each.named_buffers()))

        # A shape of one dimension: indexing with a scalar tensor would make the row a
        # constant of a traced program.
        row = component.reshape(1)

        chosen = {}
        for name in tensors[0]:
            stacked = torch.stack([each[name] for each in tensors])  # (K, ...)
            chosen[name] = stacked[row].squeeze(0)

        return chosen


def _draw_many(component: Guide, num_samples: int) -> Draws:
    """Draw all sites of a component many times."""
    own = getattr(component, "draw_many", None)
    return many_draws(component, num_samples) if own is None else own(num_samples)


def _of_components(patterns: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return the patterns of names of a component as those of the mixture's parameters."""
    if patterns is None:
        return None

    return tuple(f"components.*.{pattern}" for pattern in patterns)


def _refuse_built_guide(make: Any) -> None:
    """Refuse a guide in the place of its class."""
    if isinstance(make, Guide):
        family = type(make).__name__
        raise ValueError(
            "make must be a class or function that makes a guide, not a guide; write "
            f"guides.Mixture(model, make=guides.{family})"
        )


def _check_inits(inits: Any) -> None:
    """Refuse initial values that are neither None, nor "prior", nor a function."""
    if inits is not None and inits != "prior" and not callable(inits):
        raise ValueError(
            f"inits must be 'prior' or a function that returns values by site name, not {inits!r}"
        )


def _refuse_other_guides(component: Any) -> None:
    """Refuse a component whose density is not known."""
    if not isinstance(component, Guide):
        raise ValueError(
            "make must return a guide of this package, because its density must be known, "
            f"not {type(component).__name__}; write e.g. make=guides.MeanField"
        )
