"""FGE: an ensemble of the points that one run of SGD passes at a rate that rises and falls."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch

import guides
from zoo.inference.svi.arguments import checked_model, checked_rate
from zoo.inference.svi.gradient_engine import GradientEngine
from zoo.inference.svi.options import SVIOptions
from zoo.inference.swag.ensemble import EnsembleFit, PointsFit
from zoo.inference.swag.swa import check_momentum
from zoo.inference.swag.swag import refuse_points
from zoo.inference.swag.triangles import Triangles
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.runtime.counts import check_count
from zoo.runtime.half_precision import check_precision
from zoo.tracing.mode import mode_name

_LOWEST = 0.2  # of the highest rate of a cycle, as in the paper's 0.05 and 0.01


class FGE(GradientEngine[DrawsPosterior]):
    r"""Fast geometric ensemble: K networks for little more than the time of one.

    .. math:: p(y | x) = \frac1K \sum_{k=1}^K p(y | x, w_{T_k}), \qquad
        w \leftarrow w - \eta_i \, \nabla \Big( -\frac1B \sum_{j \in \text{batch}}
        \log p(y_j | w) - \frac1N \log p(w) \Big)

    SGD with momentum minimises the negative log posterior per datum. After `burn_in` epochs
    the rate falls from `high_lr` to `low_lr` as a straight line and rises again, in cycles of
    about 2 epochs unless told. The points where it is lowest are kept, the last of them at the end
    of the run. The posterior has them as its draws, of equal weight, and each has the
    statistics of batch normalisation of all data at its own weights. They are points that SGD
    passes in one basin, close to each other: no draws of the posterior.

    Begin at a trained network with `burn_in=0`, as the paper does, or at a posterior
    (`fit(..., init=)`). Else the burn-in trains the network first.

    References:
        Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs (Garipov, Izmailov,
        Podoprikhin, Vetrov, Wilson, 2018)

    Arguments:
        model: A model whose weights are all random.
        num_epochs: Passes through the data, burn-in included.
        burn_in: Passes before the first cycle; half of them by default.
        lr: Learning rate at the beginning of the burn-in, as for `SWA`.
        high_lr: The highest rate of a cycle; half of `lr` by default.
        low_lr: The lowest rate of a cycle; a fifth of `high_lr` by default.
        cycles: Number K of cycles and of points; one for every 2 epochs after the burn-in by
            default.
        momentum: Momentum of SGD, from 0 to below 1.
        compile: How a step is run, as for `SVI`.
        precision: That of the network's products, as for `SVI`.
        checkpoint: A file to which the run is written between epochs. A run that is
            started again continues from it.
        progress: Whether to show a progress bar.

    Raises:
        TypeError: A model of another kind.
        ValueError: Point estimates or a discrete site; another argument of another kind, or
            out of range.

    Example:
        >>> engine = inference.FGE(model, num_epochs=12, lr=1e-3, progress=False)
        >>> engine.fit(data.train, batch_size=20)
        Posterior over 81 parameters at 4 sites: 1 chains of 3 draws
    """

    def __init__(
        self,
        model: BayesianNetwork,
        *,
        num_epochs: int = 60,
        burn_in: int | None = None,
        lr: float = 0.1,
        high_lr: float | None = None,
        low_lr: float | None = None,
        cycles: int | None = None,
        momentum: float = 0.9,
        compile: bool | str = "auto",
        precision: str = "float32",
        checkpoint: str | Path | None = None,
        progress: bool = True,
    ) -> None:
        call = "FGE(zoo.BayesianNetwork(network, prior, likelihood))"
        self.model = checked_model(model, call)
        guides.Delta(self.model)  # refuses a discrete site
        refuse_points(self.model, "several points need", "inference.SWA")
        check_momentum(momentum)
        triangles = _triangles(num_epochs, burn_in, cycles, lr, high_lr, low_lr)
        self.options = SVIOptions(
            num_epochs=num_epochs,
            lr=triangles.lr,
            optimizer=partial(torch.optim.SGD, momentum=momentum),
            scheduler=triangles.rates,
            average=triangles,
            compile=mode_name(compile),
            precision=check_precision(precision, self.model.first_parameter),
            checkpoint=checkpoint,
            progress=progress,
        )

    def _fit(self) -> EnsembleFit:
        guide = guides.Delta(self.model)  # at the present values of the network
        run = PointsFit(self.model, guide, self.options, repr(self), None)

        return EnsembleFit(run)

    def __repr__(self) -> str:
        return f"FGE({self.options.length})"


def _triangles(
    num_epochs: int,
    burn_in: int | None,
    cycles: int | None,
    lr: float,
    high_lr: float | None,
    low_lr: float | None,
) -> Triangles:
    """Return the schedule of arguments, with the defaults of those that are None."""
    lr = checked_rate(lr)
    high = lr / 2 if high_lr is None else checked_rate(high_lr, "high_lr")
    low = _LOWEST * high if low_lr is None else checked_rate(low_lr, "low_lr")
    if low > high:
        raise ValueError(
            f"low_lr must be at most the {high:g} of high_lr, not {low:g}; write a smaller one"
        )

    check_count("num_epochs", num_epochs)
    burn_in = num_epochs // 2 if burn_in is None else burn_in
    if cycles is None:
        cycles = max(1, (num_epochs - burn_in + 1) // 2)

    check_count("cycles", cycles)

    return Triangles(
        num_epochs=num_epochs,
        burn_in=burn_in,
        cycles=cycles,
        lr=lr,
        swa_lr=high,
        low_lr=low,
        rank=cycles,
    )
