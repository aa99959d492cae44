"""Categorical likelihood: the network gives logits of O classes."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence

import pyro.distributions as dist
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.likelihoods.class_weighted import (
    ClassWeighted,
    check_number,
    checked_class_weight,
    in_words,
)
from zoo.likelihoods.labels import check_labels, describe_labels, refuse_other_shape
from zoo.likelihoods.likelihood import Likelihood
from zoo.likelihoods.observed import Observed
from zoo.runtime.caller import stack_level


class Categorical(Likelihood):
    r"""Classification: one of O classes, from the O logits that the network returns.

    .. math:: p(y = c | f) = e^{f_c} / \textstyle\sum_o e^{f_o}

    Labels have the shape of the outputs without the dimension of the classes: (N,) for
    outputs (N, O), (N, T) for sequences (N, T, O), (N, H, W) for images (N, O, H, W). In
    a prediction the classes are always last: `probs` is (N, H, W, O).

    With `class_weight` a fit multiplies the log density of a label by the weight of its
    class, as torch's `cross_entropy(..., reduction="sum")` does. The posterior is a
    generalised one, of powers of densities: `bound` is False, as at a temperature other
    than 1. Predictions, `log_prob` and `posterior.bound(data)` are of the density itself. A
    weight for each datum is another thing, `fit(data, weights=...)`; both multiply.

    References:
        Probabilistic interpretation of feedforward classification network outputs (Bridle, 1990)
        A General Framework for Updating Belief Distributions (Bissiri, Holmes, Walker, 2016)

    Arguments:
        dim: Dimension of the classes in the output (N, ...): 1 as in torch's
            `cross_entropy`, -1 for the last. By default a fit finds it from the shapes of
            outputs and labels, and asks if both would fit; without labels it is the last.
        ignore_index: Label of the targets that are left out, -100 as in torch; None if
            every target has a class.
        class_weight: Weight of each class in a fit, (O,), such as those of
            `median_frequency`; 1 by default.

    Raises:
        ValueError: The dimension of the data, or labels that fit two dimensions; weights
            of classes that are negative, or of another number.

    Example:
        >>> Categorical().distribution(torch.zeros(8, 10), {}).probs[0, 0]
        tensor(0.1000)
    """

    target = "class indices"
    discrete = True
    class_weight: Tensor | None = None

    def __init__(
        self,
        dim: int | None = None,
        ignore_index: int | None = -100,
        class_weight: Tensor | Sequence[float] | None = None,
    ) -> None:
        if dim == 0:
            raise ValueError(
                "dim=0 is the dimension of the data; write dim=1 as in torch, or dim=-1"
            )
        self.dim = dim
        self.ignore_index = ignore_index
        if class_weight is not None:  # else as in files that were written before
            self.class_weight = checked_class_weight(class_weight)
            self.is_weighted = True
            self.bound = False

    def distribution(
        self, output: Tensor, noise: Mapping[str, Tensor]
    ) -> dist.Categorical:
        """Return Categorical(logits=output); the classes are last, as `arranged` puts them."""
        return dist.Categorical(logits=output)

    def as_fitted(self, distribution: TorchDistributionMixin) -> TorchDistributionMixin:
        """Return the distribution whose log density a fit sums, with the weights of classes."""
        if self.class_weight is None:
            return distribution

        logits = distribution.logits
        return ClassWeighted(logits, self.class_weight.to(logits))

    def arranged(self, output: Tensor, batch_dim: int = 0) -> Tensor:
        """Return the output with the classes last, (*, N, ..., O)."""
        rank = output.dim() - batch_dim  # of (N, ...)
        if self.dim is None:
            if rank > 2 and batch_dim > 0:
                _warn_of_last(self, tuple(output.shape[batch_dim:]))
            return output

        dim = self.dim if self.dim > 0 else rank + self.dim
        if not 0 < dim < rank:
            raise ValueError(
                f"outputs of shape {tuple(output.shape[batch_dim:])} have no classes in dimension "
                f"{self.dim}; write Categorical(dim=...) with one between 1 and {rank - 1}"
            )

        return output.movedim(batch_dim + dim, -1)

    def for_data(self, output: Tensor, y: Tensor | Observed) -> Categorical:
        """Return the likelihood with the dimension of the classes that the labels leave."""
        labels = Observed.of(y).y
        if self.dim is not None or labels is None or output.dim() <= 2:
            return self

        shape = tuple(output.shape)
        is_last = labels.shape == shape[:-1]
        is_first = tuple(labels.shape) == (shape[0], *shape[2:])
        if is_last and is_first:
            raise ValueError(
                f"outputs of shape {shape} and labels of shape {tuple(labels.shape)} fit with the "
                "classes in dimension 1, as in torch, and in the last one; write "
                "Categorical(dim=1) or Categorical(dim=-1)"
            )
        if not (is_last or is_first):
            return self

        found = copy.copy(self)
        found.dim = 1 if is_first else -1

        return found

    def encode(self, y: Tensor, like: Tensor) -> Tensor:
        """Return class indices as int64."""
        return y.long()

    def is_observed(self, y: Tensor) -> Tensor | None:
        """Return which labels are not those to ignore, (N, ...)."""
        if self.ignore_index is None:
            return None

        return y.long() != self.ignore_index

    def check(self, output: Tensor, y: Tensor | Observed) -> None:
        """Refuse labels that are not class indices."""
        decided = self.for_data(output, y)
        arranged = decided.arranged(output)
        check_number(self.class_weight, arranged.shape[-1])
        labels = Observed.of(y).y
        if labels is not None:
            check_labels(labels, output, arranged)
            if decided.dim is None and output.dim() > 2:
                refuse_other_shape(labels, output)

        super(Categorical, decided).check(output, y)

    def _describe_target(self, distribution: dist.Categorical, y: Tensor) -> str:
        """Return which indices there are, and how usual labels become one."""
        return describe_labels(y, distribution.logits.shape[-1])

    def __repr__(self) -> str:
        words = []
        if self.dim not in (None, -1):
            words.append(f"dim={self.dim}")
        if self.ignore_index != -100:
            words.append(f"ignore_index={self.ignore_index}")
        if self.class_weight is not None:
            words.append(f"class_weight={in_words(self.class_weight)}")

        return f"Categorical({', '.join(words)})"


def _warn_of_last(likelihood: Categorical, shape: tuple[int, ...]) -> None:
    """Say that the last dimension is taken for the classes where no labels decide it."""
    warnings.warn(
        f"{likelihood!r} takes the last dimension of outputs of shape {shape} for the classes; "
        "write Categorical(dim=-1) if it is, or Categorical(dim=1) for the order of torch",
        stacklevel=stack_level(),
    )
