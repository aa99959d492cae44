"""Where draws diverged: the site at which they differ most from the others."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.draws import DrawBlock


class Divergences:
    """Moments of the draws that diverged and of the others, in unconstrained space.

    `state` holds (2, ...) tensors, first for the other draws, then for those that diverged:
    the number of draws `count`, the number of distinct positions `places`, and the `sum` and
    the sum of `squares` of these positions.

    Arguments:
        potential: Names the sites.
    """

    def __init__(self, potential: Potential) -> None:
        self.potential = potential
        like = potential.program.like
        scalars = like.new_zeros(2, dtype=torch.float64)
        vectors = like.new_zeros(2, potential.size, dtype=torch.float64)
        self.state = {
            "count": scalars,
            "places": scalars,
            "sum": vectors,
            "squares": vectors,
        }

    def add(self, block: DrawBlock) -> None:
        """Add a block of draws."""
        if block.num_draws == 0:
            return

        diverging = block.info.diverging
        is_new = _is_new_place(block.q, diverging)
        q = block.q.flatten(0, 1).double()  # (C S, P)
        kinds = torch.stack([~diverging, diverging])
        draws = kinds.flatten(1).double()  # (2, C S)
        places = draws * is_new.flatten()

        new = {
            "count": draws.sum(-1),
            "places": places.sum(-1),
            "sum": places @ q,
            "squares": places @ q.square(),
        }

        updated = {}
        for name, value in self.state.items():
            updated[name] = value + new[name]
        self.state = updated

    @property
    def all(self) -> bool:
        """Whether there are draws and all of them diverged."""
        num_others, num_diverged = self.state["count"].tolist()
        return num_others == 0 and num_diverged > 0

    def __str__(self) -> str:
        num_others, num_diverged = self.state["count"].tolist()
        if num_diverged == 0:
            return ""

        total = num_others + num_diverged

        counts = f"{num_diverged:.0f} of {total:.0f} draws diverged"
        if num_others == 0:
            return (
                f"{counts}: the step size is too large, or the log joint density is not "
                "finite nearby"
            )

        difference = self._largest_difference()
        if difference is None:
            return f"{counts}, at no site in particular"

        return (
            f"{counts}; they differ most from the others at site {difference.site!r}: mean "
            f"{difference.diverged:.3g} against {difference.others:.3g} ± "
            f"{difference.scale:.2g}, in unconstrained space"
        )

    def _largest_difference(self) -> _Difference | None:
        """Return where the means differ most, None if it may be by chance."""
        places = self.state["places"].clamp_min(1)[:, None]
        mean = self.state["sum"] / places
        mean_square = self.state["squares"] / places

        variance = mean_square - mean.square()
        scale = variance.clamp_min(1e-24).sqrt()[0]  # of the others

        inverse = (1 / places).sum()
        standard_error = scale * inverse.sqrt()

        difference = mean[1] - mean[0]
        distance = difference.abs() / standard_error

        element = int(distance.argmax())
        num_tails = 2 * len(distance)

        largest_by_chance = math.sqrt(2 * math.log(num_tails)) + 1.0
        if float(distance[element]) < largest_by_chance:
            return None

        return _Difference(
            site=self._site_of(element),
            diverged=float(mean[1, element]),
            others=float(mean[0, element]),
            scale=float(scale[element]),
        )

    def _site_of(self, element: int) -> str:
        """Return the name of the site that an element of q belongs to."""
        end = 0
        for name, shape in self.potential.shapes.items():
            end += shape.numel()
            if element < end:
                return name

        raise IndexError(f"q has {end} elements, not {element + 1}")


class _Difference(NamedTuple):
    """The element at which draws that diverged differ most: means, and the scale of the others."""

    site: str
    diverged: float
    others: float
    scale: float


def _is_new_place(q: Tensor, diverging: Tensor) -> Tensor:
    """Return which draws (C, S) differ from the one before.

    A chain that diverges repeatedly without moving counts as one position.
    """
    before, after = q[:, :-1], q[:, 1:]
    moved = (after != before).any(-1)

    diverged_before, diverged_after = diverging[:, :-1], diverging[:, 1:]
    changed = diverged_after != diverged_before

    is_new = torch.ones_like(diverging)
    is_new[:, 1:] = moved | changed

    return is_new
