"""A data set: a training part, a test part, and the units of both."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple, Protocol, Self, TypeVar, overload

from torch import Tensor

from zoo.datasets.tables import by_names, columns
from zoo.datasets.units import Units

ARTIFICIAL = "artificial, no licence needed"  # the licence of toys


class Split(NamedTuple):
    """Inputs and targets of one part of a data set, unpacked as `x, y = data.test`.

    Arguments:
        x: Inputs, (N, D) for tables and (N, channels, height, width) for images.
        y: Targets, (N, O) for regression; class indices (N,), int64, for
            classification.

    Example:
        >>> x, y = datasets.uci("yacht").test
        >>> x.shape, y.shape
        (torch.Size([31, 6]), torch.Size([31, 1]))
    """

    x: Tensor
    y: Tensor

    def take(self, rows: Tensor) -> Split:
        """Return the given rows of inputs and targets."""
        return Split(self.x[rows], self.y[rows])


class HasAffine(Protocol):
    """A prediction that can be mapped to other units, as the library's predictions can."""

    def affine(self, loc: Tensor, scale: Tensor) -> Self:
        """Return the prediction of loc + scale * y."""
        ...


_Prediction = TypeVar("_Prediction", bound=HasAffine)


@dataclass(frozen=True, repr=False, eq=False)
class Dataset:
    r"""A training part, a test part, and the units of both.

    .. math:: y_\text{original} = \text{loc} + \text{scale} \cdot y

    It holds tensors, not files or a loader; `fit` makes the minibatches.

    References:
        Probabilistic Backpropagation for Scalable Learning of Bayesian Neural Networks
        (Hernández-Lobato and Adams, 2015), the protocol of standardised regression targets

    Arguments:
        name: Name of the data set in tables and figures.
        train: Inputs and targets of the training part.
        test: Inputs and targets of the test part.
        x_units: loc and scale of the inputs, (D,) each, (C, 1, 1) for images; None if
            the inputs are not standardised.
        y_units: loc and scale of the targets, each (O,); None for classification.
        validation: A part of the training data that is kept aside for choices such as
            the learning rate; None if there is none.
        classes: Label of each class index; None for regression. By default the indices
            themselves.
        x_names: Name of each input; None if they have none.
        y_names: Name of each target; None if they have none.
        licence: Licence of the data, for the cards of `zoo.hub`; "" if it is not known.

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
    classes: tuple[Hashable, ...] | None = None
    x_names: tuple[str, ...] | None = None
    y_names: tuple[str, ...] | None = None
    licence: str = ""

    def __post_init__(self) -> None:
        y = self.train.y
        has_classes = self.y_units is None and not y.is_floating_point()
        if has_classes and self.classes is None and len(y) > 0:
            indices = tuple(range(int(y.max()) + 1))
            object.__setattr__(self, "classes", indices)

    def standardise(self, X: Any) -> Tensor:
        """Return new inputs as the model takes them: standardised as those of the fit, (M, D).

        Arguments:
            X: Inputs (M, D) in original units: a tensor, an array or a table. The columns
                of a table are found by `x_names`.

        Raises:
            ValueError: Another number of columns, a table without one of them, or values
                that are not finite.

        Example:
            >>> data = datasets.regression(torch.rand(50, 3), torch.rand(50))
            >>> data.standardise(torch.rand(5, 3)).shape
            torch.Size([5, 3])
        """
        values = columns("X", by_names(self.x_names, X))
        width = self.train.x.shape[-1]
        if values.shape[-1] != width:
            raise ValueError(
                f"X has {values.shape[-1]} column(s), but {self.name!r} has {width}; give rows "
                "of the same columns"
            )

        units = self.x_units or Units.identity(values)
        return units.standardise(values).to(self.train.x.dtype)

    @overload
    def in_original_units(self, prediction: Tensor) -> Tensor: ...

    @overload
    def in_original_units(self, prediction: _Prediction) -> _Prediction: ...

    def in_original_units(self, prediction: Tensor | HasAffine) -> Tensor | HasAffine:
        """Map a prediction of standardised targets to the units in which y was measured.

        Arguments:
            prediction: A tensor of predictive means, (N, O) or (S, N, O). Or an object
                with a method `affine(loc, scale)`, such as the library's predictions:
                their interval, standard deviation and log density are mapped as well. A
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
                "use the predicted probabilities as they are"
            )
        if isinstance(prediction, Tensor):
            self._check_means(prediction, self.y_units.loc)
            return self.y_units.restore(prediction)

        if not callable(getattr(prediction, "affine", None)):
            raise TypeError(
                f"prediction is a {type(prediction).__name__}, which has no method `affine`; "
                "pass what `posterior.predict(x)` returns, or a tensor of means"
            )

        return prediction.affine(self.y_units.loc, self.y_units.scale)

    def _check_means(self, means: Tensor, loc: Tensor) -> None:
        """Refuse what has not one column, or one channel of images, for each of the units."""
        shape = tuple(means.shape)
        place = -loc.dim()  # of the columns or channels
        if len(shape) > loc.dim() and shape[place] == len(loc):
            return

        number = len(loc)
        kind = "column" if place == -1 else "channel"
        one = ", ".join([f"{number}", "H", "W"][:-place])
        raise ValueError(
            f"prediction has shape {shape}, but the targets of {self.name!r} "
            f"have {number} {kind}(s); pass means of shape (N, {one}) or (S, N, {one})"
        )

    def __repr__(self) -> str:
        arguments = [repr(self.name)]
        for key, value in self._info().items():
            arguments.append(f"{key}={value}")

        listed = ", ".join(arguments)

        return f"{type(self).__name__}({listed})"

    def _repr_html_(self) -> str:
        cells = {"data set": self.name} | self._info()
        rows = ""
        for key, value in cells.items():
            rows += f"<tr><th>{escape(key)}</th><td>{escape(value)}</td></tr>"

        return f"<table>{rows}</table>"

    def _info(self) -> dict[str, str]:
        """Return the sizes of the parts, the shape of one input and the kind of targets."""
        x, y = self.train

        info = {"train": str(len(x))}
        if self.validation is not None:
            info["validation"] = str(len(self.validation.x))
        info["test"] = str(len(self.test.x))

        info["inputs"] = "x".join(map(str, x.shape[1:]))

        if self.y_units is None:
            info["classes"] = str(len(self.classes or ()))
            return info

        info["outputs"] = "x".join(map(str, y.shape[1:]))
        info["targets"] = "standardised"
        if self.y_units.are_original():
            info["targets"] = "in original units"

        return info


def regression_dataset(
    name: str,
    train: Split,
    test: Split,
    *,
    standardise: bool,
    x_names: tuple[str, ...] | None = None,
    y_names: tuple[str, ...] | None = None,
    licence: str = "",
) -> Dataset:
    """Build a regression data set in float32 from parts in original units, best in float64.

    Arguments:
        name: Name of the data set.
        train: Inputs (N, D) and targets (N, O). Their means and standard deviations are
            loc and scale.
        test: Inputs and targets; they are mapped by loc and scale of the training part.
        standardise: Whether to standardise; otherwise loc is 0 and scale is 1.
        x_names: Names of the inputs.
        y_names: Names of the targets.
        licence: Licence of the data.
    """
    make_units = Units.fit if standardise else Units.identity
    x_units = make_units(train.x)
    y_units = make_units(train.y)

    return Dataset(
        name=name,
        train=_standardised(train, x_units, y_units),
        test=_standardised(test, x_units, y_units),
        x_units=x_units.float(),
        y_units=y_units.float(),
        x_names=x_names,
        y_names=y_names,
        licence=licence,
    )


def _standardised(part: Split, x_units: Units, y_units: Units) -> Split:
    x = x_units.standardise(part.x).float()
    y = y_units.standardise(part.y).float()
    return Split(x, y)
