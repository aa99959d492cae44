"""The kernel of NUTS: trees that grow leaf by leaf, each chain at its own pace."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from zoo.inference.mcmc.adaptation.dual_averaging import DualAveraging
from zoo.inference.mcmc.adaptation.mass_matrix import MassMatrix
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import KernelOptions, Tick
from zoo.inference.mcmc.kernels.draw_memory import (
    NUM_STATISTICS,
    DrawMemory,
    stack_info,
    typed_info,
    unstack_info,
)
from zoo.inference.mcmc.kernels.draws import DrawBlock, TransitionInfo
from zoo.inference.mcmc.kernels.hamiltonian import Hamiltonian
from zoo.inference.mcmc.kernels.tree import Tree
from zoo.inference.mcmc.kernels.tree_rows import TreeRows
from zoo.inference.mcmc.kernels.turns import Turns

# leapfrog steps between two reads of a flag; a read makes the CPU wait for a GPU
_STEPS_PER_READ = {"cuda": 4}
_CHOSEN = ("u", "gradient", "energy")  # state that a tree has as chosen_u, ...
_SECONDS = 0.2  # between two readings of the rows' memory, such as for a progress bar
_CACHED = 2**19  # bytes of the widest result, half of what a graph is compiled for


class NoUTurn(Hamiltonian):
    """Trajectories that grow leaf by leaf, each chain at its own pace.

    A leaf is added to the trees of R chains at once. If there are more chains, they take
    turns. Between two blocks of draws no tree grows.

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
        super().__init__(potential, q, options)
        self.num_rows = rows_of_trees(q, potential.widest)
        some = q[: self.num_rows]
        self.tree = Tree.empty(some, max_tree_depth)
        self.rows = TreeRows.empty(some, NUM_STATISTICS)

        # the program that is called most is made last
        self.close = self.traced(self.close_trees, [*self.tree, *self.rows])
        self.grow = self.traced(self.grow_trees, self.tree)

    @property
    def max_tree_depth(self) -> int:
        """Largest number of doublings of a trajectory."""
        return self.tree.max_depth

    def grow_trees(self, *mass_matrix: Tensor) -> tuple[Tensor]:
        """Add a leaf to every tree, and return whether a subtree has ended, (); to be traced."""

        def leapfrog(
            u: Tensor, p: Tensor, gradient: Tensor, step: Tensor
        ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
            return self.leapfrog(u, p, gradient, step, *mass_matrix)

        self.tree.grow(leapfrog, self.rows.step_size)

        return (self.tree.closing.any(),)

    def close_trees(self, p: Tensor, adapting: Tensor) -> tuple[Tensor, Tensor]:
        """Close subtrees, record trees that have ended, adapt, begin new trees; to be traced.

        Arguments:
            p: Fresh momenta, (R, P).
            adapting: Whether step sizes are adapted, ().

        Returns:
            Which trees have ended, (R,); whether one has, and whether one grows, (2,).
        """
        tree, rows = self.tree, self.rows
        ended = tree.close(rows.step_size)
        info = self._info_of_trees()
        rows.record(ended, tree.chosen_u, stack_info(info))
        rows.adapt(
            ended & adapting, info.acceptance_rate, self.options.target_accept_prob
        )

        tree.begin(ended & (rows.left > 0), p)
        flags = torch.stack([ended.any(), tree.growing.any()])

        return ended, flags

    def _info_of_trees(self) -> TransitionInfo:
        """Return the statistics of the trees, (R,) each."""
        tree = self.tree
        depth = tree.depth()

        return TransitionInfo(
            acceptance_rate=tree.acceptance / tree.n_steps.clamp_min(1),
            diverging=tree.diverging,
            n_steps=tree.n_steps,
            lp=-tree.chosen_energy,
            energy=tree.initial_energy,
            tree_depth=depth,
            reached_max_tree_depth=depth == tree.max_depth,
        )

    @property
    def divisible(self) -> bool:
        """Whether a run can go on after any draw: no, for chains move in turns."""
        return False

    def draw(self, num_draws: int, tick: Tick, adapting: bool = False) -> DrawBlock:
        """Draw from every chain; Ctrl-C or an error ends it, and what all chains have is kept."""
        memory = DrawMemory.empty(self.state["u"], num_draws)
        turns = self._begin_turns(num_draws)
        adapts = torch.tensor(adapting, device=self.step_size.device)
        ended_by: BaseException | None = None

        try:
            p = self._begin_trees()
            self.close.begin(p, adapts)
            while turns.num_done < num_draws:
                ended = self._fill_rows(turns, p, adapts)
                steps = self._empty_rows(memory, turns)
                if turns.takes_turns:
                    self._change_rows(turns, ended)

                tick(turns.num_done, f"leapfrog steps {steps}")
        except (KeyboardInterrupt, Exception) as error:
            ended_by = error
            self._empty_rows(memory, turns)
        else:
            self._end_turns(turns)

        self.num_gradients += self._count_gradients(memory.num_steps())

        return self._block(memory, turns.num_done, ended_by)

    def _begin_turns(self, num_draws: int) -> Turns:
        """Give rows to the first chains; a tree has the position of its chain."""
        names = [*_CHOSEN, "step_size", *DualAveraging._fields, *MassMatrix._fields]
        state = {name: self.state[name] for name in names}
        turns = Turns(state, self.num_rows, num_draws)

        for name in _CHOSEN:
            chosen = getattr(self.tree, f"chosen_{name}")
            turns.rows[name] = chosen.copy_(turns.rows[name])

        for name in ("step_size", *DualAveraging._fields):
            own = getattr(self.rows, name)
            turns.rows[name] = own.copy_(turns.rows[name])

        self.rows.count.zero_()
        self.rows.left.copy_(turns.left())

        return turns

    def _begin_trees(self) -> Tensor:
        """Begin a tree in every row, and return momenta for the next ones, (R, P)."""
        momenta = torch.randn_like(self.tree.u)
        everywhere = torch.ones_like(self.tree.growing)
        self.tree.begin(everywhere, momenta)

        return torch.randn_like(momenta)

    def _fill_rows(self, turns: Turns, p: Tensor, adapts: Tensor) -> Tensor:
        """Grow trees until the rows' memory may be full, or none grows.

        Arguments:
            turns: Which chains are in the rows.
            p: Fresh momenta, (R, P), which are drawn anew after use.
            adapts: Whether step sizes are adapted, ().

        Returns:
            Which trees have ended last, (R,).
        """
        mass_matrix = turns.part(MassMatrix)
        places = 1 if turns.takes_turns else self.rows.num_places
        until = time.perf_counter() + _SECONDS

        num_ended, grows = 0, True
        while num_ended < places and grows:
            self._grow_until_one_ends(mass_matrix)
            ended, flags = self.close(p, adapts)
            has_ended, grows = flags.tolist()
            if has_ended:
                p.normal_()
                num_ended += 1
                if time.perf_counter() > until:
                    break

        return ended

    def _grow_until_one_ends(self, mass_matrix: MassMatrix) -> None:
        """Grow all subtrees until at least one of them has ended."""
        num_steps = _STEPS_PER_READ.get(self.rows.step_size.device.type, 1)

        has_ended = False
        while not has_ended:
            for _ in range(num_steps):
                (flag,) = self.grow(*mass_matrix)

            has_ended = bool(flag)

    def _empty_rows(self, memory: DrawMemory, turns: Turns) -> int:
        """Move draws from the rows to the memory; return the most leapfrog steps of one."""
        rows = self.rows
        memory.write(rows, turns.chains, turns.numbers())
        number = rows.count.clone()
        rows.count.zero_()  # first: a Ctrl-C here loses draws, and counts none twice
        turns.count(number)

        steps = unstack_info(rows.stacked[:, :-1]).n_steps
        places = torch.arange(rows.num_places, device=steps.device)
        is_draw = places < number[:, None]

        return int((steps * is_draw).max())

    def _change_rows(self, turns: Turns, ended: Tensor) -> None:
        """Begin trees of chains that waited for a row of a mask (R,)."""
        if turns.waiting:
            taken = turns.change(ended)
            is_taken = torch.zeros_like(ended)
            is_taken[taken] = True
            self.tree.begin(is_taken, torch.randn_like(self.tree.u))

        self.rows.left.copy_(turns.left())

    def _end_turns(self, turns: Turns) -> None:
        """Move the chains to the chosen leaves, and keep what was adapted."""
        for name, value in turns.end().items():
            self.state[name] = value.clone()

    def _count_gradients(self, num_steps: Tensor) -> int:
        """Return the gradient evaluations of a block, those of unfinished trees included."""
        unfinished = torch.where(self.tree.growing, self.tree.n_steps, 0)
        num_unfinished = int(unfinished.sum())

        return int(num_steps.sum()) + num_unfinished

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
