"""Linear regression as data arrive: maximum likelihood, maximum a posteriori, posterior."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.data import Data
from zoo.datasets.toy.conjugate import linear_posterior
from zoo.landscape.films.film import check_film_path, empty_figure, write_film
from zoo.landscape.linear.linear_model import LinearModel
from zoo.landscape.linear.updates_picture import SIZE, LinearUpdate, UpdatesPicture
from zoo.reports.table import Table, Tabled
from zoo.runtime.counts import check_count
from zoo.runtime.rows import Rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LAST = 4  # frames for which an animation shows the end


@dataclass(frozen=True, eq=False, repr=False)
class LinearUpdates(Tabled):
    """The posterior of linear regression after different numbers of data, exact, in float64.

    Arguments:
        sizes: Numbers of data, (T,).
        mle: Maximum likelihood, (T, P); NaN where the data do not determine it.
        map: Maximum a posteriori, which is the mean of the posterior, (T, P).
        covariance: Covariance of the posterior, (T, P, P).
        log_evidence: Log evidence of the data so far in nats, (T,).
        model: The model as a linear function of its coefficients.

    Example:
        >>> linear = zoo.references.linear()
        >>> found = landscape.linear_updates(linear.model, linear.data, sizes=[5, 50])
        >>> mean, std = found.predict(linear.data.test.x)
        >>> bool((std > linear.data.noise).all())  # the noise, and what is not known of the line
        True
    """

    sizes: Tensor
    mle: Tensor
    map: Tensor
    covariance: Tensor
    log_evidence: Tensor
    model: LinearModel

    @property
    def std(self) -> Tensor:
        """Standard deviation of each coefficient, (T, P)."""
        return self.covariance.diagonal(dim1=-2, dim2=-1).sqrt()

    @property
    def volume(self) -> Tensor:
        r"""Volume of the posterior as a share of the prior's, (T,).

        .. math:: \sqrt{|\Sigma_N| / |\Sigma_0|}
        """
        log_prior = 2 * self.model.scale.log().sum()

        return (0.5 * (torch.logdet(self.covariance) - log_prior)).exp()

    def predict(self, x: Rows, index: int = -1) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of new targets, noise included, (N,) each.

        Arguments:
            x: Inputs, (N, ...).
            index: Position in `sizes`.
        """
        return self.model.predict(x, self.map[index], self.covariance[index])

    @property
    def table(self) -> Table:
        """The estimates and standard deviations, in a row for each number of data."""
        columns: dict[str, Tensor] = {}
        for number, name in enumerate(self.model.names):
            columns[f"{name}: MLE"] = self.mle[:, number]
            columns[f"{name}: MAP"] = self.map[:, number]
            columns[f"{name}: sd"] = self.std[:, number]

        columns |= {"volume": self.volume, "log evidence": self.log_evidence}
        numbers = torch.stack(list(columns.values()), -1).tolist()
        rows = []
        for size, row in zip(self.sizes.tolist(), numbers, strict=True):
            rows.append((size, *row))

        return Table(("data", *columns), rows)

    def plot(
        self,
        index: int = -1,
        *,
        truth: Tensor | Sequence[float] | None = None,
        figure: Figure | None = None,
    ) -> Figure:
        """Draw the posterior of two coefficients, and the lines and the band that it predicts.

        Arguments:
            index: Position in `sizes`.
            truth: The coefficients that made the data, (2,), if they are known.
            figure: An empty figure to draw on; by default a new one.

        Raises:
            ValueError: Other than two coefficients or one input.
        """
        from zoo.plots.canvas import sheet

        picture = UpdatesPicture(self.model, truth)
        figure = sheet(figure, SIZE)
        picture.draw(figure, self._update(index))

        return figure

    def animate(
        self,
        path: str | Path,
        *,
        truth: Tensor | Sequence[float] | None = None,
        frames_per_second: float = 2.0,
        dpi: int = 90,
    ) -> Path:
        """Write an animated picture (GIF), with a frame for each number of data.

        Arguments:
            path: The file, which ends in .gif.
            truth: The coefficients that made the data, (2,), if they are known.
            frames_per_second: Frames in a second.
            dpi: Dots per inch.

        Raises:
            ValueError: Other than two coefficients or one input; another ending of the name.
        """
        path = check_film_path(path)
        picture = UpdatesPicture(self.model, truth)
        figure = empty_figure(SIZE)
        last = len(self.sizes) - 1

        def draw(frame: int) -> None:
            figure.clear()
            picture.draw(figure, self._update(min(frame, last)))

        write_film(figure, draw, last + _LAST, path, frames_per_second, dpi)

        return path

    def _update(self, index: int) -> LinearUpdate:
        """Return the state after some data."""
        return LinearUpdate(
            int(self.sizes[index]),
            self.mle[index],
            self.map[index],
            self.covariance[index],
            float(self.volume[index]),
        )


def linear_updates(
    model: object, data: Data, sizes: Sequence[int] | None = None
) -> LinearUpdates:
    r"""Return the exact posterior of linear regression as data arrive one after the other.

    .. math:: \Lambda_N = \Phi_N^T \Phi_N / \sigma^2 + S^{-1}, \quad
        \hat w_\text{MAP} = \Lambda_N^{-1} (\Phi_N^T y / \sigma^2 + S^{-1} m_0), \quad
        \hat w_\text{MLE} = (\Phi_N^T \Phi_N)^{-1} \Phi_N^T y

    The model has a network that is linear in its weights, independent normal priors, and a
    Gaussian likelihood of fixed scale. Then the posterior is N(MAP, Λ⁻¹). Each datum adds
    to the precision, so the posterior contracts. The likelihood outgrows the prior, and MLE
    and MAP meet.

    References:
        Pattern Recognition and Machine Learning (Bishop, 2006), section 3.3 and figure 3.7

    Arguments:
        model: The model.
        data: The data in the order in which they arrive, in any form.
        sizes: Numbers of data at which the posterior is given; by default all from 0 on.

    Raises:
        ValueError: A network that is not linear in its weights; another prior or likelihood;
            more data than there are.

    Example:
        >>> linear = zoo.references.linear()
        >>> found = landscape.linear_updates(linear.model, linear.data, sizes=[0, 5, 50])
        >>> found.map.shape, bool((found.volume[1:] < found.volume[:-1]).all())
        (torch.Size([3, 4]), True)
    """
    linear = LinearModel.of(model, data)
    num_data = len(linear.y)
    chosen = list(range(num_data + 1) if sizes is None else sizes)
    for size in chosen:
        check_count("a number in sizes", size, minimum=0)
        if size > num_data:
            raise ValueError(
                f"sizes must be at most the number of data, {num_data}, not {size}"
            )

    features = linear.features(linear.x)
    misses = linear.y - linear.offset(linear.x)
    estimates, posteriors = [], []
    for size in chosen:
        part = features[:size], misses[:size]
        estimates.append(_most_likely(*part))
        posteriors.append(
            linear_posterior(*part, linear.noise, linear.scale, linear.loc)
        )

    return LinearUpdates(
        sizes=torch.tensor(chosen),
        mle=torch.stack(estimates),
        map=torch.stack([each.mean for each in posteriors]),
        covariance=torch.stack([each.covariance for each in posteriors]),
        log_evidence=torch.stack([each.log_evidence for each in posteriors]),
        model=linear,
    )


def _most_likely(features: Tensor, y: Tensor) -> Tensor:
    """Return the least-squares coefficients (P,), NaN if the features do not determine them."""
    size = features.shape[-1]
    if len(y) < size or int(torch.linalg.matrix_rank(features)) < size:
        return features.new_full((size,), torch.nan)

    return torch.linalg.lstsq(features, y[:, None]).solution[:, 0]
