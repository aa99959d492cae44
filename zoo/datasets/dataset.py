"""A data set: a training and a test part, and the way back to original units."""

from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

from torch import Tensor

from zoo.datasets.units import Units


class Split(NamedTuple):
    """Inputs and targets of one part of a data set, unpacked as `x, y = data.test`.

    Arguments:
        x: Inputs, (N, D) for tables and (N, channels, height, width) for images.
        y: Targets, (N, O) for regression; class indices (N,), int64, for
            classification.
    """

    x: Tensor
    y: Tensor


@dataclass(frozen=True, repr=False, eq=False)
class Dataset:
    r"""A training part, a test part, and the units of both.

    .. math:: y_\text{original} = \text{loc} + \text{scale} \cdot y

    It holds tensors, not files or a loader; minibatches are the business of `fit`.

    References:
        Probabilistic Backpropagation for Scalable Learning of Bayesian Neural Networks
        (Hernández-Lobato and Adams, 2015), the protocol of standardised regression targets

    Arguments:
        name: What the data set is called in tables and figures.
        train: Inputs and targets to learn from.
        test: Inputs and targets to judge by.
        x_units: loc and scale of the inputs, (D,) each, (C, 1, 1) for images; None
            where they are as they came.
        y_units: loc and scale of the targets, each (O,); None for classification.
        validation: A part of the training data kept aside to choose by; None where
            nothing is.

    Example:
        >>> from zoo import datasets
        >>> data = datasets.uci("yacht")
        >>> x, y = data.test
        >>> data.in_original_units(y).shape
        torch.Size([31, 1])
    """

    name: str
    train: Split
    test: Split
    x_units: Units | None = None
    y_units: Units | None = None
    validation: Split | None = None

    def in_original_units(self, prediction: Any) -> Any:
        """Map a prediction for standardised targets to the units in which y was measured.

        Arguments:
            prediction: A tensor of predictive means, (N, O) or (S, N, O), or any object
                with a method `affine(loc, scale)`, such as the library's predictions,
                whose interval, standard deviation and log density are mapped as well. A
                tensor of standard deviations is not a mean: multiply it by
                `y_units.scale` alone.

        Raises:
            ValueError: The targets are class indices, or the last dimension is not
                (O,).
            TypeError: The argument is neither a tensor nor an object with `affine`.
        """
        if self.y_units is None:
            raise ValueError(
                f"data set {self.name!r} has class indices as targets, which have no units; "
                "use the predicted probabilities as they are."
            )
        if isinstance(prediction, Tensor):
            num_outputs = len(self.y_units.loc)
            if prediction.ndim < 2 or prediction.shape[-1] != num_outputs:
                raise ValueError(
                    f"prediction has shape {tuple(prediction.shape)}, but the targets of "
                    f"{self.name!r} have {num_outputs} column(s); pass means of shape "
                    f"(N, {num_outputs}) or (S, N, {num_outputs})."
                )
            return self.y_units.restore(prediction)
        if not callable(getattr(prediction, "affine", None)):
            raise TypeError(
                f"prediction is a {type(prediction).__name__}, which has no method `affine`; pass "
                "what `posterior.predict(x)` returns, or a tensor of means."
            )
        return prediction.affine(self.y_units.loc, self.y_units.scale)

    def __repr__(self) -> str:
        facts = ", ".join(f"{key}={value}" for key, value in self._facts().items())
        return f"{type(self).__name__}({self.name!r}, {facts})"

    def _repr_html_(self) -> str:
        cells = {"data set": self.name, **self._facts()}
        row = "<tr><th>{}</th><td>{}</td></tr>"
        rows = "".join(
            row.format(escape(key), escape(value)) for key, value in cells.items()
        )
        return f"<table>{rows}</table>"

    def _facts(self) -> dict[str, str]:
        """Sizes, the shape of one input and what the targets are."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        facts = {
            role: str(len(part.x)) for role, part in parts.items() if part is not None
        }
        facts["inputs"] = "x".join(map(str, self.train.x.shape[1:]))
        if self.y_units is None:
            facts["classes"] = str(int(self.train.y.max()) + 1)
        else:
            facts["outputs"] = str(self.train.y.shape[-1])
            moved = bool(
                (self.y_units.loc != 0).any() or (self.y_units.scale != 1).any()
            )
            facts["targets"] = "standardised" if moved else "in original units"
        return facts


def regression(name: str, train: Split, test: Split, *, standardise: bool) -> Dataset:
    """Build a regression data set in float32 from parts in original units, best in float64.

    Arguments:
        name: What the data set is called.
        train: Inputs (N, D) and targets (N, O), from which loc and scale are read.
        test: Inputs and targets that are mapped by the training part's loc and scale.
        standardise: Whether to map at all; otherwise the units are loc 0 and scale 1.
    """
    choose = Units.fit if standardise else Units.identity
    x_units, y_units = choose(train.x), choose(train.y)

    def convert(part: Split) -> Split:
        return Split(
            x_units.standardise(part.x).float(), y_units.standardise(part.y).float()
        )

    x_units32 = Units(x_units.loc.float(), x_units.scale.float())
    y_units32 = Units(y_units.loc.float(), y_units.scale.float())
    return Dataset(name, convert(train), convert(test), x_units32, y_units32)
