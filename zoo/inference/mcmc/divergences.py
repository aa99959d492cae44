"""Where draws diverged: the site at which they lie apart from the others."""

from __future__ import annotations

import math

import torch

from zoo.inference.mcmc.kernel import Block
from zoo.inference.mcmc.potential import Potential


class Divergences:
    """Moments of the draws that diverged and of the others, in unconstrained space, over a whole run.

    Arguments:
        potential: Knows the sites.
    """

    def __init__(self, potential: Potential) -> None:
        self.potential = potential
        zeros = potential.program.reference.new_zeros
        self.state = {
            "count": zeros(2, dtype=torch.float64),
            "places": zeros(2, dtype=torch.float64),
            "sum": zeros(2, potential.size, dtype=torch.float64),
            "squares": zeros(2, potential.size, dtype=torch.float64),
        }

    def add(self, block: Block) -> None:
        """Look at a block of draws."""
        if block.q.shape[1] == 0:
            return
        diverging = block.facts["diverging"]
        new_place = torch.ones_like(
            diverging
        )  # a chain that stands still, diverging again and again, is in one place
        moved = (block.q[:, 1:] != block.q[:, :-1]).any(-1)
        new_place[:, 1:] = moved | (diverging[:, 1:] != diverging[:, :-1])
        q = block.q.flatten(0, 1).double()  # (C S, P)
        which = torch.stack([~diverging, diverging]).flatten(1).double()  # (2, C S)
        places = which * new_place.flatten()
        new = {
            "count": which.sum(-1),
            "places": places.sum(-1),
            "sum": places @ q,
            "squares": places @ q.square(),
        }
        self.state = {name: value + new[name] for name, value in self.state.items()}

    @property
    def all(self) -> bool:
        """Whether there were draws and every one of them diverged."""
        fine, bad = self.state["count"].tolist()
        return fine == 0 < bad

    def __str__(self) -> str:
        fine, bad = self.state["count"].tolist()
        if bad == 0:
            return ""
        said = f"{bad:.0f} of {fine + bad:.0f} draws diverged"
        if fine == 0:
            return f"{said}: the step size is too large, or the log joint is not finite nearby"
        places = self.state["places"].clamp_min(1)[:, None]
        mean = self.state["sum"] / places
        spread = (
            (self.state["squares"] / places - mean.square()).clamp_min(1e-24).sqrt()[0]
        )
        away = (mean[1] - mean[0]).abs() / (spread * (1 / places).sum().sqrt())
        place = int(away.argmax())
        largest_by_chance = math.sqrt(2 * math.log(2 * len(away))) + 1.0
        if float(away[place]) < largest_by_chance:
            return f"{said}, at no site in particular"
        ends = torch.tensor(
            [shape.numel() for shape in self.potential.shapes.values()]
        ).cumsum(0)
        name = list(self.potential.shapes)[int((ends <= place).sum())]
        return (
            f"{said}, farthest from the others at site {name!r}: there {mean[1, place]:.3g} on average, elsewhere "
            f"{mean[0, place]:.3g} ± {spread[place]:.2g}, in unconstrained space"
        )
