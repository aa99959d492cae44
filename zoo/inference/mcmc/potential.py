"""The potential energy of a model given data, a function of one flat vector for each chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.distributions import biject_to
from torch.func import grad_and_value, vmap
from torch.utils._python_dispatch import TorchDispatchMode

from zoo.inference.mcmc.program import Program, program_of
from zoo.inference.sites import log_prob, stochastic
from zoo.inference.tempering import Tempering
from zoo.runtime.distributions import support_of, unvalidated


class Potential:
    r"""Potential energy U(q) and its gradient, q all latent sites in unconstrained space one after the other.

    .. math:: U(q) = -\frac1T \big[ \tfrac{1}{T_l} \log p(y \mid z(q)) + \log p(z(q)) \big]
        - \log |\partial z / \partial q|

    The Jacobian belongs to the coordinates, not to the density, and has no temperature.
    All chains are evaluated in one call; a layer that has no batching rule (GRU, LSTM)
    is run chain by chain.

    Arguments:
        model: A model without point estimates, all its sites continuous: one of the
            zoo's or any Pyro model.
        data: What the model is called with: inputs (N, ...) and targets (N, ...) for
            one of the zoo's.
        tempering: Temperatures of the target, 1 by default.
        dtype: Precision of q, the model's own where nothing is said.

    Raises:
        ValueError: A point estimate or a discrete site, for which there is no
            Hamiltonian dynamics.
    """

    def __init__(
        self,
        model: Callable[..., object],
        *data: object,
        tempering: Tempering = Tempering(),  # noqa: B008
        dtype: torch.dtype | None = None,
    ) -> None:
        self.program: Program = program_of(model, data, dtype)
        self.tempering = tempering
        latents = self.program.latents
        self.transforms = {
            name: biject_to(support_of(prior)) for name, prior in latents.items()
        }
        self.shapes = {
            name: torch.Size(self.transforms[name].inverse_shape(prior.shape()))
            for name, prior in latents.items()
        }
        self.size = sum(shape.numel() for shape in self.shapes.values())
        self.vectorised, self.widest = self._looked_at()

    def energy(self, q: Tensor) -> Tensor:
        """Run the Pyro program at q (P,)."""
        values, jacobian = self.unpack(q)
        terms = (
            self.tempering.cool(
                log_prob(site | {"fn": unvalidated(site["fn"])}),
                site,
                latent=name in values,
            )
            for name, site in stochastic(self.program.trace(values)).items()
        )
        return -sum(terms) - jacobian

    def gradient(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradient (C, P) and the potential (C,) of every chain at q (C, P), by running the program.

        It is meant to be traced; wrap its calls in `program.running()`.
        """
        program = grad_and_value(self.energy)
        if self.vectorised:
            return vmap(program)(q)
        slopes, energies = zip(*(program(one) for one in q), strict=True)
        return torch.stack(slopes), torch.stack(energies)

    def energies(self, q: Tensor) -> Tensor:
        """Return the potential (C,) at q (C, P) without its gradient; wrap the calls in `program.running()`."""
        return (
            vmap(self.energy)(q)
            if self.vectorised
            else torch.stack([self.energy(one) for one in q])
        )

    def unpack(self, q: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Return the sites' values at q (*, P), and the log determinant of the transform (*)."""
        values, jacobian = {}, q.new_zeros(q.shape[:-1])
        parts = q.split([shape.numel() for shape in self.shapes.values()], dim=-1)
        for (name, shape), part in zip(self.shapes.items(), parts, strict=True):
            free = part.reshape((*q.shape[:-1], *shape))
            values[name] = self.transforms[name](free)
            log_det = self.transforms[name].log_abs_det_jacobian(free, values[name])
            jacobian = jacobian + log_det.reshape((*q.shape[:-1], -1)).sum(-1)
        return values, jacobian

    def pack(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return q (*, P) of the sites' values (*, *shape)."""
        parts = []
        for name, prior in self.program.latents.items():
            value = values[name].to(self.program.reference)
            batch = value.shape[: value.dim() - len(prior.shape())]
            parts.append(self.transforms[name].inv(value).reshape(*batch, -1))
        return torch.cat(parts, -1)

    def prior_draws(self, count: int) -> Tensor:
        """Draw q (count, P) from the prior; where that is improper, it is the value a site starts at."""
        own = self.own_values()
        return torch.stack(
            [self.pack(self.program.prior_draw(own)) for _ in range(count)]
        )

    def own_values(self) -> dict[str, Tensor]:
        """Return what each site says it starts at, the network's own weights; else the middle of its support."""
        like = self.program.reference
        return {
            name: self.transforms[name](like.new_zeros(shape))
            for name, shape in self.shapes.items()
        } | {
            name: value.detach().to(like) for name, value in self.program.inits.items()
        }

    def parents(self) -> set[str]:
        """Name the sites that other latent sites' priors depend on, such as the scale of a hierarchical prior."""
        with torch.enable_grad():
            values = {
                name: value.detach().clone().requires_grad_()
                for name, value in self.own_values().items()
            }
            sites = self.program.trace(values).nodes
            found = set()
            for name in values:
                density = log_prob(sites[name])
                others = {
                    other: value
                    for other, value in values.items()
                    if other != name and density.requires_grad
                }
                if others:
                    slopes = torch.autograd.grad(
                        density,
                        list(others.values()),
                        allow_unused=True,
                        retain_graph=True,
                    )
                    found |= {
                        other
                        for other, slope in zip(others, slopes, strict=True)
                        if slope is not None
                    }
        return found

    def _looked_at(self) -> tuple[bool, int]:
        """Tell whether chains can be evaluated in one call, and the bytes of the widest result of a chain's."""
        q = self.program.reference.new_zeros(2, self.size)
        with self.program.running(), torch.random.fork_rng(), Widest() as widest:
            try:
                vmap(grad_and_value(self.energy))(q)
            except (RuntimeError, NotImplementedError, ValueError):
                return False, 0
        return True, widest.bytes // len(q)


class Widest(TorchDispatchMode):
    """Looks for the operation with the widest result."""

    bytes = 0

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: tuple,
        args: tuple = (),
        kwargs: Mapping | None = None,
    ) -> object:
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, (tuple, list)) else (result,):
            self.bytes = max(
                self.bytes, tensor.nbytes if isinstance(tensor, Tensor) else 0
            )
        return result
