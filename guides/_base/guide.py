"""The base class of all guides: the latent sites of a model, and a distribution for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, Self

import pyro
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.poutine.runtime import am_i_wrapped, effectful
from torch import Tensor, nn

from guides._base.fixed import fixed
from guides._base.latent_sites import latent_sites
from guides._base.options import HasOptions
from guides._base.program import PyroModel
from guides._base.representation import html_list, one_line
from guides._base.site import Site
from guides._lazy.examples import BatchFirst
from guides._lazy.lazy import Lazy


class Guide(nn.Module, HasOptions):
    r"""A variational distribution over the latent sites of a Pyro model, with its parameters.

    .. math:: q(z) = \prod_l q_l(z_l) \quad \text{over the sites } l \text{ of the model}

    Subclass it to write a guide of your own:

    1. In `__init__`, call `super().__init__(model, example=example)`. It fills
       `self.sites`, a `Site` by name with `name`, `prior`, `init` (the initial value) and
       `support`. Then register the parameters as in any `nn.Module`.
    2. Implement `distribution(site)`: q of one site, with the batch shape and the event
       shape of `site.prior`. Draws, densities and `distributions()` follow from it.
    3. Set `bound = False` on the class if the negative loss is not a lower bound on the
       log evidence, e.g. because the entropy of q is dropped.
    4. Set `has_density = False` on the class if the distributions have no density, e.g.
       point masses. `log_prob` and `distributions` are then refused.
    5. Set `scale_parameters` on the class to patterns of the names of the parameters that
       are scales. An engine may give them another learning rate than means.

    A guide that draws several sites together also overrides `forward`.

    Some families draw noise for each example of a batch. A model of zoo finds out where the
    examples are in each layer's input. In any other Pyro model the noise is one draw for the
    batch, with a gradient that varies more. If in your model the examples are the first
    dimension of the input of every layer, say so: `guide.batch_first = True`.

    References:
        Automated Variational Inference in Probabilistic Programming (Wingate, Weber, 2013)
        Pyro: Deep Universal Probabilistic Programming (Bingham et al., 2019)

    Arguments:
        model: A Pyro model that runs on `example`. Models of zoo run without arguments.
        example: Arguments to run the model with once.

    Attributes:
        sites: The latent sites by name, in the order of the model.
        bound: Whether the negative loss is a lower bound on the log evidence. It never is
            under an improper prior.
        has_density: Whether `log_prob` is a density.
        scale_parameters: Shell-style patterns of the names in `named_parameters()` that
            are scales: standard deviations, correlations, rates of dropout. None if the
            family does not say.

    Raises:
        ValueError: The model does not run on `example`, or has a site that the family
            cannot represent.

    Example:
        >>> class Ball(guides.Guide):  # all elements of all sites have one common scale
        ...     scale_parameters = ("log_scale",)
        ...
        ...     def __init__(self, model):
        ...         super().__init__(model)
        ...         self.log_scale = nn.Parameter(torch.zeros(()))
        ...
        ...     def distribution(self, site):
        ...         normal = dist.Normal(site.init, self.log_scale.exp())
        ...         return normal.to_event(site.prior.event_dim)
        >>> Ball(model)
        Ball(4 sites, 1 parameter)
    """

    bound: bool = True
    has_density: bool = True
    batch_first: bool = False
    scale_parameters: tuple[str, ...] | None = None

    def __init__(self, model: PyroModel, *, example: tuple[Any, ...] = ()) -> None:
        super().__init__()
        self.sites: dict[str, Site] = latent_sites(model, example)

        sites = self.sites.values()
        all_proper = all(site.is_proper for site in sites)
        self.bound = type(self).bound and all_proper

    def distribution(self, site: Site) -> TorchDistributionMixin:
        """Return q of one site. Every family implements this method.

        Arguments:
            site: One of the values of `self.sites`.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not implement distribution(site); "
            "define it so that it returns the distribution of one site"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """State the parameters, so that `pyro.infer.SVI` finds them, then draw all sites."""
        if am_i_wrapped():
            for name, parameter in self.named_parameters():
                if parameter.requires_grad:
                    _state(parameter, name=f"{type(self).__name__}.{name}")

        return super().__call__(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Draw every site. The arguments are those of the model and are not used."""
        values = {}
        for name, site in self.sites.items():
            values[name] = self.sample(site, self.distribution(site))

        return values

    def sample(self, site: Site, distribution: TorchDistributionMixin) -> Tensor:
        """Draw one site inside the plates that the model has it in."""
        with ExitStack() as plates:
            for frame in site.frames:
                plates.enter_context(pyro.plate(frame.name, frame.size, dim=frame.dim))

            value = pyro.sample(site.name, distribution)

        if self.batch_first and isinstance(value, Lazy):
            value.examples = BatchFirst()

        return value

    def log_scales(self) -> dict[str, Tensor]:
        """Return log standard deviations by the name of the parameter that each is made of.

        Element i of a value depends on element i of its parameter alone. An engine finds
        from their gradients whether a fit has converged. Empty if the family has none.
        """
        return {}

    def scales_of_means(self) -> dict[str, Tensor]:
        """Return the standard deviation of each element of a mean, by the mean's parameter.

        A step of a mean is large or small in units of it. Empty if the family has none.
        """
        return {}

    def num_parameters(self) -> int:
        """Count the parameters that a fit changes."""
        trained = [each for each in self.parameters() if each.requires_grad]
        return sum(each.numel() for each in trained)

    def freeze(self, *patterns: str) -> Self:
        """Keep parameters at their present values, e.g. `guide.freeze("loc.*")`; return the guide.

        Arguments:
            patterns: Shell-style patterns of names in `named_parameters()`.

        Raises:
            ValueError: A pattern that matches no parameter.
        """
        parameters = dict(self.named_parameters())
        for pattern in patterns:
            found = [name for name in parameters if fnmatchcase(name, pattern)]
            if not found:
                names = ", ".join(parameters)
                raise ValueError(
                    f"no parameter of {type(self).__name__} is called {pattern!r}; "
                    f"its parameters are {names}"
                )

            for name in found:
                parameters[name].requires_grad_(False)

        return self

    def log_prob(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return the log density of values of all sites together, (*S).

        Arguments:
            values: A value (*S, *shape) of each site, by name.

        Raises:
            ValueError: The family has no density.
        """
        self.refuse_without_density()
        densities = [self.site_log_prob(name, values[name]) for name in self.sites]
        first, *others = densities

        return sum(others, start=first)

    def site_log_prob(self, name: str, value: Tensor) -> Tensor:
        """Return the log density of values (*S, *shape) of one site, (*S)."""
        site = self.sites[name]
        distribution = self.distribution(site)
        density = distribution.log_prob(value)  # (*S, *batch)

        num_sample_dims = density.dim() - len(site.prior.batch_shape)
        sample_shape = density.shape[:num_sample_dims]
        density = density.reshape(*sample_shape, -1)

        return density.sum(-1)

    def distributions(self) -> dict[str, TorchDistributionMixin]:
        """Return the present distribution of each site as a constant, e.g. for use as a prior.

        Raises:
            ValueError: The family has no density.
        """
        self.refuse_without_density()

        found = {}
        with torch.no_grad():
            for name, site in self.sites.items():
                found[name] = fixed(self.distribution(site))

        return found

    def refuse_without_density(self) -> None:
        """Raise a `ValueError` if the family has no density, e.g. one of point masses."""
        if not self.has_density:
            names = ", ".join(self.sites)
            raise ValueError(
                f"{type(self).__name__} has no density over {names}; use a guide that has one, "
                "e.g. guides.MeanField"
            )

    def __repr__(self) -> str:
        family = type(self).__name__
        return one_line(family, self.extra_repr(), self.sites, self.num_parameters())

    def _repr_html_(self) -> str:
        """Return the repr and a list of the sites with their shapes, for notebooks."""
        return html_list(repr(self), self.sites)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move the initial values of the sites together with the parameters."""
        moved = {}
        for name, site in self.sites.items():
            moved[name] = replace(site, init=fn(site.init))

        self.sites = moved

        return super()._apply(fn, recurse)


@effectful(type="param")
def _state(parameter: nn.Parameter) -> Tensor:
    """State a parameter to Pyro's handlers; it stays the guide's, outside Pyro's global store."""
    stated = parameter.view_as(parameter)
    # Pyro calls this method of a stated parameter to get the leaf that it optimises.
    stated.unconstrained = lambda: parameter  # type: ignore[attr-defined]

    return stated
