"""Categorical likelihood of data whose classes have other frequencies than in predictions."""

from __future__ import annotations

from collections.abc import Sequence

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.likelihoods.categorical import Categorical
from zoo.likelihoods.observed import Observed

_MOST_SHOWN = 10  # classes whose frequencies are in a repr


class LogitAdjusted(Categorical):
    r"""Classification of data with classes of unequal size, for inputs with equal ones.

    .. math:: p(y = c | f, \text{data}) = \frac{\pi_c e^{f_c}}{\sum_o \pi_o e^{f_o}}, \qquad
        p(y = c | f, \text{new}) = \frac{e^{f_c}}{\sum_o e^{f_o}}

    A fit observes labels with the frequencies of its data; predictions are for classes
    that are equally frequent. This is Bayes' rule: f_c is the log density of an input
    under class c, up to a constant. So the posterior is that of the data, and a bound is
    one. `zoo.reweighted` has predictions for any other frequencies.

    Laplace refuses this likelihood: fit `Categorical`, and reweight its predictions.

    References:
        Long-tail learning via logit adjustment (Menon, Jayasumana, Rawat, Jain, Veit,
        Kumar, 2021)
        Balanced Meta-Softmax for Long-Tailed Visual Recognition (Ren, Yu, Sheng, Ma, Zhao, Yi,
        Li, 2020)

    Arguments:
        class_prior: Frequencies pi of the classes in the data, (O,): probabilities or
            counts, such as `y.bincount()`.
        dim: Dimension of the classes in the output, as for `Categorical`.
        ignore_index: Label of the targets that are left out, -100 as in torch; None if
            every target has a class.

    Raises:
        ValueError: Frequencies that are not positive and finite, or not one for each
            output.

    Example:
        >>> likelihood = LogitAdjusted(torch.tensor([90, 10]))
        >>> predicted = likelihood.distribution(torch.zeros(1, 2), {})
        >>> predicted.probs, likelihood.as_fitted(predicted).probs
        (tensor([[0.5000, 0.5000]]), tensor([[0.9000, 0.1000]]))
    """

    def __init__(
        self,
        class_prior: Tensor | Sequence[float],
        dim: int | None = None,
        ignore_index: int | None = -100,
    ) -> None:
        super().__init__(dim, ignore_index)
        values = torch.as_tensor(class_prior).detach().double().cpu()
        is_positive = bool(((values > 0) & values.isfinite()).all())
        if values.dim() != 1 or len(values) < 2 or not is_positive:
            raise ValueError(
                "class_prior must have one positive frequency for each class, (O,), not "
                f"{values.tolist()}; write y.bincount(minlength=num_classes), and give the data "
                "one datum of each class or more"
            )

        self.class_prior = values / values.sum()

    def as_fitted(self, distribution: TorchDistributionMixin) -> dist.Categorical:
        """Return the distribution of labels with the frequencies of the data."""
        logits = distribution.logits
        offset = self.class_prior.log().to(logits)

        return dist.Categorical(logits=logits + offset)

    def check(self, output: Tensor, y: Tensor | Observed) -> None:
        """Refuse labels that are not class indices, and another number of classes."""
        number = self.for_data(output, y).arranged(output).shape[-1]
        if number != len(self.class_prior):
            raise ValueError(
                f"class_prior has {len(self.class_prior)} classes, but the network has {number} "
                f"outputs; write y.bincount(minlength={number})"
            )

        super().check(output, y)

    def __repr__(self) -> str:
        shown = [f"{value:.3g}" for value in self.class_prior[:_MOST_SHOWN].tolist()]
        more = ", ..." if len(self.class_prior) > _MOST_SHOWN else ""

        return f"LogitAdjusted([{', '.join(shown)}{more}])"
