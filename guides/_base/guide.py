"""The base of all guides: latent sites read from the model once, a distribution per site, sampled in order."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from fnmatch import fnmatchcase

import pyro
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.poutine.runtime import am_i_wrapped, effectful
from torch import Tensor, nn
from torch.distributions import Distribution, Transform
from torch.distributions.transforms import _InverseTransform

from guides._base.site import Site, latent_sites

PARTS = (Tensor, Distribution, Transform, list, tuple)  # what a distribution is made of


class Guide(nn.Module):
    """A guide over exactly the latent sites of a Pyro model, with its parameters inside itself from the start.

    A member gives the distribution of a site. `bound` says whether the negative loss is
    a lower bound of the log evidence, which it never is under an improper prior;
    `has_density` whether `log_prob` is that of a density.

    Arguments:
        model: A Pyro model that runs on `example`; the zoo's run without arguments.
        example: Arguments to run the model with once.

    Raises:
        ValueError: The model cannot be run on `example`, or has a site that the family
            cannot represent.
    """

    bound = True
    has_density = True

    def __init__(self, model: Callable[..., object], *, example: tuple = ()) -> None:
        super().__init__()
        self.sites = latent_sites(model, example)
        self.bound = type(self).bound and all(
            site.is_proper for site in self.sites.values()
        )

    def distribution(self, site: Site) -> TorchDistributionMixin:
        """Return q of one site."""
        raise NotImplementedError

    def __call__(self, *args: object, **kwargs: object) -> dict[str, Tensor]:
        """Run the guide, its parameters stated first so that `pyro.infer.SVI` knows what to optimise."""
        if am_i_wrapped():
            for name, parameter in self.named_parameters():
                if parameter.requires_grad:
                    _state(parameter, name=f"{type(self).__name__}.{name}")
        return super().__call__(*args, **kwargs)

    def forward(self, *args: object, **kwargs: object) -> dict[str, Tensor]:
        """Sample every site; the arguments are the model's and are not looked at."""
        return {
            site.name: self.sample(site, self.distribution(site))
            for site in self.sites.values()
        }

    def sample(self, site: Site, distribution: TorchDistributionMixin) -> Tensor:
        """State one site inside the plates that the model has it in."""
        with ExitStack() as plates:
            for frame in site.frames:
                plates.enter_context(pyro.plate(frame.name, frame.size, dim=frame.dim))
            return pyro.sample(site.name, distribution)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Guide:
        """Move what is known of the sites along with the parameters."""
        self.sites = {
            name: replace(site, init=fn(site.init)) for name, site in self.sites.items()
        }
        return super()._apply(fn, recurse)

    def num_parameters(self) -> int:
        """Count the numbers that a fit changes."""
        return sum(
            parameter.numel()
            for parameter in self.parameters()
            if parameter.requires_grad
        )

    def freeze(self, *patterns: str) -> Guide:
        """Keep parameters at their present values: `guide.freeze("loc.*")`, and return the guide.

        Arguments:
            patterns: Shell-style patterns of names in `named_parameters()`.

        Raises:
            ValueError: A pattern that matches no parameter.
        """
        for pattern in patterns:
            found = [
                parameter
                for name, parameter in self.named_parameters()
                if fnmatchcase(name, pattern)
            ]
            if not found:
                names = ", ".join(name for name, _ in self.named_parameters())
                raise ValueError(
                    f"no parameter of {type(self).__name__} is called {pattern!r}; it has {names}"
                )
            for parameter in found:
                parameter.requires_grad_(False)
        return self

    def log_prob(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return the log density of values (*S, *shape) of all sites together, (*S).

        Raises:
            ValueError: The family has no density.
        """
        self.refuse_without_density()
        return sum(self.site_log_prob(name, values[name]) for name in self.sites)

    def site_log_prob(self, name: str, value: Tensor) -> Tensor:
        """Return the log density of values (*S, *shape) of one site, (*S)."""
        site = self.sites[name]
        density = self.distribution(site).log_prob(value)
        kept = density.dim() - len(site.prior.batch_shape)
        return density.reshape(*density.shape[:kept], -1).sum(-1)

    def distributions(self) -> dict[str, TorchDistributionMixin]:
        """Return the present distribution of each site, which later fits do not change: the next task's prior.

        Raises:
            ValueError: The family has no density.
        """
        self.refuse_without_density()
        with torch.no_grad():
            return {
                name: fixed(self.distribution(site))
                for name, site in self.sites.items()
            }

    def refuse_without_density(self) -> None:
        """Say that a family of point masses, or one whose entropy is dropped, has no density."""
        if not self.has_density:
            raise ValueError(
                f"{type(self).__name__} has no density over {', '.join(self.sites)}; guides.MeanField has one, say"
            )


def fixed(value: object) -> object:
    """Copy a distribution, or what it is made of, into tensors that belong to nobody else and have no gradient."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if type(value) in (list, tuple):
        return type(value)(fixed(part) for part in value)
    if isinstance(value, (Distribution, Transform)):
        twin = copy.copy(value)
        if isinstance(value, Transform) and not isinstance(value, _InverseTransform):
            twin._inv = None  # the inverse that a transform remembers, which remembers the transform
        parts = {
            key: fixed(part)
            for key, part in vars(twin).items()
            if isinstance(part, PARTS)
        }
        twin.__dict__.update(parts)
        return twin
    return value


@effectful(type="param")
def _state(parameter: nn.Parameter) -> Tensor:
    """State a parameter to whoever collects parameters; it stays the guide's, out of Pyro's global store."""
    stated = parameter.view_as(parameter)
    stated.unconstrained = lambda: parameter  # what Pyro asks a stated parameter for
    return stated
