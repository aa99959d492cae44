"""Attacks: the smallest changes of an image that the posterior minds most."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.datasets import Dataset
from zoo.posterior.posterior import Posterior
from zoo.predictive.inputs import place_inputs
from zoo.reports.table import Table, Tabled
from zoo.runtime.progress import bar
from zoo.stress.evaluation import Draws, Evaluation, evaluated, two_sets
from zoo.stress.gradients import Loss, loss_and_slope
from zoo.stress.pixels import images

if TYPE_CHECKING:
    from matplotlib.figure import Figure

THROUGH = {"draws": "the draws together", "one": "one draw", "mean": "the mean network"}


@dataclass(frozen=True, repr=False, eq=False)
class Attack(Tabled):
    """Attacked images, and what draws that took no part in the attack say of them.

    Arguments:
        name: What attacked, through what.
        radius: The largest change of a pixel.
        pixels: The attacked images, between 0 and 1, (N, ...).
        x: The same as the network takes them, (N, ...).
        before: What the posterior says of the images as they were.
        after: What it says of the attacked ones.
    """

    name: str
    radius: float
    pixels: Tensor
    x: Tensor
    before: Evaluation
    after: Evaluation

    @property
    def scores(self) -> Mapping[str, Mapping[str, float]]:
        """Scores before and after, by name."""
        return {"before": self.before.scores, "after": self.after.scores}

    @property
    def table(self) -> Table:
        """Two rows, before and after."""
        rows = [(when, *scores.values()) for when, scores in self.scores.items()]
        return Table((self.name, *self.before.scores), rows)

    def strip(self, number: int = 8) -> Figure:
        """Draw the first attacked images with what is predicted, and how surely."""
        from zoo import plots

        after = self.after
        columns = (
            part[:number] for part in (after.predicted, after.entropy, after.epistemic)
        )
        return plots.strip(
            self.pixels[:number], *columns, true=after.y[:number].tolist()
        )


def fgsm(
    posterior: Posterior,
    data: Dataset | tuple[Tensor, Tensor],
    radius: float,
    through: str = "draws",
    num_samples: int = 20,
    progress: bool = True,
) -> Attack:
    r"""Move every pixel by the radius to where the loss grows: the fast gradient sign method.

    .. math:: x' = [x + \epsilon \operatorname{sign} \nabla_x L(x, y)]_0^1, \qquad
        L = -\log \frac1S \sum_s p(y \mid x, w_s)

    References:
        Explaining and Harnessing Adversarial Examples (Goodfellow, Shlens, Szegedy, 2015)

    Arguments:
        posterior: The posterior of one of the zoo's models of classes.
        data: A data set, whose test part is attacked, or a pair (x, y) whose x are
            pixels.
        radius: The largest change of a pixel, where white is 1.
        through: Whose loss it is: "draws" of the posterior, averaged as for a
            prediction; "one" of them; or that of the network at their "mean".
        num_samples: Draws that are attacked, and as many others that judge; a sampler's
            are shared out.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: Values that are no pixels; a radius outside [0, 1]; another word for
            `through`; a posterior without weights or classes.

    Example:
        >>> from zoo import stress
        >>> found = stress.fgsm(classifier, digits, radius=0.1, num_samples=5, progress=False)
        >>> found.scores["after"]["nll"] > found.scores["before"]["nll"]
        True
    """
    return attack(
        posterior, data, radius, through, num_samples, num_steps=0, progress=progress
    )


def pgd(
    posterior: Posterior,
    data: Dataset | tuple[Tensor, Tensor],
    radius: float,
    num_steps: int = 10,
    through: str = "draws",
    num_samples: int = 20,
    progress: bool = True,
) -> Attack:
    r"""Climb the loss by small steps from a random place, within the radius: projected gradient descent.

    .. math:: x_{t+1} = \Pi [x_t + \alpha \operatorname{sign} \nabla_x L(x_t, y)], \qquad
        \alpha = 2.5 \, \epsilon / T, \quad L = -\log \frac1S \sum_s p(y \mid x, w_s)

    The projection keeps every pixel within the radius of its own, and between 0 and 1.
    Averaging over draws is the expectation over transformations, here of the weights:
    an attack on a single draw need not carry over to others.

    References:
        Towards Deep Learning Models Resistant to Adversarial Attacks (Madry, Makelov, Schmidt, Tsipras, Vladu, 2018)
        Synthesizing Robust Adversarial Examples (Athalye, Engstrom, Ilyas, Kwok, 2018), the expectation

    Arguments:
        posterior: The posterior of one of the zoo's models of classes.
        data: A data set, whose test part is attacked, or a pair (x, y) whose x are
            pixels.
        radius: The largest change of a pixel, where white is 1.
        num_steps: Number of steps T.
        through: Whose loss it is: "draws" of the posterior, averaged as for a
            prediction; "one" of them; or that of the network at their "mean".
        num_samples: Draws that are attacked, and as many others that judge; a sampler's
            are shared out.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: Values that are no pixels; a radius outside [0, 1]; no step; another
            word for `through`; a posterior without weights or classes.

    Example:
        >>> from zoo import stress
        >>> found = stress.pgd(classifier, digits, radius=0.1, num_steps=3, num_samples=5, progress=False)
        >>> bool(((found.pixels - digits.test.x).abs() <= 0.1 + 1e-6).all())
        True
    """
    if num_steps < 1:
        raise ValueError(
            f"num_steps is a number of gradient steps, at least 1, not {num_steps}"
        )
    return attack(posterior, data, radius, through, num_samples, num_steps, progress)


def attack(
    posterior: Posterior,
    data: Dataset | tuple[Tensor, Tensor],
    radius: float,
    through: str,
    num_samples: int,
    num_steps: int,
    progress: bool,
) -> Attack:
    """Attack images by one full step, or by so many small ones from a random place, and judge by fresh draws."""
    if not 0 <= radius <= 1:
        raise ValueError(
            f"radius is the largest change of a pixel, from 0 to 1, not {radius}; divide bytes by 255"
        )
    test = images(data)
    attacked, fresh = two_sets(posterior, num_samples)
    aim = victim(attacked, through)
    before = evaluated(posterior, fresh, test.standardised(), test.y)
    pixels, y = (
        place_inputs(posterior.model, test.pixels),
        test.y.to(posterior.model.first_parameter.device),
    )
    loss = loss_and_slope(posterior, aim, test.standardised, pixels)
    with bar(max(1, num_steps), "gradients", progress) as shown:
        found = climbed(loss, pixels, y, radius, num_steps, shown.update)
    x = test.standardised(found)
    name = f"{f'PGD-{num_steps}' if num_steps else 'FGSM'} through {THROUGH[through]}"
    return Attack(
        name,
        radius,
        found.cpu(),
        x.cpu(),
        before,
        evaluated(posterior, fresh, x, test.y),
    )


def victim(draws: Draws, through: str) -> Draws:
    """Return the draws that are attacked: all, the first, or their mean."""
    if through not in THROUGH:
        raise ValueError(f"through is 'draws', 'one' or 'mean', not {through!r}")
    if through == "mean":
        return {name: value.mean(0, keepdim=True) for name, value in draws.items()}
    return (
        {name: value[:1] for name, value in draws.items()}
        if through == "one"
        else draws
    )


def climbed(
    loss: Loss,
    pixels: Tensor,
    y: Tensor,
    radius: float,
    num_steps: int,
    done: Callable[[], object],
) -> Tensor:
    """Return where a climb within the radius ends; no small steps are one full one, from the images themselves."""
    low, high = (pixels - radius).clamp_min(0), (pixels + radius).clamp_max(1)
    start = (
        radius * (2 * torch.rand_like(pixels) - 1)
        if num_steps
        else torch.zeros_like(pixels)
    )
    current, size = (
        torch.clamp(pixels + start, low, high),
        2.5 * radius / num_steps if num_steps else radius,
    )
    for _ in range(max(1, num_steps)):
        current = torch.clamp(current + size * loss(current, y)[1].sign(), low, high)
        done()
    return current
