"""The kernel of NUTS: trees that grow leaf by leaf, each chain at its own pace."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.inference.mcmc.adaptation.dual_averaging import DualAveraging
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

# leapfrog steps between two reads of a flag; a read makes the CPU wait for a GPU
_STEPS_PER_READ = {"cuda": 4}
_CHOSEN = ("u", "gradient", "energy")  # state that a tree has as chosen_u, ...


class NoUTurn(Hamiltonian):
    """Trajectories that grow leaf by leaf, each chain at its own pace.

    Between two blocks of draws no tree grows.

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
        self.tree = Tree.empty(q, max_tree_depth)

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
        remaining: Tensor,
        adapting: Tensor,
        step_size: Tensor,
        *averaging: Tensor,
    ) -> tuple[Tensor, ...]:
        """Close subtrees, report trees that have ended, adapt, begin new trees; to be traced.

        Arguments:
            p: Fresh momenta, (C, P).
            remaining: Draws that each chain still has to make, (C,).
            adapting: Whether step sizes are adapted, ().
            step_size: Step sizes, (C,).
            averaging: The state of dual averaging, (C,) each.

        Returns:
            Which trees have ended (C,), their stacked statistics (C, F), the remaining draws,
            the step sizes and the state of dual averaging.
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
        remaining = remaining - ended.long()

        adapts = ended & adapting
        target = self.options.target_accept_prob
        updated = DualAveraging(*averaging).updated(rate, target, where=adapts)
        tree.begin(ended & (remaining > 0), p)
        step_size = torch.where(adapts, updated.step_size, step_size)

        return ended, stacked, remaining, step_size, *updated

    def draw(self, num_draws: int, tick: Tick, adapting: bool = False) -> DrawBlock:
        """Draw from every chain; Ctrl-C or an error ends it, and what all chains have is kept."""
        memory = DrawMemory.empty(self.state["u"], num_draws)
        remaining = torch.full_like(memory.chains, num_draws)
        adapts = torch.tensor(adapting, device=remaining.device)
        averaging = self.averaging
        step_size = self.step_size

        ended_by: BaseException | None = None
        p = self._begin_trees(remaining)

        try:
            while int(remaining.max()) > 0:
                self._grow_until_one_ends(step_size)
                ended, stacked, rest, step_size, *state = self.close(
                    p, remaining, adapts, step_size, *averaging
                )
                averaging = DualAveraging(*state)

                if bool(ended.any()):
                    memory.write(ended, remaining, self.tree.chosen_u, stacked)
                    p = torch.randn_like(p)
                    remaining = rest  # from here on the draws count

                    num_done = num_draws - int(remaining.max())
                    steps = unstack_info(stacked).n_steps * ended
                    tick(num_done, f"leapfrog steps {int(steps.max())}")
        except (KeyboardInterrupt, Exception) as error:
            ended_by = error
        else:
            self._end_trees(step_size, averaging)

        num_done = num_draws - int(remaining.max())
        self.num_gradients += self._count_gradients(memory.num_steps())

        return self._block(memory, num_done, ended_by)

    def _begin_trees(self, remaining: Tensor) -> Tensor:
        """Begin trees where the chains are, and return momenta for the next ones, (C, P)."""
        chosen = {f"chosen_{name}": self.state[name] for name in _CHOSEN}
        self.tree.write(**chosen)

        momenta = torch.randn_like(self.tree.u)
        self.tree.begin(remaining > 0, momenta)

        return torch.randn_like(self.tree.u)

    def _grow_until_one_ends(self, step_size: Tensor) -> None:
        """Grow all subtrees until at least one of them has ended."""
        mass_matrix = self.mass_matrix
        num_steps = _STEPS_PER_READ.get(step_size.device.type, 1)

        has_ended = False
        while not has_ended:
            for _ in range(num_steps):
                (flag,) = self.grow(step_size, *mass_matrix)

            has_ended = bool(flag)

    def _end_trees(self, step_size: Tensor, averaging: DualAveraging) -> None:
        """Move the chains to the chosen leaves, and keep what was adapted."""
        for name in _CHOSEN:
            chosen = getattr(self.tree, f"chosen_{name}")
            self.state[name] = chosen.clone()

        self.state["step_size"] = step_size
        self.averaging = averaging

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
