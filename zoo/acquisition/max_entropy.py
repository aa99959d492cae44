"""Maximum entropy: acquire the labels that are predicted least surely."""

from __future__ import annotations

from torch import Tensor

from zoo.acquisition.scores import check_classes, per_datum
from zoo.predictive.prediction import Prediction


def max_entropy(prediction: Prediction) -> Tensor:
    r"""Return the entropy of the averaged class probabilities at each input, (N,), in nats.

    .. math:: H[y \mid x, D] = -\sum_k \bar p_k \log \bar p_k

    References:
        A Mathematical Theory of Communication (Shannon, 1948)
        Deep Bayesian Active Learning with Image Data (Gal, Islam, Ghahramani, 2017)

    Arguments:
        prediction: A prediction of classes; one draw is enough.

    Raises:
        ValueError: A prediction of other targets than classes.

    Example:
        >>> logits = torch.tensor([[[9.0, -9.0], [0.0, 0.0]], [[-9.0, 9.0], [0.0, 0.0]]])
        >>> max_entropy(Prediction(likelihoods.Categorical(), logits))
        tensor([0.6931, 0.6931])
    """
    check_classes(prediction, "max_entropy")

    return per_datum(prediction.entropy)
