"""Variation ratios: acquire the labels whose most probable class is least probable."""

from __future__ import annotations

from torch import Tensor

from zoo.acquisition.scores import check_classes, per_datum
from zoo.predictive.class_probs import class_probs
from zoo.predictive.prediction import Prediction


def variation_ratios(prediction: Prediction) -> Tensor:
    r"""Return the probability that the most probable class is wrong, (N,).

    .. math:: 1 - \max_k p(y = k \mid x, D)

    References:
        Elementary Applied Statistics (Freeman, 1965)
        Deep Bayesian Active Learning with Image Data (Gal, Islam, Ghahramani, 2017)

    Arguments:
        prediction: A prediction of classes; one draw is enough.

    Raises:
        ValueError: A prediction of other targets than classes.

    Example:
        >>> logits = torch.tensor([[[0.9, 0.1], [0.5, 0.5]]]).log()
        >>> variation_ratios(Prediction(likelihoods.Categorical(), logits))
        tensor([0.1000, 0.5000])
    """
    check_classes(prediction, "variation_ratios")
    probs = class_probs(prediction).mean(0)  # (N, ..., O)
    greatest = probs.amax(-1)

    return per_datum(1 - greatest)
