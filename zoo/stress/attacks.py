"""Attacks: small changes of images that increase the loss of a posterior the most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from zoo.datasets import Dataset
from zoo.posterior.posterior import Posterior
from zoo.predictive.inputs import place_inputs
from zoo.reports.table import Cell, Table, Tabled
from zoo.runtime.progress import bar
from zoo.stress.ascent import Ascent
from zoo.stress.draws import THROUGH, Through, attacked_draws, disjoint_draws
from zoo.stress.evaluation import LabelledEvaluation, evaluate_labelled
from zoo.stress.gradients import loss_and_gradient
from zoo.stress.pixels import images

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False, eq=False)
class Attack(Tabled):
    """Attacked images, and what a posterior predicts for them with draws that were not attacked.

    Arguments:
        name: The attack, and which draws it went through.
        radius: The largest change of a pixel.
        pixels: The attacked images, between 0 and 1, (N, ...).
        x: The attacked images in the units of the network, (N, ...).
        before: The evaluation of the images before the attack.
        after: The evaluation of the attacked images.

    Example:
        >>> from zoo import stress
        >>> found = stress.fgsm(classifier, digits, radius=0.1, num_samples=5, progress=False)
        >>> before, after = [row["accuracy"] for row in found.table.to_dicts()]
        >>> before > 0.9 > after
        True
    """

    name: str
    radius: float
    pixels: Tensor
    x: Tensor
    before: LabelledEvaluation
    after: LabelledEvaluation

    @property
    def scores(self) -> Mapping[str, Mapping[str, float]]:
        """Scores by name, for "before" and "after"."""
        return {"before": self.before.scores, "after": self.after.scores}

    @property
    def table(self) -> Table:
        """The scores in two rows, before and after."""
        columns = [self.name]
        before: list[Cell] = ["before"]
        after: list[Cell] = ["after"]
        for name, score in self.before.scores.items():
            columns.append(name)
            before.append(score)
            after.append(self.after.scores[name])

        return Table(tuple(columns), [before, after])

    def strip(self, number: int = 8) -> Figure:
        """Draw the first attacked images with the predicted class and its uncertainty.

        Arguments:
            number: Number of images.
        """
        from zoo import plots

        first = slice(number)
        after = self.after

        return plots.strip(
            self.pixels[first],
            after.predicted[first],
            after.entropy[first],
            after.epistemic[first],
            true=after.y[first].tolist(),
        )


def fgsm(
    posterior: Posterior,
    data: Dataset | tuple[Tensor, Tensor],
    radius: float,
    *,
    through: Through = "draws",
    num_samples: int = 20,
    progress: bool = True,
) -> Attack:
    r"""Move every pixel by the radius in the direction that increases the loss (FGSM).

    This is the fast gradient sign method.

    .. math:: x' = [x + \epsilon \operatorname{sign} \nabla_x L(x, y)]_0^1, \qquad
        L = -\log \frac1S \sum_s p(y \mid x, w_s)

    References:
        Explaining and Harnessing Adversarial Examples (Goodfellow, Shlens, Szegedy, 2015)

    Arguments:
        posterior: The posterior of one of the zoo's models of classes.
        data: A data set, whose test part is attacked, or a pair (x, y) whose x are
            pixels.
        radius: The largest change of a pixel, where white is 1.
        through: Whose loss is increased: that of the "draws" of the posterior, averaged
            as for a prediction; of "one" draw; or of the network at the "mean" of the
            draws.
        num_samples: Number of attacked draws. As many others evaluate the result; a
            sampler's draws are divided among the two.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: Values that are not pixels; a radius outside [0, 1]; another word for
            `through`; a posterior without weights or classes.

    Example:
        >>> from zoo import stress
        >>> found = stress.fgsm(classifier, digits, radius=0.1, num_samples=5, progress=False)
        >>> found.scores["after"]["nll"] > found.scores["before"]["nll"]
        True
    """
    ascent = Ascent("FGSM", radius, num_steps=1, step_size=radius, random_init=False)
    return _attack(posterior, data, ascent, through, num_samples, progress)


def pgd(
    posterior: Posterior,
    data: Dataset | tuple[Tensor, Tensor],
    radius: float,
    *,
    num_steps: int = 10,
    through: Through = "draws",
    num_samples: int = 20,
    progress: bool = True,
) -> Attack:
    r"""Increase the loss by small steps from a random init within the radius (PGD).

    This is projected gradient descent on the negative loss.

    .. math:: x_{t+1} = \Pi [x_t + \alpha \operatorname{sign} \nabla_x L(x_t, y)], \qquad
        \alpha = 2.5 \, \epsilon / T, \quad L = -\log \frac1S \sum_s p(y \mid x, w_s)

    The projection keeps every pixel within the radius of its initial value, and between
    0 and 1. Averaging over draws is the expectation over transformations, here of the
    weights: an attack on a single draw need not work for other draws.

    References:
        Towards Deep Learning Models Resistant to Adversarial Attacks (Madry, Makelov,
        Schmidt, Tsipras, Vladu, 2018)
        Synthesizing Robust Adversarial Examples (Athalye, Engstrom, Ilyas, Kwok, 2018),
        the expectation

    Arguments:
        posterior: The posterior of one of the zoo's models of classes.
        data: A data set, whose test part is attacked, or a pair (x, y) whose x are
            pixels.
        radius: The largest change of a pixel, where white is 1.
        num_steps: Number of steps T.
        through: Whose loss is increased: that of the "draws" of the posterior, averaged
            as for a prediction; of "one" draw; or of the network at the "mean" of the
            draws.
        num_samples: Number of attacked draws. As many others evaluate the result; a
            sampler's draws are divided among the two.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: Values that are not pixels; a radius outside [0, 1]; no step; another
            word for `through`; a posterior without weights or classes.

    Example:
        >>> from zoo import stress
        >>> found = stress.pgd(
        ...     classifier, digits, radius=0.1, num_steps=3, num_samples=5, progress=False
        ... )
        >>> bool(((found.pixels - digits.test.x).abs() <= 0.1 + 1e-6).all())
        True
    """
    if num_steps < 1:
        raise ValueError(
            f"num_steps must be a number of gradient steps, at least 1, not {num_steps}"
        )
    step_size = 2.5 * radius / num_steps
    ascent = Ascent(f"PGD-{num_steps}", radius, num_steps, step_size, random_init=True)

    return _attack(posterior, data, ascent, through, num_samples, progress)


def _attack(
    posterior: Posterior,
    data: Dataset | tuple[Tensor, Tensor],
    ascent: Ascent,
    through: Through,
    num_samples: int,
    progress: bool,
) -> Attack:
    """Attack images through some draws, and evaluate the result with others."""
    if not 0 <= ascent.radius <= 1:
        raise ValueError(
            "radius must be from 0 to 1, the range of a pixel, "
            f"not {ascent.radius}; divide it by 255 if pixels are bytes"
        )

    test = images(data)
    attacked, fresh = disjoint_draws(posterior, num_samples)
    attacked = attacked_draws(attacked, through)

    before = evaluate_labelled(fresh, test.standardised(), test.y)

    pixels = place_inputs(attacked.model, test.pixels)
    y = test.y.to(attacked.model.first_parameter.device)
    loss = loss_and_gradient(attacked, test.standardised, pixels)

    with bar(ascent.num_steps, "gradients", progress) as shown:
        found = ascent.run(loss, pixels, y, on_step=shown.update)

    x = test.standardised(found)
    after = evaluate_labelled(fresh, x, test.y)

    return Attack(
        name=f"{ascent.name} through {THROUGH[through]}",
        radius=ascent.radius,
        pixels=found.cpu(),
        x=x.cpu(),
        before=before,
        after=after,
    )
