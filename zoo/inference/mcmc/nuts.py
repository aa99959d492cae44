"""The no-U-turn sampler."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.inference.mcmc.dual_averaging import DualAveraging
from zoo.inference.mcmc.hamiltonian import Hamiltonian
from zoo.inference.mcmc.kernel import Block, Tick
from zoo.inference.mcmc.potential import Potential
from zoo.inference.mcmc.sampler import Adaptive
from zoo.inference.mcmc.tree import Tree

STRIDE = {
    "cuda": 4
}  # leapfrog steps between two looks at the flags; elsewhere a look costs nothing


@dataclass(kw_only=True, repr=False, eq=False)
class NUTS(Adaptive):
    r"""Hamiltonian Monte Carlo whose trajectories grow until they turn back; the truth on small networks.

    A trajectory doubles, to the left or to the right, until its ends move towards each
    other; the draw is one of its points, with probability proportional to
    :math:`e^{-H}` and more often one of the last doubling. Step size by dual averaging
    and a diagonal mass matrix are adapted in warm-up. A chain begins its next
    trajectory as soon as its last one has ended; chains wait for each other only at the
    end of a block of draws.

    References:
        The No-U-Turn Sampler: Adaptively Setting Path Lengths in Hamiltonian Monte Carlo (Hoffman, Gelman, 2014)
        A Conceptual Introduction to Hamiltonian Monte Carlo (Betancourt, 2017)
        Composable Effects for Flexible and Accelerated Probabilistic Programming in NumPyro (Phan, Pradhan, Jankowiak,
        2019)
        Efficiently Vectorized MCMC on Modern Accelerators (Dance, Glaser, Orbanz, Adams, 2025)

    Arguments:
        max_tree_depth: A trajectory has at most 2^max_tree_depth - 1 leapfrog steps.
            Shorter ones are valid too; each draw then moves less far.

    Raises:
        ValueError: A depth below 1.

    Example:
        >>> engine = inference.NUTS(model, num_chains=2, warmup_steps=5, num_samples=5, progress=False)
        >>> engine.fit(data.train)
        Posterior over 81 parameters at 4 sites: 2 chains of 5 draws
    """

    max_tree_depth: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_tree_depth < 1:
            raise ValueError(
                f"max_tree_depth is a number of doublings, at least 1, not {self.max_tree_depth}"
            )

    def steps_per_draw(self) -> int:
        """Guess the leapfrog steps of one draw."""
        return 2 ** min(self.max_tree_depth - 1, 6)

    def kernel(self, potential: Potential, q: Tensor) -> NoUTurn:
        """Make the kernel."""
        return NoUTurn(potential, q, self.max_tree_depth, **self.adaptation(potential))


class NoUTurn(Hamiltonian):
    """Trajectories that grow leaf by leaf, each chain at its own pace; between two blocks of draws no tree is there.

    Arguments:
        potential: The potential energy.
        q: Where the chains begin, (C, P).
        max_tree_depth: Most doublings.
        options: Those of `Hamiltonian`.
    """

    def __init__(
        self, potential: Potential, q: Tensor, max_tree_depth: int, **options: object
    ) -> None:
        super().__init__(potential, q, **options)
        self.tree = Tree.bare(q, max_tree_depth)
        self.take = self.traced(self.taken, self.tree)
        self.grow = self.traced(self.grown, self.tree)  # last, for it is called most

    def grown(self, step_size: Tensor, *metric: Tensor) -> tuple[Tensor]:
        """Add a leaf to every chain's tree, and tell whether a subtree of any has ended, (); to be traced."""
        self.tree.grow(lambda *start: self.leapfrog(*start, *metric), step_size)
        return (self.tree.closing.any(),)

    def taken(
        self,
        p: Tensor,
        left: Tensor,
        learning: Tensor,
        step_size: Tensor,
        *averaging: Tensor,
    ) -> tuple[Tensor, ...]:
        """Close subtrees, take the draws of trees that have ended, learn from them, plant the next; to be traced.

        Arguments:
            p: Fresh momenta, (C, P).
            left: Draws that are still to come of each chain, (C,).
            learning: Whether step sizes are adapted, ().
            step_size: Step sizes, (C,).
            averaging: The state of dual averaging, (C,) each.

        Returns:
            Which trees have ended (C,), their facts (C, 5), the draws that are left,
            step sizes and the state of dual averaging.
        """
        ended, tree = self.tree.close(step_size), self.tree
        rate = tree.acceptance / tree.n_steps.clamp_min(1)
        n_steps, lp = tree.n_steps.to(rate), -tree.chosen_energy
        facts = torch.stack(
            [rate, tree.diverging.to(rate), n_steps, lp, tree.total], -1
        )
        left = left - ended.long()
        learns = ended & learning
        updated = DualAveraging(*averaging).updated(
            rate, self.target_accept_prob, where=learns
        )
        tree.plant(ended & (left > 0), p)
        return (
            ended,
            facts,
            left,
            torch.where(learns, updated.step_size, step_size),
            *updated,
        )

    def draw(self, count: int, tick: Tick, learning: bool = False) -> Block:
        """Draw a number of times; of what Ctrl-C ends, the draws that all chains have."""
        state, tree, averaging, step_size = (
            self.state,
            self.tree,
            self.averaging,
            self.step_size,
        )
        chains = torch.arange(self.num_chains, device=step_size.device)
        u = step_size.new_zeros(
            self.num_chains, count + 1, self.size
        )  # the last place takes what is no draw
        facts = step_size.new_zeros(self.num_chains, count + 1, 5)
        left, learns = (
            torch.full_like(chains, count),
            torch.tensor(learning, device=chains.device),
        )
        tree.write(
            **{f"chosen_{name}": state[name] for name in ("u", "slope", "energy")}
        )
        tree.plant(left > 0, torch.randn_like(tree.u))
        p, interrupted = torch.randn_like(tree.u), False
        try:
            while int(left.max()) > 0:
                self.until_one_closes(step_size)
                ended, found, rest, step_size, *averages = self.take(
                    p, left, learns, step_size, *averaging
                )
                averaging = DualAveraging(*averages)
                if bool(ended.any()):
                    place = torch.where(ended, count - left, count)
                    u[chains, place], facts[chains, place] = tree.chosen_u, found
                    p, left = (
                        torch.randn_like(p),
                        rest,
                    )  # from here on the draws count, whenever Ctrl-C comes
                    tick(
                        count - int(left.max()),
                        f"leapfrog steps {int((found[:, 2] * ended).max())}",
                    )
        except KeyboardInterrupt:
            interrupted = True
        else:
            state |= {
                name: getattr(tree, f"chosen_{name}").clone()
                for name in ("u", "slope", "energy")
            }
            state["step_size"], self.averaging = step_size, averaging
        done, unfinished = (
            count - int(left.max()),
            torch.where(tree.growing, tree.n_steps, 0),
        )
        self.num_gradients += int(facts[:, :count, 2].sum()) + int(unfinished.sum())
        return self.block(u[:, :done], facts[:, :done], interrupted)

    def until_one_closes(self, step_size: Tensor) -> None:
        """Grow all subtrees until one or more of them have ended."""
        metric, stride = self.metric, STRIDE.get(step_size.device.type, 1)
        while True:
            for _ in range(stride):
                (closing,) = self.grow(step_size, *metric)
            if bool(closing):
                return

    def block(self, u: Tensor, facts: Tensor, interrupted: bool) -> Block:
        """Return draws u (C, S, P) and facts (C, S, 5) as a block."""
        q = (
            torch.vmap(self.metric.colour, in_dims=1, out_dims=1)(u)
            if u.shape[1]
            else u
        )
        rate, diverging, n_steps, lp, energy = facts.unbind(-1)
        named = {
            "acceptance_rate": rate,
            "diverging": diverging > 0,
            "n_steps": n_steps.long(),
            "lp": lp,
        }
        named["energy"] = energy
        return Block(q, named if u.shape[1] else {}, interrupted)
