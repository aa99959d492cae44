"""SWA: the average of the points that SGD passes at a high learning rate."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch

import guides
from zoo.inference.svi.arguments import checked_model, checked_rate
from zoo.inference.svi.options import SVIOptions
from zoo.inference.svi.svi import SVI
from zoo.inference.swag.collecting import Collecting
from zoo.inference.swag.fit import AveragedFit
from zoo.model import BayesianNetwork
from zoo.runtime.half_precision import check_precision
from zoo.tracing.mode import mode_name


class SWA(SVI):
    r"""Stochastic weight averaging: the mean of points of SGD, as a point estimate.

    .. math:: \bar w = \frac1T \sum_{t=1}^T w_t, \qquad
        w \leftarrow w - \eta \, \nabla \Big( -\frac1B \sum_{i \in \text{batch}}
        \log p(y_i | w) - \frac1N \log p(w) \Big)

    SGD with momentum minimises the negative log posterior per datum. After `burn_in` epochs
    the rate stays at `swa_lr`, and the point at the end of each epoch is averaged. The
    posterior is `guides.Delta` at the mean. The running statistics of batch normalisation
    are recomputed for the mean, in one pass through the data. `zoo.renormalise` gives
    each of the draws statistics of its own.

    References:
        Averaging Weights Leads to Wider Optima and Better Generalization
        (Izmailov, Podoprikhin, Garipov, Vetrov, Wilson, 2018)

    Arguments:
        model: The model.
        num_epochs: Passes through the data, burn-in included.
        burn_in: Passes before the first point; half of them by default.
        lr: Learning rate at the beginning, of the mean gradient of a datum. A narrow
            `Gaussian` has a steep loss, so there it must be small: about its variance.
        swa_lr: Learning rate after the burn-in; half of `lr` by default.
        cycles: Number of cycles after the burn-in, in each of which the rate falls from
            `swa_lr` to a hundredth of it and at whose end a point is collected; 0 for a
            constant rate.
        points: Number of points, at equal distances after the burn-in; one at the end of
            each epoch by default. More than one an epoch fill a `rank` in a short run, but
            are nearer to each other.
        momentum: Momentum of SGD, from 0 to below 1.
        compile: How a step is run, as for `SVI`.
        precision: That of the network's products, as for `SVI`.
        checkpoint: A file to which the run is written between epochs. A run that is
            started again continues from it.
        progress: Whether to show a progress bar.

    Raises:
        TypeError: A model of another kind.
        ValueError: A discrete site; another argument of another kind, or out of range.

    Example:
        >>> engine = inference.SWA(model, num_epochs=4, lr=1e-3, progress=False)
        >>> engine.fit(data.train, batch_size=20)
        Posterior over 81 parameters at 4 sites: Delta guide
    """

    def __init__(
        self,
        model: BayesianNetwork,
        *,
        num_epochs: int = 60,
        burn_in: int | None = None,
        lr: float = 0.1,
        swa_lr: float | None = None,
        cycles: int = 0,
        points: int | None = None,
        momentum: float = 0.9,
        compile: bool | str = "auto",
        precision: str = "float32",
        checkpoint: str | Path | None = None,
        progress: bool = True,
    ) -> None:
        name = type(self).__name__
        call = f"{name}(zoo.BayesianNetwork(network, prior, likelihood))"
        self.model = checked_model(model, call)
        guides.Delta(self.model)  # refuses a discrete site
        check_momentum(momentum)
        lr = checked_rate(lr)
        collecting = Collecting(
            num_epochs=num_epochs,
            burn_in=num_epochs // 2 if burn_in is None else burn_in,
            cycles=cycles,
            lr=lr,
            swa_lr=lr / 2 if swa_lr is None else checked_rate(swa_lr, "swa_lr"),
            points=points,
            rank=self._rank,
        )
        self.options = SVIOptions(
            num_epochs=num_epochs,
            lr=lr,
            optimizer=partial(torch.optim.SGD, momentum=momentum),
            scheduler=collecting.rates,
            average=collecting,
            compile=mode_name(compile),
            precision=check_precision(precision, self.model.first_parameter),
            checkpoint=checkpoint,
            progress=progress,
        )

    @property
    def _rank(self) -> int | None:
        """Number of points to keep; None for the mean alone."""
        return None

    def _fit(self) -> AveragedFit:
        guide = guides.Delta(self.model)  # at the present values of the network
        return AveragedFit(self.model, guide, self.options, repr(self), None)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.options.length})"


def check_momentum(momentum: float) -> None:
    """Refuse a momentum outside [0, 1)."""
    if not 0 <= momentum < 1:
        raise ValueError(
            f"momentum must be from 0 to below 1, not {momentum}; write momentum=0.9"
        )
