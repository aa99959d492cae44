"""Mixture of K copies of any guide: K modes, or with point estimates a deep ensemble."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyro
import torch
from pyro import poutine
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor, nn
from torch.distributions import biject_to
from torch.func import functional_call

from guides._base.guide import Guide
from guides._base.part import Part
from guides._base.site import Site
from guides._base.uniform_mixture import UniformMixture, even
from guides._lazy.lazy import plain
from guides.mean_field import MeanField


class Mixture(Guide):
    r"""An even mixture of K guides of one family, each with parameters and a start of its own.

    .. math:: q(z) = \frac1K \sum_{k=1}^K q_k(z), \qquad
        ELBO = \frac1K \sum_k E_{q_k}[\log p(y, z) - \log q(z)]

    A draw is that of one component, taken at random: K steps cost what K steps of one
    guide do, and copy the parameters of all K. The entropy is the mixture's own, from
    the draw's density under all components; that of components far apart is log K more
    than theirs. Where components have no density (`Delta`, dropout over weights) theirs
    is dropped and with it the log K: a `Mixture` of `Delta` is a deep ensemble, each
    member the maximum a posteriori from its own start, and `bound` is False. A
    component's own divergence estimate or entropic weight does not enter where it has a
    density. What the model itself optimises, its `Point()` weights, all components
    share.

    References:
        Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles (Lakshminarayanan, Pritzel,
        Blundell, 2017)
        Improving the Mean Field Approximation via the Use of Mixture Distributions (Jaakkola, Jordan, 1998)

    Arguments:
        model: A Pyro model.
        make: What makes a component of a model: a class, a `functools.partial` of one,
            a function.
        num_components: Number of components K.
        init_spread: Standard deviation of the components' starts round the model's, in
            unconstrained space.
        inits: Instead of `init_spread`: called once for each component, it returns
            values to start from by site name, of a network made anew say; sites that it
            leaves out start at the model's value.
        example: Arguments to run the model with once; the zoo's models need none.

    Raises:
        ValueError: No component; components that are no guides of this package; starts
            that fit no site.

    Example:
        >>> ensemble = Mixture(
        ...     model,
        ...     guides.Delta,
        ...     num_components=5,
        ...     inits=lambda: dict(networks.MLP(6, 1, hidden=[10]).named_parameters()),
        ... )
        >>> ensemble.num_parameters(), ensemble.bound
        (405, False)
    """

    def __init__(
        self,
        model: Callable[..., object],
        make: Callable[..., Guide] = MeanField,
        *,
        num_components: int = 4,
        init_spread: float = 0.1,
        inits: Callable[[], Mapping[str, Tensor]] | None = None,
        example: tuple = (),
    ) -> None:
        super().__init__(model, example=example)
        if num_components < 1:
            raise ValueError(
                f"a mixture has at least one component, not {num_components}"
            )
        if num_components == 1:
            init_spread = 0.0
        components = []
        for _ in range(num_components):
            values = (
                self.draw_inits(init_spread) if inits is None else self.fitting(inits())
            )
            component = make(
                initialised_at(model, values),
                **({"example": example} if example else {}),
            )
            if not isinstance(component, Guide):
                raise ValueError(
                    f"the components of a Mixture are guides of this package, which know their density, and make "
                    f"gave a {type(component).__name__}; use guides.MeanField, say"
                )
            components.append(component)
        self.components = nn.ModuleList(components)
        self.has_density = all(component.has_density for component in components)
        self.bound = self.has_density and all(
            component.bound for component in components
        )

    def draw_inits(self, init_spread: float) -> dict[str, Tensor]:
        """Draw starting values round the model's own; discrete sites stay where they are."""
        values = {}
        for name, site in self.sites.items():
            if not (site.is_binary or site.support.is_discrete):
                transform = biject_to(site.support)
                free = transform.inv(site.init)
                values[name] = transform(free + init_spread * torch.randn_like(free))
        return values

    def fitting(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the values that belong to sites, or say which do not fit."""
        fitting = {
            name: values[name].detach().to(site.init)
            for name, site in self.sites.items()
            if name in values
        }
        if not fitting:
            raise ValueError(
                f"inits() has no value for any of the sites {', '.join(self.sites)}; it has {[*values]}"
            )
        for name, value in fitting.items():
            if value.shape != self.sites[name].init.shape:
                raise ValueError(
                    f"inits() gives site {name!r} a value of shape {tuple(value.shape)}, "
                    f"and it has {tuple(self.sites[name].init.shape)}"
                )
        return fitting

    @property
    def num_components(self) -> int:
        """Number of components K."""
        return len(self.components)

    def forward(self, *args: object, **kwargs: object) -> dict[str, Tensor]:
        """Sample one component, its place in the mixture stated first."""
        values: dict[str, Tensor] = {}
        like = next(iter(self.sites.values())).init

        def density() -> Tensor:
            return self.log_prob(values) if self.has_density else like.new_zeros(())

        choice = Choice(self.num_components, like, density)
        component = pyro.sample(
            "mixture:component", choice, infer={"is_auxiliary": True}
        )
        with (
            poutine.block() if self.has_density else poutine.block(hide_types=["param"])
        ):
            values.update(
                functional_call(self.components[0], self.parameters_of(component), ())
            )
        if not self.has_density:
            return values
        return {
            name: self.sample(site, Part(values[name], site.prior.event_dim))
            for name, site in self.sites.items()
        }

    def parameters_of(self, component: Tensor) -> dict[str, Tensor]:
        """Choose the parameters of one component by its number (), so that no program depends on the choice."""
        tensors = [
            {**dict(each.named_parameters()), **dict(each.named_buffers())}
            for each in self.components
        ]
        row = component.reshape(
            1
        )  # a list of one, for a single number would leave a traced graph to choose the row
        return {
            name: torch.stack([each[name] for each in tensors])[row].squeeze(0)
            for name in tensors[0]
        }

    def distribution(self, site: Site) -> UniformMixture:
        """Return q of one site, which knows nothing of the other sites' components."""
        return UniformMixture(
            [component.distribution(site) for component in self.components]
        )

    def log_prob(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return the log density of values (*S, *shape) of all sites together, (*S).

        Raises:
            ValueError: The components have no density.
        """
        self.refuse_without_density()
        values = {name: plain(value) for name, value in values.items()}
        return even([component.log_prob(values) for component in self.components])


class Choice(TorchDistribution):
    """Which component a draw comes from, at random.

    What enters the loss as its log density is that of the whole draw under the mixture,
    worked out only when asked for: by then a layer has made its own noise of lazily
    sampled weights.
    """

    arg_constraints = {}  # noqa: RUF012
    has_rsample = True

    def __init__(
        self, num_components: int, like: Tensor, density: Callable[[], Tensor]
    ) -> None:
        self.num_components, self.like, self.density = num_components, like, density
        super().__init__(validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """The components' numbers."""
        return constraints.integer_interval(0, self.num_components - 1)

    def rsample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw a component's number, ()."""
        return torch.randint(self.num_components, (), device=self.like.device)

    def expand(self, batch_shape: torch.Size, _instance: object = None) -> Choice:
        """Refuse a batch of draws, which would have to come from one component."""
        raise ValueError(
            f"a Mixture makes one draw at a time, and not a batch of shape {tuple(batch_shape)}"
        )

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density of the draw under all components."""
        return self.density()


def initialised_at(
    model: Callable[..., object], values: Mapping[str, Tensor]
) -> Callable[..., object]:
    """Return the model with other values for a guide to start at."""
    return poutine.infer_config(
        model,
        lambda site: {"init": values[site["name"]]} if site["name"] in values else {},
    )
