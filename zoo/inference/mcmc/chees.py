"""ChEES: Hamiltonian Monte Carlo whose trajectory length is learned from many chains together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.inference.mcmc.dual_averaging import BOLDNESS
from zoo.inference.mcmc.hmc import Trajectories
from zoo.inference.mcmc.kernel import Block, Facts
from zoo.inference.mcmc.potential import Potential
from zoo.inference.mcmc.sampler import Adaptive

RATE, MEMORY, LARGEST = (
    0.05,
    0.95,
    0.35,
)  # of the ascent: its rate, how it forgets gradients, its largest change
BITS = 10  # the jitter repeats itself after 2^BITS draws


@dataclass(kw_only=True, repr=False, eq=False)
class ChEES(Adaptive):
    r"""Hamiltonian Monte Carlo for many chains, which learn one trajectory length and one step size together.

    Warm-up climbs, by stochastic gradients, the change in the estimator of the expected
    square between a trajectory's start and its end u',

    .. math:: \tfrac14 E\big[(|u' - E u'|^2 - |u - E u|^2)^2\big],

    in the coordinates of the mass matrix, means over chains. Lengths are jittered
    between nothing and the learned one by a sequence that fills the interval evenly.
    All chains take equally many steps, so that none waits, which suits a GPU and its
    hundred chains. Where chains stay in modes of their own, as those of networks do,
    what is climbed holds the squared jump along the lines between modes too; lengths
    grew to their bound there, so choose `max_steps`.

    References:
        An Adaptive-MCMC Scheme for Setting Trajectory Lengths in Hamiltonian Monte Carlo (Hoffman, Radul, Sountsov,
        2021)
        Focusing on Difficult Directions for Learning HMC Trajectory Lengths (Sountsov, Hoffman, 2021)

    Arguments:
        num_chains: Number of chains C, at least 2; the more, the less noise there is in
            what they learn.
        target_accept_prob: Acceptance, the harmonic mean over chains, that the step
            size is adapted to.
        shared_mass: Whether all chains learn one mass matrix together.
        num_steps: Leapfrog steps of the longest trajectory at the beginning. The
            criterion has a first maximum where most directions are through, and from a
            few steps it is climbed no further than there, while some have hardly moved:
            begin beyond it.
        max_steps: Most leapfrog steps of a trajectory.

    Raises:
        ValueError: A single chain, or a trajectory without steps.

    Example:
        >>> engine = inference.ChEES(model, num_chains=4, warmup_steps=5, num_samples=5, progress=False)
        >>> engine.fit(data.train)
        Posterior over 81 parameters at 4 sites: 4 chains of 5 draws
    """

    num_chains: int = 16
    target_accept_prob: float = 0.651
    shared_mass: bool = True
    num_steps: int = 100
    max_steps: int = 1000

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_chains < 2:
            raise ValueError(
                "ChEES learns from differences between chains: num_chains is at least 2; use NUTS for one"
            )
        for name in ("num_steps", "max_steps"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name} is a number of leapfrog steps, at least 1, not {getattr(self, name)}"
                )

    def steps_per_draw(self) -> int:
        """Guess the leapfrog steps of one draw."""
        return min(self.num_steps, self.max_steps)

    def kernel(self, potential: Potential, q: Tensor) -> LearnedLength:
        """Make the kernel."""
        return LearnedLength(
            potential, q, self.num_steps, self.max_steps, **self.adaptation(potential)
        )


class LearnedLength(Trajectories):
    """Trajectories of one length for all chains, which climbs the ChEES criterion in warm-up.

    Its state beside that of all Hamiltonian kernels: the logarithms of the length and
    of its average, the average square of the criterion's gradient, how often it was
    updated, and the number of draws, which gives the jitter.
    """

    def __init__(
        self,
        potential: Potential,
        q: Tensor,
        num_steps: int,
        max_steps: int,
        **options: object,
    ) -> None:
        self.max_steps = max_steps
        super().__init__(potential, q, **options)
        log_length = self.state["step_size"][0].log() + math.log(
            min(num_steps, max_steps)
        )
        zero = torch.zeros_like(log_length)
        self.state |= {"log_length": log_length, "log_length_average": log_length}
        self.state |= {"square": zero, "updates": zero, "draws": zero.long()}

    @property
    def trajectory_length(self) -> float:
        """The longest that trajectories are, in the coordinates of the mass matrix."""
        return float(self.state["log_length"].exp())

    def jitter(self) -> Tensor:
        """Return the fraction of the length that the next trajectory has: van der Corput's sequence, () in (0, 1)."""
        digit = 2 ** torch.arange(BITS, device=self.state["draws"].device)
        return (
            (((self.state["draws"] + 1) // digit) % 2 * (0.5 / digit))
            .sum()
            .to(self.state["log_length"])
        )

    def steps(self) -> Tensor:
        """Return the leapfrog steps of the next trajectory, the same for all chains."""
        length = self.state["log_length"].exp() * self.jitter()
        return (length / self.state["step_size"]).ceil().clamp(1, self.max_steps).long()

    def transition(self) -> Facts:
        """Follow trajectories, and note what their length is learned from."""
        self.came_from, self.fraction = self.state["u"], self.jitter()
        found = super().transition()
        self.state["draws"] = self.state["draws"] + 1
        return found

    def learn(self, facts: Facts) -> None:
        """Adapt the step size to the chains' harmonic mean acceptance, and the length to the criterion."""
        rate = facts["acceptance_rate"]
        super().learn(
            facts | {"acceptance_rate": (1 / (1 / rate).mean()).expand_as(rate)}
        )
        state = self.state
        count = state["updates"] + 1
        climb = self.climb(rate)
        square = MEMORY * state["square"] + (1 - MEMORY) * climb.square()
        scaled = climb / (square / (1 - MEMORY**count)).sqrt().clamp_min(1e-20)
        # not the step size of now, which dual averaging throws about
        shortest = state["centre"][0] - math.log(BOLDNESS)
        log_length = state["log_length"] + (RATE * scaled).clamp(-LARGEST, LARGEST)
        log_length = log_length.clamp(shortest, shortest + math.log(self.max_steps))
        average = torch.lerp(state["log_length_average"], log_length, count**-0.5)
        state |= {
            "log_length": log_length,
            "log_length_average": average,
            "square": square,
            "updates": count,
        }

    def climb(self, rate: Tensor) -> Tensor:
        """Return the criterion's gradient by the logarithm of the length, (), given acceptance rates (C,)."""
        u, p = self.proposed
        sane = (rate > 1e-4)[:, None]  # what diverged says nothing, and is not finite
        u, p = torch.where(sane, u, 0.0), torch.where(sane, p, 0.0)
        weight = torch.where(sane[:, 0], rate, 0.0)
        total = weight.sum().clamp_min(1e-20)
        after = u - (weight[:, None] * u).sum(0) / total
        before = self.came_from - self.came_from.mean(0)
        change = after.square().sum(-1) - before.square().sum(-1)
        slope = (
            change
            * (after * p).sum(-1)
            * self.fraction
            * self.state["log_length"].exp()
        )
        return (weight * slope).sum() / total

    def restart(self, step_size: Tensor) -> None:
        """Begin dual averaging anew at one step size for all."""
        super().restart(step_size.log().mean().exp().expand_as(step_size).clone())

    def end_window(self, block: Block) -> None:
        """Estimate the metric anew, and tell the length, which counts in its units."""
        before = self.metric.log_size
        super().end_window(block)
        for name in ("log_length", "log_length_average"):
            self.state[name] = self.state[name] + before - self.metric.log_size

    def end_warm_up(self) -> None:
        """Keep the averaged step size and length."""
        super().end_warm_up()
        longest = self.state["step_size"][0].log() + math.log(self.max_steps)
        self.state["log_length"] = self.state["log_length_average"].minimum(longest)
