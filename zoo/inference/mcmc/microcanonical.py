"""The base of samplers with microcanonical dynamics: paths of constant speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from zoo.inference.mcmc.adaptation.windows import MIN_WARMUP, Window
from zoo.inference.mcmc.adaptive import Adaptive
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.microcanonical import INTEGRATORS


@dataclass(kw_only=True, repr=False, eq=False)
class Microcanonical(Adaptive):
    """The base of samplers whose chains have a velocity of fixed length, which turns.

    Arguments:
        num_steps: Steps of a draw. None takes one decoherence length.
        integrator: "mclachlan", with two gradients a step, or "leapfrog", with one.
    """

    num_steps: int | None = None
    integrator: Literal["leapfrog", "mclachlan"] = "mclachlan"

    # fractions of warm-up: step sizes alone, two windows for the mass matrix, two for L
    fractions: ClassVar[tuple[float, ...]] = (0.1, 0.15, 0.25, 0.2, 0.3)
    learns_last: ClassVar[bool] = True  # whether the kernel learns from the last window

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_steps is not None and self.num_steps < 1:
            raise ValueError(
                f"num_steps must be a number of steps, at least 1, or None, not {self.num_steps}"
            )

        if self.integrator not in INTEGRATORS:
            names = ", ".join(map(repr, INTEGRATORS))
            raise ValueError(
                f"integrator must be one of {names}, not {self.integrator!r}"
            )

    def steps_per_draw(self) -> int:
        """Estimate the steps of one draw."""
        return self.num_steps or 50

    def windows(self) -> Sequence[Window]:
        """Divide warm-up: step sizes alone, then the mass matrix, then the decoherence length."""
        if self.warmup_steps < MIN_WARMUP:
            return [Window(self.warmup_steps, learns=False)]

        counts = [int(fraction * self.warmup_steps) for fraction in self.fractions]
        rest = self.warmup_steps - sum(counts)

        windows = [Window(counts[0], learns=False)]
        for count in counts[1:-1]:
            windows.append(Window(count, learns=True))

        last = Window(counts[-1] + rest, self.learns_last)

        return [*windows, last]

    def check_size(self, potential: Potential) -> None:
        """Refuse a model of one parameter.

        Raises:
            ValueError: The model has one; the message says what to write.
        """
        if potential.size < 2:
            name = type(self).__name__
            raise ValueError(
                f"{name} needs a model of at least two parameters, because its velocity has a "
                "fixed length and can only turn; use NUTS for one parameter"
            )
