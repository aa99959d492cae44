"""A harder test set: the images about which a posterior is uncertain are drawn more often."""

from __future__ import annotations

import dataclasses

import torch

from zoo.datasets import Dataset, Split
from zoo.posterior.posterior import Posterior
from zoo.stress.draws import sample_draws
from zoo.stress.evaluation import evaluate


def harder(
    data: Dataset,
    posterior: Posterior,
    size: int,
    severity: float = 3.0,
    num_samples: int = 100,
) -> Dataset:
    r"""Draw a harder test set from the test images, more often those of high entropy.

    .. math:: P(n) \propto e^{\text{severity} \cdot H_n}, \qquad H_n = H[\bar p(y \mid x_n)]

    Images are drawn without replacement, so no image counts twice.

    The difficulty of an image is the entropy of the posterior's prediction; the label is
    not used. So the distribution of the label given the image does not change, and the
    true model is as calibrated on the new set as on the first. If images were drawn by
    the loss instead, wrong labels and unlikely labels would be selected, and even the
    true model would seem overconfident.

    The posterior is not one of those to be tested: it is of another network, or at least
    of another seed. Its own errors are where it is uncertain, so its own score would
    fall because of the selection alone. Use scores on the new set to compare posteriors;
    they are no estimates about the distribution of the data.

    References:
        Do ImageNet Classifiers Generalize to ImageNet? (Recht, Roelofs, Schmidt, Shankar,
        2019), how drawing makes a test set harder
        Improving predictive inference under covariate shift by weighting the
        log-likelihood function (Shimodaira, 2000)

    Arguments:
        data: The data set; its training part and units do not change.
        posterior: The posterior of one of the zoo's models of the same classes, not one
            that is to be tested.
        size: Number of test images to draw.
        severity: How much the log probability of an image grows per nat of entropy; 0
            draws uniformly.
        num_samples: Number of draws of the posterior.

    Raises:
        ValueError: No image, or more images than there are; a negative severity.

    Example:
        >>> from zoo import stress
        >>> stress.harder(digits, classifier, size=100, num_samples=5)
        Dataset('digits, harder', train=1437, test=100, inputs=1x8x8, classes=10)
    """
    x, y = data.test
    if not 1 <= size <= len(y):
        raise ValueError(
            f"size must be from 1 to {len(y)}, the number of test images, not {size}"
        )
    if not 0 <= severity < float("inf"):
        raise ValueError(
            f"severity must be a finite number, 0 or more, not {severity}; "
            "write 0 to draw uniformly"
        )

    draws = sample_draws(posterior, num_samples)
    entropy = evaluate(draws, x).entropy.double()

    # The largest of log probabilities plus Gumbel noise are a sample without replacement.
    exponential = torch.empty(len(y), dtype=torch.float64)
    exponential.exponential_()
    keys = severity * entropy - exponential.log()
    by_key = keys.argsort(descending=True)
    rows = by_key[:size].sort().values

    test = Split(x[rows], y[rows])
    name = f"{data.name}, harder"

    return dataclasses.replace(data, name=name, test=test)
