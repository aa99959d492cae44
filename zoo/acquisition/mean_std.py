"""Mean standard deviation: acquire the labels whose probabilities differ between draws."""

from __future__ import annotations

from torch import Tensor

from zoo.acquisition.scores import check_classes, per_datum
from zoo.predictive.class_probs import class_probs
from zoo.predictive.prediction import Prediction


def mean_std(prediction: Prediction) -> Tensor:
    r"""Return the standard deviation between draws, averaged over classes, at each input, (N,).

    .. math:: \frac1O \sum_k \sqrt{\tfrac1S \sum_s p_{sk}^2 - (\tfrac1S \sum_s p_{sk})^2}

    References:
        Deep Bayesian Active Learning with Image Data (Gal, Islam, Ghahramani, 2017)

    Arguments:
        prediction: A prediction of classes with several draws. One draw agrees with
            itself: all scores are 0.

    Raises:
        ValueError: A prediction of other targets than classes.

    Example:
        >>> probs = torch.tensor([[[0.9, 0.1], [0.5, 0.5]], [[0.1, 0.9], [0.5, 0.5]]])
        >>> mean_std(Prediction(likelihoods.Categorical(), probs.log()))
        tensor([0.4000, 0.0000])
    """
    check_classes(prediction, "mean_std")
    spread = class_probs(prediction).std(0, correction=0)  # (N, ..., O)
    average = spread.mean(-1)

    return per_datum(average)
