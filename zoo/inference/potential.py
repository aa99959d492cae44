"""The potential energy of a model given data, a function of one flat vector for each chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.distributions import biject_to
from torch.func import grad_and_value, vmap

from zoo.distribution import is_proper, support_of
from zoo.inference.elbo import log_prob, stochastic
from zoo.inference.program import Program, program_of
from zoo.inference.tempering import Tempering


class Potential:
    r"""Potential energy U(q) and its gradient, q all latent sites in unconstrained space one after the other.

    .. math:: U(q) = -\frac1T \big[ \tfrac{1}{T_l} \log p(y \mid z(q)) + \log p(z(q)) \big]
        - \log |\partial z / \partial q|

    The Jacobian belongs to the coordinates, not to the density, and has no temperature. All chains are evaluated in one
    call; a layer that has no batching rule (GRU, LSTM) is run chain by chain.

    Arguments:
        model: A model without point estimates, all its sites continuous: one of the zoo's or any Pyro model.
        data: What the model is called with: inputs (N, ...) and targets (N, ...) for one of the zoo's.
        tempering: Temperatures of the target, 1 by default.

    Raises:
        ValueError: A point estimate or a discrete site, for which there is no Hamiltonian dynamics.
    """

    def __init__(
        self,
        model: Callable[..., object],
        *data: object,
        tempering: Tempering = Tempering(),  # noqa: B008
    ) -> None:
        self.program: Program = program_of(model, data)
        self.tempering = tempering
        latents = self.program.latents
        self.transforms = {name: biject_to(support_of(prior)) for name, prior in latents.items()}
        self.shapes = {
            name: torch.Size(self.transforms[name].inverse_shape(prior.shape())) for name, prior in latents.items()
        }
        self.size = sum(shape.numel() for shape in self.shapes.values())
        self.vectorised = self._is_vectorisable()

    def energy(self, q: Tensor) -> Tensor:
        """Run the Pyro program at q (P,)."""
        values, jacobian = self.unpack(q)
        terms = (
            self.tempering.cool(log_prob(site), site, latent=name in values)  # all of them are observed here
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
        """Return q (P,) of the sites' values."""
        return torch.cat([self.transforms[name].inv(values[name]).reshape(-1) for name in self.shapes])

    def prior_draw(self) -> Tensor:
        """Draw q (P,) from the prior; where that is improper, it is the value a site starts at."""
        latents = self.program.latents
        own = self.own_values()
        return self.pack({name: prior.sample() if is_proper(prior) else own[name] for name, prior in latents.items()})

    def own_values(self) -> dict[str, Tensor]:
        """Return what each site says it starts at, the network's own weights; else the middle of its support."""
        zeros = self.program.reference.new_zeros
        return {name: self.transforms[name](zeros(shape)) for name, shape in self.shapes.items()} | {
            name: value.detach() for name, value in self.program.starts.items()
        }

    def _is_vectorisable(self) -> bool:
        q = self.program.reference.new_zeros(2, self.size)
        with self.program.running(), torch.random.fork_rng():
            try:
                vmap(grad_and_value(self.energy))(q)
            except (RuntimeError, NotImplementedError, ValueError):
                return False
        return True
