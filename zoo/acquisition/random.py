"""Random acquisition: what every other acquisition function is compared with."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.predictive.prediction import Prediction


def random(prediction: Prediction) -> Tensor:
    r"""Return a random score for each input, (N,).

    .. math:: a(x) \sim U(0, 1)

    References:
        Deep Bayesian Active Learning with Image Data (Gal, Islam, Ghahramani, 2017)

    Arguments:
        prediction: A prediction of any targets; only its inputs are counted.

    Example:
        >>> random(Prediction(likelihoods.Categorical(), torch.zeros(1, 5, 10))).shape
        torch.Size([5])
    """
    return torch.rand(len(prediction), device=prediction.outputs.device)
