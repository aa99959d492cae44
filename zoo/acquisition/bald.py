"""BALD: acquire the labels about which the draws disagree."""

from __future__ import annotations

from torch import Tensor

from zoo.acquisition.scores import check_classes, per_datum
from zoo.predictive.prediction import Prediction


def bald(prediction: Prediction) -> Tensor:
    r"""Return the mutual information of label and parameters at each input, (N,), in nats.

    .. math:: I[y, w \mid x] = H[\tfrac1S \sum_s p(y \mid x, w_s)] -
        \tfrac1S \sum_s H[p(y \mid x, w_s)]

    It is what a label is expected to tell about the parameters: `prediction.epistemic`. An
    input whose label is noise under every draw has entropy and no mutual information.

    References:
        Bayesian Active Learning for Classification and Preference Learning (Houlsby, Huszár,
        Ghahramani, Lengyel, 2011)
        Deep Bayesian Active Learning with Image Data (Gal, Islam, Ghahramani, 2017)

    Arguments:
        prediction: A prediction of classes with several draws. One draw agrees with
            itself: all scores are 0.

    Raises:
        ValueError: A prediction of other targets than classes.

    Example:
        >>> logits = torch.tensor([[[9.0, -9.0], [0.0, 0.0]], [[-9.0, 9.0], [0.0, 0.0]]])
        >>> bald(Prediction(likelihoods.Categorical(), logits))  # they differ; both are unsure
        tensor([0.6931, 0.0000])
    """
    check_classes(prediction, "bald")

    return per_datum(prediction.epistemic)
