"""The kernel of ChEES: trajectories of one length, which maximises a criterion."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from zoo.inference.mcmc.adaptation.dual_averaging import INITIAL_FACTOR
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import KernelOptions
from zoo.inference.mcmc.kernels.draws import DrawBlock, TransitionInfo
from zoo.inference.mcmc.kernels.trajectories import Trajectories

_LEARNING_RATE = 0.05
_MEMORY = 0.95  # decay of the average squared gradient, and of covariances
_MAX_CHANGE = 0.35  # of the log length in one update
_QUARTER_PERIOD = math.pi / 2  # of a direction of unit scale
_POWERS = {"chees": 0.5, "snaper": 1.0}  # of the length, which divides the criterion
_MIN_ACCEPTANCE = 1e-4  # below it, a trajectory diverged and gives no gradient
_JITTER_BITS = 10  # the jitter has period 2^10 draws


class LengthState(NamedTuple):
    """The part of the kernel's state that adapts the length.

    Arguments:
        log_length: Log trajectory length, ().
        log_length_average: Weighted mean of the log lengths, ().
        square: Running mean of the criterion's squared gradient, ().
        updates: Number of updates, ().
    """

    log_length: Tensor
    log_length_average: Tensor
    square: Tensor
    updates: Tensor


class LearnedLength(Trajectories):
    """Trajectories of one length for all chains; warm-up maximises a criterion over it.

    The state has, in addition to that of all Hamiltonian kernels, the fields of `LengthState`
    and the number of draws, which determines the jitter.

    Arguments:
        potential: The potential energy.
        q: Initial positions of the chains, (C, P).
        options: The settings.
        num_steps: Leapfrog steps of the longest trajectory at the beginning.
        max_steps: Largest number of leapfrog steps of a trajectory.
        criterion: The criterion, see `ChEES`.
    """

    def __init__(
        self,
        potential: Potential,
        q: Tensor,
        options: KernelOptions,
        num_steps: int,
        max_steps: int,
        criterion: Literal["chees", "snaper"] = "chees",
    ) -> None:
        self.max_steps = max_steps
        self.criterion = criterion
        super().__init__(potential, q, options)

        num_steps = min(num_steps, max_steps)
        log_step_size = self.step_size[0].log()
        log_length = log_step_size + math.log(num_steps)

        self._begin(log_length)
        self.state["draws"] = torch.zeros_like(log_length).long()
        if criterion == "snaper":
            self.state["direction"] = torch.randn_like(q[0])

    def _begin(self, log_length: Tensor) -> None:
        """Begin to learn the length from a value, ()."""
        zero = torch.zeros_like(log_length)
        begun = LengthState(log_length, log_length, zero, zero)
        self.state |= begun._asdict()

    @property
    def trajectory_length(self) -> float:
        """Length of the longest trajectories, in the coordinates of the mass matrix."""
        return float(self.state["log_length"].exp())

    def jitters(self, num_draws: int) -> Tensor:
        """Return the next terms of van der Corput's sequence, (S,) in (0, 1).

        They are the fractions of the length that the next trajectories have.
        """
        done = self.state["draws"]
        number = done + 1 + torch.arange(num_draws, device=done.device)
        bits = torch.arange(_JITTER_BITS, device=done.device)
        place = 2**bits
        digits = (number[:, None] // place) % 2

        reversed_digits = digits * (0.5 / place)
        fractions = reversed_digits.sum(1)

        return fractions.to(self.state["log_length"])

    def draw_lengths(self, num_draws: int) -> Tensor:
        """Return the leapfrog steps of the next trajectories, the same for all chains, (S,)."""
        longest = self.state["log_length"].exp()
        lengths = longest * self.jitters(num_draws)
        steps = (lengths / self.step_size[0]).ceil()

        return steps.clamp(1, self.max_steps).long()

    def paths(self, lengths: Tensor) -> DrawBlock:
        """Follow trajectories, and keep what the length is learned from."""
        self.initial_u = self.state["u"]
        block = super().paths(lengths)
        self.proposal, num_steps = self.last_trajectory
        self.travelled = num_steps * self.step_size
        self.state["draws"] = self.state["draws"] + len(lengths)

        return block

    def adapt(self, info: TransitionInfo) -> None:
        """Adapt the step size to the harmonic mean acceptance of all chains, and the length."""
        rate = info.acceptance_rate
        inverse = 1 / rate
        harmonic_mean = 1 / inverse.mean()
        shared = harmonic_mean.expand_as(rate)
        super().adapt(info._replace(acceptance_rate=shared))

        gradient = self.criterion_gradient(rate)
        updated = self._ascended(gradient)
        self.state |= updated._asdict()

    def _ascended(self, gradient: Tensor) -> LengthState:
        """Return the state after a step of gradient ascent by Adam without momentum."""
        before = self.state_of(LengthState)
        count = before.updates + 1
        new = (1 - _MEMORY) * gradient.square()
        square = _MEMORY * before.square + new

        unbiased = square / (1 - _MEMORY**count)
        scale = unbiased.sqrt().clamp_min(1e-20)
        scaled = gradient / scale
        change = _LEARNING_RATE * scaled
        change = change.clamp(-_MAX_CHANGE, _MAX_CHANGE)

        # dual averaging changes the present step size too quickly to bound lengths by it
        first = self.state["centre"][0]
        shortest = first - math.log(INITIAL_FACTOR)
        longest = shortest + math.log(self.max_steps)

        log_length = before.log_length + change
        log_length = log_length.clamp(shortest, longest)
        average = torch.lerp(before.log_length_average, log_length, count**-0.5)

        return LengthState(log_length, average, square, count)

    def criterion_gradient(self, rate: Tensor) -> Tensor:
        """Return the gradient of the criterion with respect to the log length, ().

        It is the gradient of the log criterion times an average of the squared change.
        Positions before and after are centred at one mean: with a mean of its own each, a
        few chains would lose most of the change.

        Arguments:
            rate: Acceptance probabilities of the last trajectories, (C,).
        """
        valid = rate > _MIN_ACCEPTANCE
        rows = valid[:, None]
        mean = self.initial_u.mean(0)
        before = self.initial_u - mean
        after = torch.where(rows, self.proposal.u - mean, 0.0)
        p = torch.where(rows, self.proposal.p, 0.0)
        if self.criterion == "snaper":
            after, before, p = self._along_direction(after, before, p)

        change = after.square().sum(-1) - before.square().sum(-1)
        along = (after * p).sum(-1)
        growth = change * along * self.travelled
        cost = _POWERS[self.criterion] / 4 * change.square()

        weight = torch.where(valid, rate, 0.0)
        weighted_sum = (weight * (growth - cost)).sum()
        total = weight.sum().clamp_min(1e-20)

        return weighted_sum / total

    def _along_direction(
        self, after: Tensor, before: Tensor, p: Tensor
    ) -> tuple[Tensor, ...]:
        """Return components (C, 1) along the widest direction, and update its estimate.

        The estimate is a power iteration with the covariances of the last draws.
        """
        direction = principal_direction(self.state["direction"], before)
        self.state["direction"] = direction
        along = torch.nn.functional.normalize(direction, dim=0)[:, None]

        return after @ along, before @ along, p @ along

    def restart(self, step_size: Tensor) -> None:
        """Restart dual averaging at one step size for all chains."""
        shared = step_size.log().mean().exp()
        super().restart(shared.expand_as(step_size).clone())

    def end_window(self, block: DrawBlock) -> None:
        """Estimate the mass matrix, and let the length begin anew in its unit."""
        super().end_window(block)
        step = self.step_size[0].log()
        quarter = torch.full_like(step, math.log(_QUARTER_PERIOD))
        self._begin(quarter.maximum(step))

    def end_warmup(self) -> None:
        """Keep the averaged step size and length."""
        super().end_warmup()
        shortest = self.step_size[0].log()
        longest = shortest + math.log(self.max_steps)

        average = self.state["log_length_average"]
        self.state["log_length"] = average.minimum(longest)


def principal_direction(direction: Tensor, centred: Tensor) -> Tensor:
    r"""Return a better estimate (P,) of the direction in which positions vary most.

    .. math:: s \leftarrow \beta s + (1 - \beta) \frac1C \sum_c u_c u_c^\top \frac{s}{|s|}

    Arguments:
        direction: The estimate before, of any length, (P,).
        centred: Positions of the chains minus their mean, (C, P).
    """
    unit = torch.nn.functional.normalize(direction, dim=0)
    component = centred @ unit
    product = (component[:, None] * centred).mean(0)

    return _MEMORY * direction + (1 - _MEMORY) * product
