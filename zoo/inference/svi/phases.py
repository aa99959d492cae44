"""The parts of a run of SVI: first without noise, then with more and more draws a step."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.runtime.counts import check_count

NumParticles = int | tuple[int, int]
"""Draws at each step, or those at the first and at the last one."""


@dataclass(frozen=True)
class Phase:
    """Steps of one run that have the same program.

    Arguments:
        begin: Number of steps before the first one.
        end: Number of steps after the last one.
        num_particles: Draws from the guide at each step.
        is_deterministic: Whether the guide's means take the place of draws.
    """

    begin: int
    end: int
    num_particles: int
    is_deterministic: bool

    @property
    def num_steps(self) -> int:
        """The number of steps."""
        return self.end - self.begin


def phases(
    num_steps: int, deterministic: float, num_particles: NumParticles
) -> list[Phase]:
    """Return the parts of a run in their order.

    The number of draws doubles from the first to the last number, in parts of equal length.

    Arguments:
        num_steps: Number of steps of the run.
        deterministic: Share of the steps that have no noise, the first ones.
        num_particles: Draws at each step, or at the first and at the last one.
    """
    begin = round(deterministic * num_steps)
    found = [Phase(0, begin, 1, is_deterministic=True)]

    numbers = _doubled(num_particles)
    num_noisy = num_steps - begin
    for part, number in enumerate(numbers, start=1):
        end = num_steps - num_noisy * (len(numbers) - part) // len(numbers)
        found.append(Phase(begin, end, number, is_deterministic=False))
        begin = end

    return [phase for phase in found if phase.num_steps > 0]


def check_phases(deterministic: float, num_particles: NumParticles) -> None:
    """Check the share of steps without noise and the number of draws.

    Raises:
        ValueError: A share outside [0, 1); a number that is not whole and positive; a
            pair that falls.
    """
    if not 0 <= deterministic < 1:
        raise ValueError(
            "deterministic must be the share of steps without noise, from 0 to below 1, not "
            f"{deterministic}"
        )

    if not isinstance(num_particles, tuple):
        check_count("num_particles", num_particles)
        return

    for number in num_particles:
        check_count("num_particles", number)

    if len(num_particles) != 2 or num_particles[0] > num_particles[1]:
        raise ValueError(
            "num_particles must be a number of draws, or those at the first and at the last step, "
            f"not {num_particles}; write num_particles=(1, 8)"
        )


def _doubled(num_particles: NumParticles) -> list[int]:
    """Return the numbers of draws, each twice the one before until the last one."""
    if not isinstance(num_particles, tuple):
        return [num_particles]

    first, last = num_particles
    numbers = []
    while first < last:
        numbers.append(first)
        first = 2 * first

    return [*numbers, last]
