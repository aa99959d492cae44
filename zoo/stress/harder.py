"""A harder test set: images that a judge is in doubt about, drawn from those of the first."""

from __future__ import annotations

import dataclasses

import torch

from zoo.datasets import Dataset, Split
from zoo.posterior.posterior import Posterior
from zoo.stress.evaluation import evaluated, sampled


def harder(
    data: Dataset,
    judge: Posterior,
    size: int,
    severity: float = 3.0,
    num_samples: int = 100,
) -> Dataset:
    r"""Draw a test set that is harder than the first, from its images: those in doubt are drawn more often.

    .. math:: P(n) \propto e^{\text{severity} \cdot H_n}, \qquad H_n = H[\bar p_\text{judge}(y \mid x_n)]

    Drawn without putting back, so that no image counts twice.

    Difficulty is what a judge is in doubt about, and the label has no part in it. So
    the law of the label given the image is what it was, and the truth itself would be
    as calibrated on the new set as on the first. Drawn by the judge's loss, wrong
    labels and bad luck would be picked, and even the truth would look too sure of
    itself. The judge is another posterior than the ones to be tested, of another
    network or at least from another seed: what it doubts is where it errs itself, and
    its own score would fall for no other reason. Scores on the new set are to compare
    posteriors by; none of them is an estimate about the data.

    References:
        Do ImageNet Classifiers Generalize to ImageNet? (Recht, Roelofs, Schmidt, Shankar, 2019), how drawing makes a
        test set harder
        Improving predictive inference under covariate shift by weighting the log-likelihood function (Shimodaira, 2000)

    Arguments:
        data: The data set; training part and units stay.
        judge: The posterior of one of the zoo's models of the same classes, not the one
            to be tested.
        size: How many of the test images are drawn.
        severity: How much harder, per nat of doubt; 0 draws at random.
        num_samples: Draws of the judge.

    Raises:
        ValueError: More images than there are, or none; a negative severity.

    Example:
        >>> from zoo import stress
        >>> stress.harder(digits, classifier, size=100, num_samples=5)
        Dataset('digits, harder', train=1437, test=100, inputs=1x8x8, classes=10)
    """
    x, y = data.test
    if not 1 <= size <= len(y):
        raise ValueError(
            f"size is a number of the {len(y)} test images, at least 1, not {size}"
        )
    if not 0 <= severity < float("inf"):
        raise ValueError(
            f"severity is a finite number, 0 or more, not {severity}; 0 draws at random"
        )
    doubt = evaluated(judge, sampled(judge, num_samples), x).entropy
    keys = (
        severity * doubt.double()
        - torch.empty(len(y), dtype=torch.float64).exponential_().log()
    )
    rows = (
        keys.argsort(descending=True)[:size].sort().values
    )  # Gumbel's trick: drawn one by one without putting back
    return dataclasses.replace(
        data, name=f"{data.name}, harder", test=Split(x[rows], y[rows])
    )
