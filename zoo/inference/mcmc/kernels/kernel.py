"""The base of Markov kernels in the coordinates of a mass matrix, which warm-up learns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from zoo.inference.mcmc.adaptation.mass_matrix import MassMatrix, estimate_mass_matrix
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import Chains, KernelOptions
from zoo.inference.mcmc.kernels.draws import DrawBlock
from zoo.runtime.threads import num_allowed
from zoo.tracing.compiled import rows_at_once
from zoo.tracing.graphs.repetition import ONCE, Repetition
from zoo.tracing.traced import Traced

Part = TypeVar("Part", bound=NamedTuple)
_MOST_STEPS = 1024  # of one call, which Ctrl-C waits for
_MOST_NOISE = 2**22  # numbers of one call
_MOST_NUMBERS = 2**24  # of the widest results of one call
_BYTES = 4  # of a number
_CHAINS_OF_WORKER = 4  # fewer take as long as that many
_GRADIENTS_AT_ONCE = 8  # draws of every chain whose gradients are evaluated in one call


class Kernel(Chains):
    """Chains in the whitened coordinates u of a mass matrix.

    There the target has about unit scale, and the kernel's mass is the identity.

    Arguments:
        potential: The potential energy.
        q: Initial positions of the chains, (C, P).
        options: The settings.
    """

    def __init__(self, potential: Potential, q: Tensor, options: KernelOptions) -> None:
        super().__init__(potential, q, options)
        self._place(q, MassMatrix.identity(q, options.mass_rank))

    def traced(
        self,
        function: Callable[..., tuple[Tensor, ...]],
        writes: Sequence[Tensor] = (),
        compiles: bool = True,
        repetition: Repetition = ONCE,
    ) -> Traced:
        """Make a traced program of a function of all chains.

        Arguments:
            function: The function.
            writes: Tensors that it writes to in place. Without them, a compiled program
                runs for as many chains at once as the cache holds.
            compiles: Whether it may be compiled; not if it is called rarely.
            repetition: How it repeats a step, if it does.
        """
        workers = self._num_workers() if repetition.repeats else 1
        per_worker = -(-self.num_rows // workers)
        rows = None if writes else rows_at_once(per_worker, self.potential.widest)
        program = Traced(
            function,
            compile=self.options.compile,
            calls=self.options.calls,
            writes=writes,
            rows=rows,
            compiles=compiles,
            repetition=repetition,
            workers=workers,
        )

        self.programs.append(program)

        return program

    @property
    def num_rows(self) -> int:
        """Number of chains that move at once."""
        return self.num_chains

    @property
    def steps_at_once(self) -> int:
        """Number of steps of one call of a program that repeats them; few where they take long."""
        noise = self.num_rows * self.size
        widest = max(1, self.num_rows * self.potential.widest // _BYTES)

        return max(1, min(_MOST_STEPS, _MOST_NOISE // noise, _MOST_NUMBERS // widest))

    def _num_workers(self) -> int:
        """Return the number of threads, each of which moves a part of the chains."""
        is_on_cpu = self.potential.program.like.device.type == "cpu"
        if not is_on_cpu or torch.get_num_threads() > 1:
            return 1  # its operations take the threads

        workers = num_allowed()
        is_even = self.num_rows % workers == 0  # programs have one number of rows
        per_worker = self.num_rows // workers

        return workers if is_even and per_worker >= _CHAINS_OF_WORKER else 1

    def whitened_gradient(
        self, u: Tensor, *mass_matrix: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the gradient with respect to u (C, P) and the potential (C,); to be traced.

        Arguments:
            u: Whitened positions, (C, P).
            mass_matrix: The tensors of the mass matrix.
        """
        coordinates = MassMatrix(*mass_matrix)
        gradient, energy = self.potential.gradient(coordinates.colour(u))

        return coordinates.whiten_gradient(gradient), energy

    @property
    def mass_matrix(self) -> MassMatrix:
        """The present mass matrix."""
        return self.state_of(MassMatrix)

    def state_of(self, kind: type[Part]) -> Part:
        """Return the part of the state that a named tuple of tensors holds."""
        values = [self.state[name] for name in kind._fields]
        return kind._make(values)

    @property
    def q(self) -> Tensor:
        """Positions of the chains in unconstrained space, (C, P)."""
        return self.mass_matrix.colour(self.state["u"])

    def _place(self, q: Tensor, mass_matrix: MassMatrix) -> None:
        """Move the chains to q (C, P) and use a new mass matrix."""
        u = mass_matrix.whiten(q)
        # one call for each new mass matrix does not repay tracing
        gradient, energy = self.whitened_gradient(u, *mass_matrix)
        self.num_gradients += self.num_chains

        self.state |= mass_matrix._asdict()
        self.state |= {"u": u, "gradient": gradient, "energy": energy}

    def learn_mass_matrix(self, block: DrawBlock) -> None:
        """Estimate the mass matrix from a block of draws; the positions stay the same."""
        mass_matrix = estimate_mass_matrix(
            block.q,
            self._gradients(block.q),
            self.options.mass_rank,
            self.options.shared_mass,
            self.options.metric,
        )

        self._place(self.q, mass_matrix)

    def _gradients(self, q: Tensor) -> Tensor:
        """Return the gradients of the potential at draws q (C, S, P), a few draws per call."""
        parts = []
        for part in q.split(_GRADIENTS_AT_ONCE, 1):
            gradient, _ = self.potential.gradient(part.flatten(0, 1))
            parts.append(gradient.reshape(part.shape))

        self.num_gradients += q.shape[:2].numel()

        return torch.cat(parts, 1)
