"""The kernel of NUTS: trees that grow leaf by leaf, each chain at its own pace."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import KernelOptions, Tick
from zoo.inference.mcmc.kernels.draw_memory import (
    NUM_STATISTICS,
    DrawMemory,
    StepRecords,
    stack_info,
    typed_info,
)
from zoo.inference.mcmc.kernels.draws import DrawBlock, TransitionInfo
from zoo.inference.mcmc.kernels.hamiltonian import Hamiltonian
from zoo.inference.mcmc.kernels.packed import packed, unpacked
from zoo.inference.mcmc.kernels.tree import Leaf, Tree
from zoo.inference.mcmc.kernels.tree_batch import TreeBatch
from zoo.inference.mcmc.kernels.tree_rows import NUM_PACKED, TreeRows
from zoo.tracing.graphs.repetition import Repetition

_STEPS = Repetition(num_carried=NUM_PACKED, num_given=1)
_CACHED = 2**19  # bytes of the widest result, half of what a graph is compiled for
_LOOPS = ("compiled", "captured")  # modes in which one call for many steps saves time


class NoUTurn(Hamiltonian):
    """Trajectories that grow leaf by leaf, each chain at its own pace.

    A step adds a leaf to the trees of R chains at once; a chain whose tree has ended begins
    the next one. If there are more chains, they take turns. A compiled program takes many
    steps in one call. Between two blocks of draws no tree grows.

    Arguments:
        potential: The potential energy.
        q: Initial positions of the chains, (C, P).
        options: The settings.
        max_tree_depth: Largest number of doublings.
    """

    def __init__(
        self,
        potential: Potential,
        q: Tensor,
        options: KernelOptions,
        max_tree_depth: int,
    ) -> None:
        self._num_rows = rows_of_trees(q, potential.widest)
        self._max_tree_depth = max_tree_depth
        super().__init__(potential, q, options)

        # the program that is called most is made last
        self.steps = self.traced(self.tree_step, repetition=_STEPS)

    @property
    def max_tree_depth(self) -> int:
        """Largest number of doublings of a trajectory."""
        return self._max_tree_depth

    @property
    def num_rows(self) -> int:
        """Number of trees that grow at once."""
        return self._num_rows

    def tree_step(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Add a leaf to every tree, end trees, adapt, and begin new ones; to be traced.

        Arguments:
            inputs: The packed `TreeRows`; fresh momenta (R, P) and three uniform numbers
                (R,), packed; whether step sizes are adapted, (R,), and the tensors of the
                mass matrix.

        Returns:
            The packed rows for the next step, then packed `StepRecords`.
        """
        carried, (given,), (adapting, *mass_matrix) = _STEPS.split(inputs)
        rows = TreeRows.unpacked(carried)
        p, choice, move, side = unpacked(given, [self.size, 0, 0, 0])

        grown, leaf = self.grown(rows, mass_matrix, choice)
        tree, ended = grown.closed(leaf, rows.step_size, move, side)
        info = _info_of_trees(tree, leaf)
        record = packed([tree.chosen_u, stack_info(info), ended])

        target = self.options.target_accept_prob
        rows = rows.ended(ended, info.acceptance_rate, adapting, target)
        tree = tree.begun(ended & (rows.left > 0), p, side)

        return *rows._replace(tree=tree).packed(), record

    def grown(
        self, rows: TreeRows, mass_matrix: list[Tensor], uniform: Tensor
    ) -> tuple[Tree, Leaf]:
        """Return the trees with one more leaf; to be traced.

        Arguments:
            rows: The rows.
            mass_matrix: The tensors of the mass matrix.
            uniform: Uniform between 0 and 1, (R,).
        """

        def leapfrog(
            u: Tensor, p: Tensor, gradient: Tensor, step: Tensor
        ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
            return self.leapfrog(u, p, gradient, step, *mass_matrix)

        return rows.tree.grown(leapfrog, rows.step_size, uniform)

    @property
    def divisible(self) -> bool:
        """Whether a run can go on after any draw: no, for chains move at their own pace."""
        return False

    def draw(self, num_draws: int, tick: Tick, adapting: bool = False) -> DrawBlock:
        """Draw from every chain; Ctrl-C or an error ends it, and what all chains have is kept."""
        memory = DrawMemory.empty(self.state["u"], num_draws)
        batch = TreeBatch(self.state, self.num_rows, num_draws, self.max_tree_depth)
        turns = batch.turns
        ended_by: BaseException | None = None

        try:
            while turns.num_done < num_draws:
                records = self._take_steps(batch, adapting)
                longest = memory.write(records, turns.chains, turns.numbers())
                batch.count(records.ended)
                if longest > 0:
                    tick(turns.num_done, f"leapfrog steps {longest}")
        except (KeyboardInterrupt, Exception) as error:
            ended_by = error
        else:
            self.state |= batch.end()

        drawn = int(memory.num_steps().sum())
        self.num_gradients += drawn + batch.num_unfinished()

        return self._block(memory, turns.num_done, ended_by)

    def _take_steps(self, batch: TreeBatch, adapting: bool) -> StepRecords:
        """Take as many steps as are likely to be of use in one call."""
        num_steps = 1
        if self.steps.how in _LOOPS:
            num_steps = batch.num_steps(self.steps_at_once)

        u = self.state["u"]
        noise = u.new_empty(num_steps, self.num_rows, self.size).normal_()
        uniform = u.new_empty(3, num_steps, self.num_rows).uniform_()
        given = packed([noise, *uniform])
        adapts = torch.full((self.num_rows,), adapting, device=u.device)

        results = self.steps(*batch.packed, given, adapts, *batch.mass_matrix)
        *batch.packed, record = results
        chosen, stacked, ended = record.split([self.size, NUM_STATISTICS, 1], -1)

        return StepRecords(chosen, stacked, ended[..., 0] > 0)

    def _block(
        self, memory: DrawMemory, num_draws: int, ended_by: BaseException | None
    ) -> DrawBlock:
        """Return the first draws of the memory as a block."""
        u = memory.u[:, :num_draws]
        if num_draws == 0:
            return DrawBlock.empty(u.new_zeros(len(u), self.size), ended_by)

        colour = torch.vmap(self.mass_matrix.colour, in_dims=1, out_dims=1)
        q = colour(u)

        info = typed_info(memory.stacked[:, :num_draws])

        return DrawBlock(q, info, ended_by)


def _info_of_trees(tree: Tree, leaf: Leaf) -> TransitionInfo:
    """Return the statistics of trees with their newest leaves, (R,) each."""
    depth = tree.depth()

    return TransitionInfo(
        acceptance_rate=tree.acceptance / tree.n_steps.clamp_min(1),
        diverging=leaf.diverging,
        n_steps=tree.n_steps,
        lp=-tree.chosen_energy,
        energy=tree.initial_energy,
        tree_depth=depth,
        reached_max_tree_depth=depth == tree.max_depth,
    )


def rows_of_trees(q: Tensor, widest: int) -> int:
    """Return how many trees grow together: on a CPU, as many as its cache holds easily.

    Arguments:
        q: Positions of the chains, (C, P).
        widest: Bytes of the widest result of a gradient for one chain.
    """
    if q.is_cuda:
        return len(q)

    fitting = _CACHED * torch.get_num_threads() // max(1, widest)

    return min(len(q), max(1, fitting))
