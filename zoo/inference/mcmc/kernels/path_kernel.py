"""The base of kernels whose chains follow paths of microcanonical steps, many in one call."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import KernelOptions
from zoo.inference.mcmc.kernels.draws import DrawBlock, TransitionInfo
from zoo.inference.mcmc.kernels.microcanonical import langevin, unit
from zoo.inference.mcmc.kernels.packed import packed, unpacked
from zoo.inference.mcmc.kernels.path_blocks import PathBlocks
from zoo.inference.mcmc.kernels.phase_space import PathEnd, PhasePoint, Totals
from zoo.tracing.graphs.repetition import Repetition

_STEPS = Repetition(num_carried=2, num_given=1)


@dataclass(frozen=True)
class LangevinOptions:
    """Settings of microcanonical dynamics.

    Arguments:
        fractions: Fractions of a step, one of `INTEGRATORS`.
        energy_variance: Variance of the energy error per dimension that step sizes are
            adapted to.
        num_steps: Steps of a draw; None takes those of one decoherence length.
    """

    fractions: tuple[float, ...]
    energy_variance: float
    num_steps: int | None


class PathKernel(PathBlocks):
    """Chains that follow paths of microcanonical steps; a draw is the end of a path.

    A member says how many steps paths have, and where chains are after a path. A compiled
    program takes the steps of many paths in one call.

    Arguments:
        potential: The potential energy.
        q: Initial positions of the chains, (C, P).
        options: The settings of every kernel.
        settings: The settings of the dynamics.
    """

    def __init__(
        self,
        potential: Potential,
        q: Tensor,
        options: KernelOptions,
        settings: LangevinOptions,
    ) -> None:
        super().__init__(potential, q, options)
        self.settings = settings
        self.gradients_per_step = len(settings.fractions) // 2
        self.steps = self.traced(self.path_step, repetition=_STEPS)

        noise = torch.randn_like(q)
        self.state["velocity"] = unit(noise)

    def decoherence_length(self) -> Tensor:
        """Return the decoherence lengths of the noise along a path, (C,)."""
        raise NotImplementedError

    def info(self, end: PathEnd, n_steps: Tensor) -> TransitionInfo:
        """Return the statistics (C, S) of draws.

        Arguments:
            end: The ends of their paths, (S, C, ...).
            n_steps: Their gradients, (S,).
        """
        raise NotImplementedError

    def path_step(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Take one step of every chain, and end paths; to be traced.

        Arguments:
            inputs: Where the chains are with the totals of their paths, and where the paths
                began; noise (C, P), uniform numbers (C,) and whether paths end (C,); each of
                these packed; step sizes (C,), decoherence lengths (C,) and the tensors of the
                mass matrix.

        Returns:
            The points with the totals and where paths began, for the next step; then a
            `PathEnd`; each packed.
        """
        (here, began), (given,), constant = _STEPS.split(inputs)
        step_size, length, *mass_matrix = constant
        point, totals = self._point(here)
        start, _ = self._point(began)
        noise, uniform, flag = unpacked(given, [self.size, 0, 0])
        ends = flag > 0

        def gradient_function(u: Tensor) -> tuple[Tensor, Tensor]:
            return self.whitened_gradient(u, *mass_matrix)

        step = langevin(
            gradient_function, point, step_size, length, self.settings.fractions, noise
        )
        totals = totals.after(step)
        point = step.point
        ended = self.ended(point, start, totals, noise, uniform)
        point = ended.where(ends, point)
        start = point.where(ends, start)

        cleared = totals.cleared(ends)
        here = packed([*point, *cleared])
        began = packed([*start, *cleared])
        record = packed(PathEnd(point.u, point.energy, *totals))

        return here, began, record

    def ended(
        self,
        point: PhasePoint,
        start: PhasePoint,
        totals: Totals,
        noise: Tensor,
        uniform: Tensor,
    ) -> PhasePoint:
        """Return where chains are after paths that end here; to be traced.

        Arguments:
            point: Where the chains are.
            start: Where their paths began.
            totals: The totals of the paths.
            noise: Standard normal, (C, P); the point does not depend on it, but for its
                velocity.
            uniform: Uniform between 0 and 1, (C,).
        """
        return point

    def first_step(self, step_size: Tensor, length: Tensor) -> Totals:
        """Take a step without moving the chains, and return what is known of it.

        Arguments:
            step_size: Step sizes, (C,).
            length: Decoherence lengths, (C,).
        """
        ends = torch.zeros(1, dtype=torch.bool, device=step_size.device)
        _, records = self._follow(ends, step_size, length)

        return self._end(records[0]).totals

    def _follow(
        self, ends: Tensor, step_size: Tensor, length: Tensor
    ) -> tuple[PhasePoint, Tensor]:
        """Take steps; return where the chains are then, and a packed `PathEnd` of every step.

        Arguments:
            ends: After which steps a path ends, (K,).
            step_size: Step sizes, (C,).
            length: Decoherence lengths, (C,).
        """
        point = self.state_of(PhasePoint)
        totals = Totals.zeros(step_size)
        num_steps = len(ends)
        self.num_gradients += num_steps * self.gradients_per_step * self.num_chains

        # noise, and two columns for the uniform numbers and the ends
        shape = (num_steps, self.num_chains, self.size + 2)
        given = torch.randn(shape, dtype=point.u.dtype, device=point.u.device)
        given[..., -2] = torch.rand_like(given[..., -2])
        given[..., -1] = ends[:, None]
        here = packed([*point, *totals])
        here, _, records = self.steps(
            here, here.clone(), given, step_size, length, *self.mass_matrix
        )
        after, _ = self._point(here)
        after = PhasePoint(*[value.contiguous() for value in after])

        return after, records

    def _end(self, records: Tensor) -> PathEnd:
        """Return the ends of paths that were packed."""
        return PathEnd(*unpacked(records, [self.size, 0, 0, 0, 0]))

    def _point(self, packed_point: Tensor) -> tuple[PhasePoint, Totals]:
        """Return points and totals that were packed."""
        sizes = [*[self.size] * 3, 0, 0, 0, 0]
        *point, change, squares, undone = unpacked(packed_point, sizes)

        return PhasePoint(*point), Totals(change, squares, undone)

    def paths(self, lengths: Tensor) -> DrawBlock:
        """Make one draw of every chain after each of some numbers of steps (S,)."""
        last = lengths.cumsum(0) - 1
        ends = torch.zeros(int(lengths.sum()), dtype=torch.bool)
        ends[last] = True

        device = self.step_size.device
        length = self.decoherence_length()
        point, records = self._follow(ends.to(device), self.step_size, length)
        self.state |= point._asdict()

        end = self._end(records[last.to(device)])
        self.last_path = end.at(-1), int(lengths[-1])

        u = end.u.transpose(0, 1)
        colour = torch.vmap(self.mass_matrix.colour, in_dims=1, out_dims=1)
        n_steps = lengths.to(device) * self.gradients_per_step

        return DrawBlock(colour(u), self.info(end, n_steps))
