"""The potential energy of a model given data, as a function of one flat vector per chain."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.distributions import biject_to
from torch.func import grad_and_value, vmap

from zoo.inference.mcmc.density.inspection import make_program
from zoo.inference.mcmc.density.program import Program
from zoo.inference.mcmc.density.site_density import SiteDensity
from zoo.inference.mcmc.density.widest_result import WidestResult
from zoo.inference.tempering import Tempering
from zoo.model import BayesianNetwork
from zoo.runtime.caller import stack_level
from zoo.runtime.derivatives import takes_derivatives, with_autograd_if_needed
from zoo.runtime.distributions import support_of, unvalidated
from zoo.runtime.programs import PyroProgram
from zoo.runtime.sites import log_prob, stochastic

GradientFunction = Callable[[Tensor], tuple[Tensor, Tensor]]
_NO_TEMPERING = Tempering()


class Potential:
    r"""Potential energy U(q) and its gradient; q concatenates all unconstrained latent sites.

    .. math:: U(q) = -\frac1T \big[ \tfrac{1}{T_l} \log p(y \mid z(q)) + \log p(z(q)) \big]
        - \log |\partial z / \partial q|

    The Jacobian is part of the change of coordinates, not of the density, so no temperature
    divides it. All chains are evaluated in one call. If a layer has no batching rule (GRU,
    LSTM), chains are evaluated one by one.

    Arguments:
        model: A model without point estimates whose sites are all continuous: one of the
            zoo's or any Pyro model.
        data: Arguments of the model: inputs (N, ...) and targets (N, ...) for one of the
            zoo's.
        tempering: Temperatures of the target, 1 by default.
        dtype: Precision of q, that of the model by default.
        together: Whether to evaluate chains in one call where the layers allow it.

    Raises:
        ValueError: The model has a point estimate or a discrete site, for which Hamiltonian
            dynamics is not defined.
    """

    def __init__(
        self,
        model: BayesianNetwork | PyroProgram,
        *data: Any,
        tempering: Tempering = _NO_TEMPERING,
        dtype: torch.dtype | None = None,
        together: bool = True,
    ) -> None:
        self.program: Program = make_program(model, data, dtype)
        self.tempering = tempering

        self.transforms = {}
        self.shapes: dict[str, torch.Size] = {}
        self.dtypes = _dtypes_of_sites(self.program)

        for name, prior in self.program.latents.items():
            transform = biject_to(support_of(prior))
            shape = transform.inverse_shape(prior.shape())
            self.transforms[name] = transform
            self.shapes[name] = torch.Size(shape)

        self.size = sum(self._sizes())
        self.vectorised, self.widest = self._probe() if together else (False, 0)

    def _sizes(self) -> list[int]:
        """Return the number of elements of every unconstrained site."""
        return [shape.numel() for shape in self.shapes.values()]

    def energy(self, q: Tensor, *own: Tensor) -> Tensor:
        """Return the potential () at q (P,), by running the Pyro program.

        Arguments:
            q: The position.
            own: What else `rows` has of this position.
        """
        sites, jacobian = self.densities(q)
        energy = -sum(site.cooled for site in sites) - jacobian

        return energy.to(q.dtype)  # of a network of several dtypes

    def densities(self, q: Tensor) -> tuple[list[SiteDensity], Tensor]:
        """Return the log density of every site at q (P,), and the log determinant ()."""
        values, jacobian = self.unpack(q)

        found = []
        for name, site in stochastic(self.program.trace(values)).items():
            distribution = unvalidated(site["fn"])
            raw = log_prob(site | {"fn": distribution})

            is_latent = name in values
            cooled = self.tempering.cool(raw, site, latent=is_latent)
            found.append(SiteDensity(raw, cooled, is_latent))

        return found, jacobian

    def on(self, *data: Any) -> Potential:
        """Return the potential of the same model on other data, such as a batch.

        Arguments:
            data: Arguments of the model, of the same kind as those before.
        """
        other = copy(self)
        other.program = replace(self.program, data=data)

        return other

    def gradient(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradient (C, P) and the potential (C,) at q (C, P).

        This runs the program and is meant to be traced. Call it inside `program.running()`.
        """
        rows = self.rows(q)
        if self.vectorised:
            return vmap(grad_and_value(self.energy))(*rows)

        gradients, energies = zip(*map(self.gradient_of_one, *rows), strict=True)

        return torch.stack(gradients), torch.stack(energies)

    def rows(self, q: Tensor) -> tuple[Tensor, ...]:
        """Return the arguments of `energy` at positions q (C, P), (C, ...) each."""
        return (q,)

    def gradient_of_one(self, q: Tensor, *own: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradient (P,) and the potential () at q (P,) by autograd.

        A network may take derivatives itself, which it cannot inside of `torch.func`.
        """
        with torch.enable_grad():
            q = q.detach().requires_grad_()
            energy = self.energy(q, *own)
            (gradient,) = torch.autograd.grad(energy, q)

        return gradient, energy.detach()

    def energies(self, q: Tensor) -> Tensor:
        """Return the potential (C,) at q (C, P). Call it inside `program.running()`."""
        if self.vectorised:
            return vmap(self.energy)(q)

        energies = []
        for chain in q:
            energies.append(with_autograd_if_needed(self.energy, chain))

        return torch.stack(energies)

    def unpack(self, q: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Return the values of all sites at q (*, P), and the log determinant (*)."""
        batch = q.shape[:-1]
        values = {}
        jacobian = q.new_zeros(batch)

        parts = q.split(self._sizes(), dim=-1)
        for (name, shape), part in zip(self.shapes.items(), parts, strict=True):
            transform = self.transforms[name]
            unconstrained = part.reshape((*batch, *shape))
            value = transform(unconstrained)
            log_det = transform.log_abs_det_jacobian(unconstrained, value)
            values[name] = value.to(self.dtypes.get(name, value.dtype))
            log_det = log_det.reshape((*batch, -1))
            jacobian = jacobian + log_det.sum(-1)

        return values, jacobian

    def pack(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return q (*, P) for values (*, *shape) of all sites."""
        parts = []
        for name, prior in self.program.latents.items():
            value = values[name].to(self.program.like)
            num_batch = value.dim() - len(prior.shape())
            batch = value.shape[:num_batch]

            unconstrained = self.transforms[name].inv(value)
            parts.append(unconstrained.reshape(*batch, -1))

        return torch.cat(parts, -1)

    def prior_draws(self, num_samples: int) -> Tensor:
        """Draw q (S, P) from the prior; a site with an improper prior has its initial value."""
        initial = self.initial_values()

        draws = []
        for _ in range(num_samples):
            draws.append(self.pack(self.program.prior_draw(initial)))

        return torch.stack(draws)

    def initial_values(self) -> dict[str, Tensor]:
        """Return the initial value of every site.

        It is what the site states (the network's own weights), otherwise the value at zero
        in unconstrained space.
        """
        like = self.program.like

        values = {}
        for name, shape in self.shapes.items():
            values[name] = self.transforms[name](like.new_zeros(shape))

        for name, value in self.program.inits.items():
            dtype = self.dtypes.get(name, like.dtype)
            values[name] = value.detach().to(like.device, dtype)

        return values

    def parents(self) -> set[str]:
        """Return the sites that priors of others depend on, e.g. a hierarchical scale."""
        found = set()
        with torch.enable_grad():
            values = {}
            for name, value in self.initial_values().items():
                values[name] = value.detach().clone().requires_grad_()

            sites = stochastic(self.program.trace(values))
            for name in values:
                others = {other: values[other] for other in values if other != name}
                density = log_prob(sites[name])
                found |= _dependencies(density, others)

        return found

    def _probe(self) -> tuple[bool, int]:
        """Return whether one call can evaluate all chains, and the bytes of the widest result."""
        q = self.program.like.new_zeros(2, self.size)
        with self.program.running(), torch.random.fork_rng(), WidestResult() as widest:
            try:
                vmap(grad_and_value(self.energy))(q)
            except (RuntimeError, NotImplementedError, ValueError) as error:
                if takes_derivatives(error):
                    _warn_of_derivatives()

                return False, 0

        return True, widest.bytes // len(q)


def is_finite(gradient: Tensor, energy: Tensor) -> Tensor:
    """Return whether potential (C,) and gradient (C, P) are finite, for each chain (C,)."""
    has_energy = torch.isfinite(energy)
    has_gradient = torch.isfinite(gradient).all(-1)

    return has_energy & has_gradient


def _dtypes_of_sites(program: Program) -> dict[str, torch.dtype]:
    """Return the dtypes of sites whose weights have another one than the chains."""
    dtypes = {}
    for name, init in program.inits.items():
        is_of_chains = init.dtype == program.like.dtype
        if init.is_floating_point() and not is_of_chains:
            dtypes[name] = init.dtype

    return dtypes


def _warn_of_derivatives() -> None:
    """Warn that chains cannot be evaluated together."""
    warnings.warn(
        "the model takes derivatives by torch.autograd, so the chains run one by one, several "
        "times slower; torch.func.grad inside forward lets them run together",
        stacklevel=stack_level(),
    )


def _dependencies(density: Tensor, values: Mapping[str, Tensor]) -> set[str]:
    """Return the names of the values that a density depends on."""
    if not density.requires_grad or not values:
        return set()

    gradients = torch.autograd.grad(
        density, list(values.values()), allow_unused=True, retain_graph=True
    )

    found = set()
    for name, gradient in zip(values, gradients, strict=True):
        if gradient is not None:
            found.add(name)

    return found
