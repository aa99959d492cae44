"""The kernel of NUTS: trees that grow leaf by leaf, each chain at its own pace."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.inference.mcmc.adaptation.dual_averaging import DualAveraging
from zoo.inference.mcmc.adaptation.mass_matrix import MassMatrix
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import KernelOptions, Tick
from zoo.inference.mcmc.kernels.draw_memory import (
    DrawMemory,
    stack_info,
    typed_info,
    unstack_info,
)
from zoo.inference.mcmc.kernels.draws import DrawBlock, TransitionInfo
from zoo.inference.mcmc.kernels.hamiltonian import Hamiltonian
from zoo.inference.mcmc.kernels.tree import Tree
from zoo.inference.mcmc.kernels.turns import Turns

# leapfrog steps between two reads of a flag; a read makes the CPU wait for a GPU
_STEPS_PER_READ = {"cuda": 4}
_CHOSEN = ("u", "gradient", "energy")  # state that a tree has as chosen_u, ...
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
        self.tree = Tree.empty(q[: self.num_rows], max_tree_depth)

        # the program that is called most is made last
        self.close = self.traced(self.close_trees, self.tree)
        self.grow = self.traced(self.grow_trees, self.tree)

    @property
    def max_tree_depth(self) -> int:
        """Largest number of doublings of a trajectory."""
        return self.tree.max_depth

    def grow_trees(self, step_size: Tensor, *mass_matrix: Tensor) -> tuple[Tensor]:
        """Add a leaf to every tree, and return whether a subtree has ended, (); to be traced."""

        def leapfrog(
            u: Tensor, p: Tensor, gradient: Tensor, step: Tensor
        ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
            return self.leapfrog(u, p, gradient, step, *mass_matrix)

        self.tree.grow(leapfrog, step_size)

        return (self.tree.closing.any(),)

    def close_trees(
        self,
        p: Tensor,
        stays: Tensor,
        adapting: Tensor,
        step_size: Tensor,
        *averaging: Tensor,
    ) -> tuple[Tensor, ...]:
        """Close subtrees, report trees that have ended, adapt, begin new trees; to be traced.

        Arguments:
            p: Fresh momenta, (R, P).
            stays: Whether a chain that has ended a tree begins another in its row, (R,).
            adapting: Whether step sizes are adapted, ().
            step_size: Step sizes, (R,).
            averaging: The state of dual averaging, (R,) each.

        Returns:
            Which trees have ended (R,), their stacked statistics (R, F), the step sizes and
            the state of dual averaging.
        """
        tree = self.tree
        ended = tree.close(step_size)
        rate = tree.acceptance / tree.n_steps.clamp_min(1)
        depth = tree.depth()
        info = TransitionInfo(
            acceptance_rate=rate,
            diverging=tree.diverging,
            n_steps=tree.n_steps,
            lp=-tree.chosen_energy,
            energy=tree.initial_energy,
            tree_depth=depth,
            reached_max_tree_depth=depth == tree.max_depth,
        )

        stacked = stack_info(info)

        adapts = ended & adapting
        target = self.options.target_accept_prob
        updated = DualAveraging(*averaging).updated(rate, target, where=adapts)
        tree.begin(ended & stays, p)
        step_size = torch.where(adapts, updated.step_size, step_size)

        return ended, stacked, step_size, *updated

    def draw(self, num_draws: int, tick: Tick, adapting: bool = False) -> DrawBlock:
        """Draw from every chain; Ctrl-C or an error ends it, and what all chains have is kept."""
        memory = DrawMemory.empty(self.state["u"], num_draws)
        turns = self._begin_turns(num_draws)
        adapts = torch.tensor(adapting, device=self.step_size.device)
        ended_by: BaseException | None = None

        try:
            p = self._begin_trees()
            self.close.begin(*_inputs_of_close(turns, p, adapts))
            while turns.num_done < num_draws:
                self._grow_until_one_ends(turns)
                ended, stacked = self._close(turns, p, adapts)

                if bool(ended.any()):
                    numbers = turns.numbers()
                    memory.write(
                        ended, turns.chains, numbers, self.tree.chosen_u, stacked
                    )
                    turns.count(ended)  # from here on the draws count
                    p = self._next_trees(turns, ended)

                    steps = unstack_info(stacked).n_steps * ended
                    tick(turns.num_done, f"leapfrog steps {int(steps.max())}")
        except (KeyboardInterrupt, Exception) as error:
            ended_by = error
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

        return turns

    def _begin_trees(self) -> Tensor:
        """Begin a tree in every row, and return momenta for the next ones, (R, P)."""
        momenta = torch.randn_like(self.tree.u)
        everywhere = torch.ones_like(self.tree.growing)
        self.tree.begin(everywhere, momenta)

        return torch.randn_like(momenta)

    def _grow_until_one_ends(self, turns: Turns) -> None:
        """Grow all subtrees until at least one of them has ended."""
        step_size = turns.rows["step_size"]
        mass_matrix = turns.part(MassMatrix)
        num_steps = _STEPS_PER_READ.get(step_size.device.type, 1)

        has_ended = False
        while not has_ended:
            for _ in range(num_steps):
                (flag,) = self.grow(step_size, *mass_matrix)

            has_ended = bool(flag)

    def _close(self, turns: Turns, p: Tensor, adapts: Tensor) -> tuple[Tensor, Tensor]:
        """Close subtrees; return which trees have ended (R,), and their statistics (R, F)."""
        inputs = _inputs_of_close(turns, p, adapts)
        ended, stacked, step_size, *state = self.close(*inputs)

        averaging = DualAveraging(*state)
        turns.rows |= averaging._asdict()
        turns.rows["step_size"] = step_size

        return ended, stacked

    def _next_trees(self, turns: Turns, ended: Tensor) -> Tensor:
        """Begin trees of chains that waited for a row, and return further momenta, (R, P)."""
        if turns.waiting:
            taken = turns.change(ended)
            is_taken = torch.zeros_like(ended)
            is_taken[taken] = True
            self.tree.begin(is_taken, torch.randn_like(self.tree.u))

        return torch.randn_like(self.tree.u)

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


def _inputs_of_close(turns: Turns, p: Tensor, adapts: Tensor) -> tuple[Tensor, ...]:
    """Return the inputs of `close_trees` for the chains that are in the rows."""
    step_size = turns.rows["step_size"]
    averaging = turns.part(DualAveraging)

    return p, turns.stays, adapts, step_size, *averaging
