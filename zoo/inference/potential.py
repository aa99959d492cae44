"""The potential energy of a model given data, a function of one flat vector, traced once and compiled."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pyro
import torch
from pyro import poutine
from torch import Tensor
from torch.distributions import biject_to
from torch.func import grad_and_value
from torch.fx.experimental.proxy_tensor import make_fx

from zoo.distribution import is_proper, support_of
from zoo.effects import Given
from zoo.forward import mode
from zoo.inference.elbo import log_prob, stochastic
from zoo.inference.tempering import Tempering
from zoo.model import BayesianNetwork


class Potential:
    r"""Potential energy U(q) and its gradient, q all latent sites in unconstrained space one after the other.

    .. math:: U(q) = -\frac1T \big[ \tfrac{1}{T_l} \log p(y \mid z(q)) + \log p(z(q)) \big]
        - \log |\partial z / \partial q|

    The Jacobian belongs to the coordinates, not to the density, and has no temperature. The Pyro program runs once;
    what is evaluated afterwards is its graph, compiled where there is a C++ compiler.

    Arguments:
        model: A model without point estimates, all its sites continuous.
        x: All inputs (N, ...).
        y: All targets (N, ...).
        compile: Whether to compile; None compiles where it can and says so where it cannot.
        tempering: Temperatures of the target, 1 by default.

    Raises:
        ValueError: A point estimate or a discrete site, for which there is no Hamiltonian dynamics.
    """

    def __init__(
        self,
        model: BayesianNetwork,
        x: Tensor,
        y: Tensor,
        compile: bool | None = None,
        tempering: Tempering = Tempering(),  # noqa: B008
    ) -> None:
        refuse(model)
        self.model, self.x, self.y, self.tempering = model, x, y, tempering
        self.buffers = {name: value.detach().clone() for name, value in model.network.named_buffers()}
        self.transforms = {name: biject_to(support_of(prior)) for name, prior in model.latents.items()}
        self.shapes = {
            name: torch.Size(self.transforms[name].inverse_shape(prior.shape()))
            for name, prior in model.latents.items()
        }
        self.size = sum(shape.numel() for shape in self.shapes.values())
        self.num_gradients = 0
        self.gradient, self.how = self._trace(compile)

    def __call__(self, q: Tensor) -> Tensor:
        """Return U(q), differentiable."""
        return _Stored.apply(q, self.counted_gradient)

    def counted_gradient(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """Return gradient and potential at q, and count it."""
        self.num_gradients += 1
        return self.gradient(q)

    def energy(self, q: Tensor) -> Tensor:
        """Run the Pyro program at q (P,)."""
        values, jacobian = self.unpack(q)
        conditioned = poutine.condition(self.model, data=values)
        with Given(self.buffers):
            trace = poutine.trace(conditioned).get_trace(self.x, self.y)
        terms = (
            self.tempering.cool(log_prob(site), site, latent=name in values)  # all of them are observed here
            for name, site in stochastic(trace).items()
        )
        return -sum(terms) - jacobian

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

    def pack(self, values: dict[str, Tensor]) -> Tensor:
        """Return q (P,) of the sites' values."""
        return torch.cat([self.transforms[name].inv(values[name]).reshape(-1) for name in self.shapes])

    def start(self, attempts: int = 100, descent: int = 1000) -> Tensor:
        """Draw a starting point (P,) from the prior and go downhill for a while, to where a chain can begin.

        A chain that starts at a bare prior draw may stay for good in a mode that has next to no mass.
        """
        zeros = self.model.reference.new_zeros
        own = {name: self.transforms[name](zeros(shape)) for name, shape in self.shapes.items()}
        own |= {name: infer["init"] for name, (_, infer) in self.model.plan.priors(self.model.network).items()}
        for _ in range(attempts):
            priors = self.model.latents.items()
            q = self.pack({name: prior.sample() if is_proper(prior) else own[name] for name, prior in priors})
            slope, energy = self.gradient(q)
            if bool(torch.isfinite(energy)) and bool(torch.isfinite(slope).all()):
                return self._descend(q, descent)
        raise ValueError(
            f"the log joint was not finite at {attempts} draws from the prior; scale the data, or narrow the prior"
        )

    def _descend(self, q: Tensor, steps: int) -> Tensor:
        q = q.clone().requires_grad_()
        optimizer = torch.optim.Adam([q], lr=0.03)
        # scales of hierarchical priors stay where they are: the joint density has no maximum in them
        parts = [q.new_full(shape, not name.startswith("prior:")) for name, shape in self.shapes.items()]
        moves = torch.cat([part.flatten() for part in parts])
        for _ in range(steps):
            slope, energy = self.gradient(q.detach())
            q.grad = slope * moves
            if not bool(torch.isfinite(energy)):
                break
            optimizer.step()
        return q.detach()

    def _trace(self, compile: bool | None) -> tuple[Callable[[Tensor], tuple[Tensor, Tensor]], str]:
        program = grad_and_value(lambda q: self.energy(q))  # make_fx counts the arguments of a method wrongly
        q = self.model.reference.new_zeros(self.size)
        with (
            pyro.validation_enabled(False),
            torch.random.fork_rng(),
            mode(self.model.network, training=False),
        ):
            try:
                graph = make_fx(program)(q)
            except Exception as error:  # any program may be handed over, and it can fail in its own way
                warnings.warn(f"the model could not be traced and runs as plain Pyro ({error})", stacklevel=5)
                return self._scoped(program), "plain"
        if compile is False:
            return torch.no_grad()(graph), "traced"
        from torch._inductor import compile as inductor  # slow to import, and only needed here

        try:
            # the graph is all there is: without Dynamo's guards a call costs a third less
            compiled = torch.no_grad()(inductor(graph, [q]))
            compiled(q)
        except Exception as error:  # no compiler, or one that cannot build this graph
            if compile:
                raise
            reason = str(error).strip().splitlines()[0]
            warnings.warn(f"sampling without compiling, several times slower: {reason}", stacklevel=5)
            return torch.no_grad()(graph), "traced"
        return compiled, "compiled"

    def _scoped(self, gradient: Callable[[Tensor], tuple[Tensor, Tensor]]) -> Callable:
        def run(q: Tensor) -> tuple[Tensor, Tensor]:
            with (
                torch.no_grad(),
                pyro.validation_enabled(False),
                mode(self.model.network, training=False),
            ):
                return gradient(q)

        return run


class _Stored(torch.autograd.Function):
    """U(q) with the gradient that was computed along with it."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, q: Tensor, gradient: Callable) -> Tensor:
        slope, energy = gradient(q.detach())
        ctx.save_for_backward(slope)
        return energy

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, up: Tensor) -> tuple[Tensor, None]:
        return up * ctx.saved_tensors[0], None


def refuse(model: BayesianNetwork) -> None:
    """Refuse models that Hamiltonian dynamics cannot sample, and say what batch normalisation does."""
    if model.plan.points:
        names = ", ".join(model.plan.points[:3]) + (", ..." if len(model.plan.points) > 3 else "")
        raise ValueError(
            f"a sampler has nothing that optimises point estimates, but this model has {names}; give them a "
            "distribution, or keep the network's values by weights=priors.Frozen()"
        )
    for name, prior in model.latents.items():
        if support_of(prior).is_discrete:
            raise ValueError(
                f"site {name!r} is discrete ({type(prior.base_dist).__name__}), and Hamiltonian dynamics needs "
                "continuous ones; use guides.MCDropout, or a Normal prior"
            )
    kinds = {type(layer).__name__ for layer in model.network.modules()}
    if any(kind.startswith(("BatchNorm", "SyncBatchNorm")) for kind in kinds):
        warnings.warn(
            "the network normalises batches; a sampler uses its running statistics as they are",
            stacklevel=6,
        )
