"""A Hamiltonian kernel of whole trajectories, each accepted or rejected."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import KernelOptions
from zoo.inference.mcmc.kernels.draws import DrawBlock, TransitionInfo
from zoo.inference.mcmc.kernels.hamiltonian import (
    MAX_ENERGY_ERROR,
    Hamiltonian,
    acceptance_of,
    kinetic_energy,
)
from zoo.inference.mcmc.kernels.masked import where_chains
from zoo.inference.mcmc.kernels.packed import packed, unpacked
from zoo.inference.mcmc.kernels.path_blocks import PathBlocks, longest
from zoo.tracing.graphs.repetition import Repetition


class TrajectoryPoint(NamedTuple):
    """Where the chains are on their trajectories.

    Arguments:
        u: Whitened positions, (C, P).
        p: Momenta, (C, P).
        gradient: Gradient of the potential at u, (C, P).
        energy: Potential at u, (C,).
    """

    u: Tensor
    p: Tensor
    gradient: Tensor
    energy: Tensor

    @property
    def total(self) -> Tensor:
        """Potential plus kinetic energy, (C,)."""
        return self.energy + kinetic_energy(self.p)

    def where(self, mask: Tensor, other: TrajectoryPoint) -> TrajectoryPoint:
        """Return these points for the chains of a mask (C,), other ones for the rest."""
        values = []
        for mine, others in zip(self, other, strict=True):
            values.append(where_chains(mask, mine, others))

        return TrajectoryPoint(*values)


class TrajectoryEnd(NamedTuple):
    """The ends of trajectories, with leading dimensions for several ones of every chain.

    Arguments:
        u: Whitened positions of the ends, accepted or not, (*, C, P).
        p: Momenta there, (*, C, P).
        chosen_u: Positions of the ends that were accepted, otherwise of the starts,
            (*, C, P).
        chosen_energy: Potential there, (*, C).
        chosen_total: Potential plus kinetic energy there, (*, C).
        error: Energy errors, (*, C).
    """

    u: Tensor
    p: Tensor
    chosen_u: Tensor
    chosen_energy: Tensor
    chosen_total: Tensor
    error: Tensor

    def at(self, number: Tensor | int) -> TrajectoryEnd:
        """Return some of the leading elements."""
        return TrajectoryEnd(*[value[number] for value in self])


class StepGiven(NamedTuple):
    """What each step of trajectories is given.

    Arguments:
        momenta: Momenta of a trajectory that begins with this step, (K, C, P).
        uniform: Uniform between 0 and 1, to accept a trajectory that ends with it, (K, C).
        begins: 1 where trajectories begin with it, otherwise 0, (K, C).
        ends: 1 where trajectories end with it, otherwise 0, (K, C).
        step_size: Step sizes, zero for a chain that waits for longer ones, (K, C).
    """

    momenta: Tensor
    uniform: Tensor
    begins: Tensor
    ends: Tensor
    step_size: Tensor


_STEPS = Repetition(num_carried=2, num_given=1)


class Trajectories(PathBlocks, Hamiltonian):
    """A kernel of whole trajectories; a member gives `draw_lengths`, their leapfrog steps.

    A compiled program takes the steps of many trajectories in one call.

    Arguments:
        potential: The potential energy.
        q: Initial positions of the chains, (C, P).
        options: The settings.
    """

    def __init__(self, potential: Potential, q: Tensor, options: KernelOptions) -> None:
        super().__init__(potential, q, options)
        self.steps = self.traced(self.trajectory_step, repetition=_STEPS)

    def trajectory_step(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Take one leapfrog step of every chain, begin and end trajectories; to be traced.

        Arguments:
            inputs: Where the chains are, where their trajectories began, a packed
                `StepGiven` and the tensors of the mass matrix.

        Returns:
            Both points for the next step, and a `TrajectoryEnd`, packed.
        """
        (here, began), (given,), mass_matrix = _STEPS.split(inputs)
        point = self._point(here)
        start = self._point(began)
        step = StepGiven(*unpacked(given, [self.size, 0, 0, 0, 0]))
        begins, ends = step.begins > 0, step.ends > 0

        fresh = point._replace(p=step.momenta)
        start = fresh.where(begins, start)
        point = fresh.where(begins, point)
        before = (point.u, point.p, point.gradient)
        end = TrajectoryPoint(*self.leapfrog(*before, step.step_size, *mass_matrix))

        error = (end.total - start.total).nan_to_num(nan=math.inf)
        accepted = step.uniform < acceptance_of(error)
        chosen = end.where(accepted, start)
        after = chosen.where(ends, end)
        record = TrajectoryEnd(
            end.u, end.p, chosen.u, chosen.energy, chosen.total, error
        )

        return packed(after), packed(start), packed(record)

    def paths(self, lengths: Tensor) -> DrawBlock:
        """Follow trajectories of leapfrog steps (S, C) or (S,), and accept or reject each."""
        lengths = lengths.reshape(len(lengths), -1).expand(-1, self.num_chains)
        end = self._follow(lengths)
        self.last_trajectory = end.at(-1), lengths[-1]

        info = TransitionInfo(
            acceptance_rate=acceptance_of(end.error).T,
            diverging=(end.error > MAX_ENERGY_ERROR).T,
            n_steps=lengths.T,
            lp=-end.chosen_energy.T,
            energy=end.chosen_total.T,
        )
        u = end.chosen_u.transpose(0, 1)
        colour = torch.vmap(self.mass_matrix.colour, in_dims=1, out_dims=1)

        return DrawBlock(colour(u), info)

    def _follow(self, lengths: Tensor) -> TrajectoryEnd:
        """Move the chains along trajectories; return the ends, (S, C, ...) each."""
        given, last = self._given(lengths)
        point = TrajectoryPoint(
            self.state["u"],
            torch.zeros_like(self.state["u"]),
            self.state["gradient"],
            self.state["energy"],
        )
        carried = packed(point)
        here, began = carried, carried.clone()

        records = []
        for some in given.split(self.steps_at_once):
            here, began, record = self.steps(here, began, some, *self.mass_matrix)
            records.append(record)

        self.num_gradients += len(given) * self.num_chains
        after = self._point(here)
        for name in ("u", "gradient", "energy"):
            self.state[name] = getattr(after, name).contiguous()

        joined = records[0] if len(records) == 1 else torch.cat(records)
        ends = joined[last]
        sizes = [*[self.size] * 3, 0, 0, 0]

        return TrajectoryEnd(*unpacked(ends, sizes))

    def _point(self, packed_point: Tensor) -> TrajectoryPoint:
        """Return a point that was packed."""
        sizes = [*[self.size] * 3, 0]
        return TrajectoryPoint(*unpacked(packed_point, sizes))

    def _given(self, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return a packed `StepGiven` of trajectories, and the last step of each, (S,).

        A chain with fewer steps than others waits: its step size becomes zero.

        Arguments:
            lengths: Leapfrog steps, (S, C).
        """
        u, step_size = self.state["u"], self.state["step_size"]
        num_chains, size = u.shape
        num_steps = longest(lengths)
        last = num_steps.cumsum(0) - 1
        first = last - num_steps + 1
        total = int(num_steps.sum())

        numbers = torch.arange(len(lengths), device=u.device)
        draw = numbers.repeat_interleave(num_steps, output_size=total)  # (K,)
        step = torch.arange(total, device=u.device)
        moves = (step - first[draw])[:, None] < lengths[draw]  # (K, C)

        together = u.new_zeros(total, num_chains, size + 4)
        given = StepGiven(*unpacked(together, [size, 0, 0, 0, 0]))
        given.momenta[first] = torch.randn_like(given.momenta[first])
        given.uniform[last] = torch.rand_like(given.uniform[last])
        given.begins[first] = 1.0
        given.ends[last] = 1.0
        given.step_size[:] = moves * step_size

        return together, last
