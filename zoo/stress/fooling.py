"""Fooling: meaningless patterns that a network classifies with high confidence."""

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
from zoo.stress.ascent import ascend_to_confidence
from zoo.stress.draws import THROUGH, Through, attacked_draws, disjoint_draws
from zoo.stress.evaluation import Evaluation, evaluate
from zoo.stress.gradients import loss_and_gradient
from zoo.stress.pixels import images

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False, eq=False)
class Fooling(Tabled):
    """Patterns, the confidence of the fooled network, and the evaluation by fresh draws.

    Arguments:
        through: What was fooled: the draws together, one of them, or the mean network.
        classes: The target class of each pattern, (K,).
        patterns: Pixels between 0 and 1, (K, ...).
        confidence: The probability that the fooled network gives to the target class,
            (K,).
        evaluation: What the posterior predicts for the patterns, with draws that were
            not attacked.

    Example:
        >>> from zoo import stress
        >>> found = stress.fooling(classifier, digits, classes=[3], num_steps=3, num_samples=5,
        ...                        progress=False)
        >>> found.table.to_dicts()[0]["class"], found.patterns.shape
        (3, torch.Size([1, 1, 8, 8]))
    """

    through: str
    classes: Tensor
    patterns: Tensor
    confidence: Tensor
    evaluation: Evaluation

    @property
    def table(self) -> Table:
        """A row for each pattern: its class, both confidences, and the evaluation."""
        evaluation = self.evaluation
        target = self.classes[:, None]
        target_probs = evaluation.probs.gather(1, target)

        columns = {
            "class": self.classes,
            self.through: self.confidence,
            "posterior": target_probs.squeeze(1),
            "predicted": evaluation.predicted,
            "entropy": evaluation.entropy,
            "epistemic": evaluation.epistemic,
        }
        cells = [column.tolist() for column in columns.values()]
        rows = list(zip(*cells, strict=True))

        return Table(tuple(columns), rows)

    def strip(self) -> Figure:
        """Draw the patterns with the class that the posterior predicts and its uncertainty."""
        from zoo import plots

        titles = []
        for target, confidence in zip(self.classes, self.confidence, strict=True):
            percent = 100 * float(confidence)
            titles.append(f"a {int(target)}, {percent:.1f} %")

        return plots.strip(
            self.patterns,
            self.evaluation.predicted,
            self.evaluation.entropy,
            self.evaluation.epistemic,
            titles=titles,
        )


def fooling(
    posterior: Posterior,
    data: Dataset | tuple[Tensor, Tensor],
    classes: Sequence[int] | None = None,
    *,
    confidence: float = 0.996,
    through: Through = "draws",
    num_steps: int = 300,
    num_samples: int = 20,
    progress: bool = True,
) -> Fooling:
    r"""Change noise by gradient ascent until a network assigns it to a class with confidence.

    .. math:: x_{t+1} = [x_t + \alpha \operatorname{sign} \nabla_x \log p(c \mid x_t)]_0^1,
        \qquad x_0 \sim U(0, 1)

    A pattern stays as it is as soon as its class has the given confidence. A pattern
    that does not get there within the steps is returned all the same; its confidence is
    in the table.

    References:
        Deep Neural Networks are Easily Fooled: High Confidence Predictions for
        Unrecognizable Images (Nguyen, Yosinski, Clune, 2015), 99.6 %

    Arguments:
        posterior: The posterior of one of the zoo's models of classes.
        data: A data set, or a pair (x, y) of pixels and labels; only the shape and the
            units of the images are used.
        classes: Target classes, one pattern each; every class by default.
        confidence: The probability at which the ascent of a pattern ends.
        through: What is fooled: the "draws" of the posterior, averaged as for a
            prediction; "one" draw; or the network at the "mean" of the draws.
        num_steps: Largest number of steps, each of 0.02 for every pixel.
        num_samples: Number of attacked draws. As many others evaluate the patterns; a
            sampler's draws are divided among the two.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: A class that does not exist; a confidence outside (0, 1); no step;
            another word for `through`.

    Example:
        >>> from zoo import stress
        >>> found = stress.fooling(
        ...     classifier, digits, classes=[3], through="one", num_samples=5, progress=False
        ... )
        >>> found.patterns.shape, bool(found.confidence[0] >= 0.996)
        (torch.Size([1, 1, 8, 8]), True)
    """
    if not 0 < confidence < 1:
        raise ValueError(
            f"confidence must be a probability between 0 and 1, not {confidence}"
        )
    if num_steps < 1:
        raise ValueError(
            f"num_steps must be a number of gradient steps, at least 1, not {num_steps}"
        )

    test = images(data)
    attacked, fresh = disjoint_draws(posterior, num_samples)
    attacked = attacked_draws(attacked, through)

    first_image = test.standardised(test.pixels[:1])
    probs = evaluate(fresh, first_image).probs  # (1, O)
    targets = _target_classes(probs.shape[-1], classes)

    noise = torch.rand(len(targets), *test.pixels.shape[1:])
    init = place_inputs(attacked.model, noise)
    y = targets.to(attacked.model.first_parameter.device)
    loss = loss_and_gradient(attacked, test.standardised, init)

    patterns, reached = ascend_to_confidence(
        loss, init, y, confidence, num_steps, progress
    )

    return Fooling(
        through=THROUGH[through],
        classes=targets,
        patterns=patterns.cpu(),
        confidence=reached.cpu(),
        evaluation=evaluate(fresh, test.standardised(patterns)),
    )


def _target_classes(number: int, classes: Sequence[int] | None) -> Tensor:
    """Return the target classes, (K,), all of a number of classes by default.

    Raises:
        ValueError: Fewer than two classes; no target; a target that is no class.
    """
    if number < 2:
        raise ValueError(
            f"fooling needs two classes or more, not {number}; "
            "use likelihoods.Categorical()"
        )
    if classes is None:
        return torch.arange(number)

    targets = torch.as_tensor(classes, dtype=torch.long)
    is_list = targets.dim() == 1 and len(targets) > 0
    is_outside = (targets < 0) | (targets >= number)
    if not is_list or bool(is_outside.any()):
        raise ValueError(
            f"classes must be one or more indices from 0 to {number - 1}, not {classes}"
        )

    return targets
