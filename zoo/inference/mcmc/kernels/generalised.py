"""The kernel of MEADS: generalised HMC, each fold of chains with the settings of another."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.inference.mcmc.adaptation.folds import FoldSettings, settings_of_folds
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import Chains, KernelOptions
from zoo.inference.mcmc.kernels.draws import TransitionInfo
from zoo.inference.mcmc.kernels.hamiltonian import MAX_ENERGY_ERROR, acceptance_of
from zoo.inference.mcmc.kernels.persistent_step import PersistentPoint, persistent_step
from zoo.tracing.compiled import rows_at_once
from zoo.tracing.traced import Traced

_MAX_STEPS_WARMUP = 50  # of a draw in warm-up, if their number is not given
_MAX_STEPS = 1000  # of a draw later
_LEAST_ACCEPTANCE = 0.8  # in warm-up; below it, steps become shorter
_RATE = 0.5  # of the log factor of step sizes, for each draw


class FoldOptions(NamedTuple):
    """Settings of folds.

    Arguments:
        num_folds: Number of folds K.
        factor: Factor of the step size, as in `settings_of_folds`.
        num_steps: Steps of a draw; None takes those in which a momentum is forgotten.
    """

    num_folds: int
    factor: float
    num_steps: int | None


class Generalised(Chains):
    """Generalised HMC with one leapfrog step at a time, and momenta that persist.

    In iteration t fold t mod K waits. Every other fold takes a step with the settings that
    the fold before it suggests. The folds after the waiting one, in their cyclic order, can
    be seen as moving one after the other, the last of them first: then the fold that gives
    the settings of a step has not moved yet, and given its chains the step is one of a
    Markov chain with fixed settings. So the joint distribution of all chains stays the
    product of targets in each iteration, and adaptation need not end. Chains are divided into
    folds at random every K iterations.

    Arguments:
        potential: The potential energy.
        q: Initial positions of the chains, (C, P).
        options: The settings of every kernel.
        folds: The settings of folds.
    """

    def __init__(
        self,
        potential: Potential,
        q: Tensor,
        options: KernelOptions,
        folds: FoldOptions,
    ) -> None:
        super().__init__(potential, q, options)
        self.folds = folds
        self.fold_size = self.num_chains // folds.num_folds
        num_moving = self.num_chains - self.fold_size
        self.step = Traced(
            self.persistent_step,
            compile=options.compile,
            calls=options.calls,
            rows=rows_at_once(num_moving, potential.widest),
        )
        self.programs = [self.step]

        gradient, energy = potential.gradient(q)
        self.num_gradients += self.num_chains
        slices = 2 * torch.rand_like(energy) - 1
        point = PersistentPoint(q, torch.randn_like(q), gradient, energy, slices)
        self.state = point._asdict()
        self.state |= {
            "step_size": torch.zeros_like(energy),
            "steps_to_forget": torch.ones_like(energy),
            "order": torch.arange(self.num_chains, device=q.device),
            "iteration": torch.tensor(0),
            "num_steps": torch.tensor(folds.num_steps or 1),
            "factor": torch.tensor(folds.factor).to(energy),
        }
        self._use(list(range(folds.num_folds)))

    def persistent_step(
        self,
        q: Tensor,
        p: Tensor,
        gradient: Tensor,
        energy: Tensor,
        slices: Tensor,
        scale: Tensor,
        step_size: Tensor,
        refreshed: Tensor,
    ) -> tuple[Tensor, ...]:
        """Take one step of the moving chains, see `persistent_step`; to be traced."""
        point = PersistentPoint(q, p, gradient, energy, slices)
        after, error = persistent_step(
            self.potential.gradient, point, scale, step_size, refreshed
        )

        return *after, error

    @property
    def q(self) -> Tensor:
        """Positions of the chains in unconstrained space, (C, P)."""
        return self.state["q"]

    @property
    def target_accept_prob(self) -> float | None:
        """Acceptance probability that step sizes are adapted to: none."""
        return None

    def transition(self) -> TransitionInfo:
        """Take the steps of one draw."""
        num_steps = int(self.state["num_steps"])
        energy = self.state["energy"]
        acceptance = torch.zeros_like(energy)
        diverging = torch.zeros_like(energy, dtype=torch.bool)
        count = torch.zeros_like(energy, dtype=torch.long)

        for _ in range(num_steps):
            chains, error = self._iterate()
            acceptance[chains] += acceptance_of(error)
            diverging[chains] |= error > MAX_ENERGY_ERROR
            count[chains] += 1

        mean = torch.where(count > 0, acceptance / count.clamp_min(1), 1.0)

        return TransitionInfo(mean, diverging, count, lp=-self.state["energy"])

    def _iterate(self) -> tuple[Tensor, Tensor]:
        """Move all folds but one by a step; return their chains (A,) and energy errors (A,)."""
        iteration = int(self.state["iteration"])
        waiting = iteration % self.folds.num_folds
        if waiting == 0:
            order = self.state["order"]
            self.state["order"] = torch.randperm(len(order), device=order.device)

        moving = [fold for fold in range(self.folds.num_folds) if fold != waiting]
        chains, settings = self._use(moving)
        values = [self.state[name][chains] for name in PersistentPoint._fields]
        *after, error = self.step(*values, *settings)
        moved = {}
        for name, value in zip(PersistentPoint._fields, after, strict=True):
            moved[name] = self.state[name].index_copy(0, chains, value)

        self.state |= moved
        self.num_gradients += len(chains)
        self.state["iteration"] = self.state["iteration"] + 1

        return chains, error

    def _use(self, moving: list[int]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Give the chains of some folds the settings of the folds before theirs.

        Arguments:
            moving: Numbers of the folds.

        Returns:
            The chains (A,), and their scales (A, P), step sizes (A,) and variances of fresh
            momenta (A,).
        """
        folds = self.state["order"].reshape(-1, self.fold_size)  # (K, n)
        iteration = int(self.state["iteration"]) + 1
        suggested = settings_of_folds(
            self.state["q"][folds],
            self.state["gradient"][folds],
            iteration,
            self.state["factor"],
        )
        settings = of_fold_before(suggested)
        chains = folds[moving].flatten()

        def of_chains(part: Tensor) -> Tensor:
            return part[moving].repeat_interleave(self.fold_size, 0)

        step_size = of_chains(settings.step_size)
        self._note("step_size", chains, step_size)
        self._note("steps_to_forget", chains, of_chains(settings.steps_to_forget))
        scale = of_chains(settings.scale)

        return chains, (scale, step_size, of_chains(settings.refreshed))

    def _note(self, name: str, chains: Tensor, value: Tensor) -> None:
        """Keep a value (A,) of some chains in the state."""
        self.state[name] = self.state[name].index_copy(0, chains, value)

    def adapt(self, info: TransitionInfo) -> None:
        """Adapt the factor of step sizes, and the steps of a draw."""
        self._adapt_factor(info.acceptance_rate.mean())
        self._set_num_steps(_MAX_STEPS_WARMUP)

    def _adapt_factor(self, acceptance: Tensor) -> None:
        """Shorten steps while too few are accepted, and lengthen them again up to the options'.

        Gradients tell the largest stable step only of chains that have spread. Chains that
        begin at a mode have none there, and would reject too long steps for ever.
        """
        change = (_RATE * (acceptance - _LEAST_ACCEPTANCE)).exp()
        factor = self.state["factor"] * change
        self.state["factor"] = factor.clamp(max=self.folds.factor)

    def end_warmup(self) -> None:
        """Fix the factor and the steps of a draw; scales and damping go on adapting."""
        self._set_num_steps(_MAX_STEPS)

    def _set_num_steps(self, largest: int) -> None:
        """Set the steps of a draw to those in which a momentum is forgotten, up to a limit."""
        if self.folds.num_steps is None:
            mean = self.state["steps_to_forget"].mean()
            self.state["num_steps"] = mean.clamp(1, largest).round().long()


def of_fold_before(settings: FoldSettings) -> FoldSettings:
    """Return for each fold the settings that the fold before it suggests."""
    return FoldSettings(*[part.roll(1, 0) for part in settings])
