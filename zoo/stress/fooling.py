"""Fooling: patterns that mean nothing, and of which a network is sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.datasets import Dataset
from zoo.posterior.posterior import Posterior
from zoo.predictive.inputs import place_inputs
from zoo.reports.table import Table, Tabled
from zoo.runtime.progress import bar
from zoo.stress.attacks import THROUGH, victim
from zoo.stress.evaluation import Evaluation, evaluated, two_sets
from zoo.stress.gradients import loss_and_slope
from zoo.stress.pixels import images

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEP = 0.02  # of a pixel, where white is 1


@dataclass(frozen=True, repr=False, eq=False)
class Fooling(Tabled):
    """Patterns, how sure of them the fooled network is, and what fresh draws of the posterior say.

    Arguments:
        through: Who was fooled: the draws together, one of them, or the mean network.
        classes: The class that each pattern is to be taken for, (K,).
        patterns: Pixels between 0 and 1, (K, ...).
        confidence: The probability that the fooled gives to the class, (K,).
        evaluation: What the posterior says, by draws that took no part.
    """

    through: str
    classes: Tensor
    patterns: Tensor
    confidence: Tensor
    evaluation: Evaluation

    @property
    def table(self) -> Table:
        """A row for each pattern."""
        own = self.evaluation
        shared = own.probs.gather(1, self.classes[:, None]).squeeze(1)
        columns = (
            self.classes,
            self.confidence,
            shared,
            own.predicted,
            own.entropy,
            own.epistemic,
        )
        names = (
            "class",
            self.through,
            "posterior",
            "predicted",
            "entropy",
            "epistemic",
        )
        return Table(
            names, list(zip(*(column.tolist() for column in columns), strict=True))
        )

    def strip(self) -> Figure:
        """Draw the patterns with what the posterior predicts, and how surely."""
        from zoo import plots

        own, titles = (
            self.evaluation,
            [f"a {number}, {100 * sure:.1f} %" for number, sure in self._titles()],
        )
        return plots.strip(
            self.patterns, own.predicted, own.entropy, own.epistemic, titles=titles
        )

    def _titles(self) -> zip:
        return zip(self.classes.tolist(), self.confidence.tolist(), strict=True)


def fooling(
    posterior: Posterior,
    data: Dataset | tuple[Tensor, Tensor],
    classes: Sequence[int] | None = None,
    confidence: float = 0.996,
    through: str = "draws",
    num_steps: int = 300,
    num_samples: int = 20,
    progress: bool = True,
) -> Fooling:
    r"""Climb from noise until a network is sure that it sees a class.

    .. math:: x_{t+1} = [x_t + \alpha \operatorname{sign} \nabla_x \log p(c \mid x_t)]_0^1, \qquad x_0 \sim U(0, 1)

    A pattern is left alone as soon as the class has the confidence that is asked for.
    One that the steps do not get there keeps what it has reached: the table says so.

    References:
        Deep Neural Networks are Easily Fooled: High Confidence Predictions for Unrecognizable Images (Nguyen, Yosinski,
        Clune, 2015), 99.6 %

    Arguments:
        posterior: The posterior of one of the zoo's models of classes.
        data: A data set, or a pair (x, y) of pixels and labels: the shape and the units
            of the images, no more.
        classes: Classes that patterns are to be taken for, one pattern each; every
            class by default.
        confidence: The probability at which a pattern is left alone.
        through: Who is fooled: "draws" of the posterior, averaged as for a prediction;
            "one" of them; or the network at their "mean".
        num_steps: Most steps, each of 0.02 for every pixel.
        num_samples: Draws that are fooled, and as many others that judge; a sampler's
            are shared out.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: A class that there is not; a confidence that is none; no step;
            another word for `through`.

    Example:
        >>> from zoo import stress
        >>> found = stress.fooling(classifier, digits, classes=[3], through="one", num_samples=5, progress=False)
        >>> found.patterns.shape, bool(found.confidence[0] >= 0.996)
        (torch.Size([1, 1, 8, 8]), True)
    """
    if not 0 < confidence < 1:
        raise ValueError(
            f"confidence is a probability between 0 and 1, not {confidence}"
        )
    if num_steps < 1:
        raise ValueError(
            f"num_steps is a number of gradient steps, at least 1, not {num_steps}"
        )
    test = images(data)
    attacked, fresh = two_sets(posterior, num_samples)
    aim = victim(attacked, through)
    goal = targets(
        evaluated(posterior, fresh, test.standardised(test.pixels[:1])).probs.shape[-1],
        classes,
    )
    noise = torch.rand(len(goal), *test.pixels.shape[1:])
    current, y = (
        place_inputs(posterior.model, noise),
        goal.to(posterior.model.first_parameter.device),
    )
    loss = loss_and_slope(posterior, aim, test.standardised, current)
    with bar(num_steps, "steps", progress) as shown:
        for step in range(num_steps + 1):
            value, slope = loss(current, y)
            going = (-value).exp() < confidence
            if step == num_steps or not bool(going.any()):
                break
            move = STEP * slope.sign() * going.reshape(-1, *[1] * (current.dim() - 1))
            current = (current - move).clamp(0, 1)
            shown.update()
    evaluation = evaluated(posterior, fresh, test.standardised(current))
    return Fooling(
        THROUGH[through], goal, current.cpu(), (-value).exp().cpu(), evaluation
    )


def targets(number: int, classes: Sequence[int] | None) -> Tensor:
    """Return the classes to be taken for, if these are there and there are two at least."""
    if number < 2:
        raise ValueError(
            "patterns are to be taken for one of several classes; use likelihoods.Categorical()"
        )
    found = (
        torch.arange(number)
        if classes is None
        else torch.as_tensor(classes, dtype=torch.long)
    )
    if (
        found.dim() != 1
        or not len(found)
        or bool(((found < 0) | (found >= number)).any())
    ):
        raise ValueError(
            f"classes are indices from 0 to {number - 1}, one at least, not {classes}"
        )
    return found
