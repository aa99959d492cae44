"""SWAG: a normal distribution with the moments of the points that SGD passes."""

from __future__ import annotations

import math
from pathlib import Path

import guides
from zoo.inference.swag.fit import AveragedFit
from zoo.inference.swag.swa import SWA
from zoo.model import BayesianNetwork
from zoo.runtime.counts import check_count


class SWAG(SWA):
    r"""Stochastic weight averaging, Gaussian: a normal with the moments of points of SGD.

    .. math:: q(z) = N \Big( \bar w, \; \frac{\text{scale}}{2} \Big[
        \operatorname{diag}(\overline{w^2} - \bar w^2)
        + \frac{1}{K - 1} \sum_{k=1}^K d_k d_k^\top \Big] \Big), \qquad
        d_k = w_k - \bar w

    The points are those of `SWA`; the last K ≤ `rank` of them are the columns d, taken from
    the mean of all points. With `rank=0` the covariance is `scale` times the diagonal. The
    posterior has a `guides.LowRank(per="all")` with as many factors as columns, or a
    `guides.MeanField`: it draws anew, has a density, and `inference.SVI` can fit it on. A
    site with bounded support is normal in unconstrained space.

    The spread is that of SGD at `swa_lr`, not of the posterior. On a quadratic loss per
    datum with Hessian H and noise of gradients C, small rates give the variance that solves
    HΣ + ΣH = ηC/(1 - momentum): it is proportional to the rate and the noise of batches,
    and zero with all data in one batch. A weight that the data do not determine keeps the
    prior's scale in the posterior, but hardly moves under SGD.

    References:
        A Simple Baseline for Bayesian Uncertainty in Deep Learning
        (Maddox, Garipov, Izmailov, Vetrov, Wilson, 2019)
        Stochastic Gradient Descent as Approximate Bayesian Inference
        (Mandt, Hoffman, Blei, 2017)
        Bayesian Deep Learning and a Probabilistic Perspective of Generalization
        (Wilson, Izmailov, 2020)

    Arguments:
        model: The model.
        rank: Number of the last points in the covariance; 0 for a diagonal one.
        scale: Factor of the whole covariance.
        num_runs: Number of runs. Of several the posterior is the equal mixture, a
            `guides.Mixture` (MultiSWAG). The first starts at the network, and each other
            at weights whose elements have changed places within their tensor, which are
            new draws of an initialisation; or, given `init`, each at a draw of it.
        options: The other arguments of `SWA`.

    Raises:
        TypeError: A model of another kind.
        ValueError: A discrete site; another argument of another kind, or out of range.

    Example:
        >>> engine = inference.SWAG(model, num_epochs=8, lr=1e-3, rank=3, progress=False)
        >>> posterior = engine.fit(data.train, batch_size=20)
        >>> posterior
        Posterior over 81 parameters at 4 sites: LowRank guide
        >>> posterior.guide.rank
        3
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
        rank: int = 20,
        scale: float = 1.0,
        num_runs: int = 1,
        momentum: float = 0.9,
        compile: bool | str = "auto",
        precision: str = "float32",
        checkpoint: str | Path | None = None,
        progress: bool = True,
    ) -> None:
        check_rank(rank)
        check_scale(scale)
        check_count("num_runs", num_runs)
        self.rank = rank
        self.scale = scale
        self.num_runs = num_runs
        super().__init__(
            model,
            num_epochs=num_epochs,
            burn_in=burn_in,
            lr=lr,
            swa_lr=swa_lr,
            cycles=cycles,
            points=points,
            momentum=momentum,
            compile=compile,
            precision=precision,
            checkpoint=checkpoint,
            progress=progress,
        )
        if num_runs > 1:
            refuse_points(self.model, "several runs need", "num_runs=1")

    @property
    def _rank(self) -> int:
        return self.rank

    def _fit(self) -> AveragedFit:
        guide = guides.Delta(self.model)  # at the present values of the network
        return AveragedFit(
            self.model, guide, self.options, repr(self), self.scale, self.num_runs
        )


def refuse_points(model: BayesianNetwork, what: str, instead: str) -> None:
    """Refuse point estimates, which each of several runs or points would have of its own.

    Arguments:
        model: The model.
        what: What has several, the beginning of a sentence such as "several runs need".
        instead: What to write instead.
    """
    points = [*model.plan.points, *model.plan.learned(model.network)]
    if points:
        raise ValueError(
            f"{what} weights that are all random, but {points[0]!r} is a point estimate; write "
            f"{instead}, or give it a distribution"
        )


def check_rank(rank: int) -> None:
    """Refuse a number of columns whose covariance is not defined."""
    check_count("rank", rank, minimum=0)
    if rank == 1:
        raise ValueError(
            "rank must be a number of points, at least 2, or 0 for a diagonal covariance, not 1"
        )


def check_scale(scale: float) -> None:
    """Refuse a factor of the covariance that is not positive and finite."""
    if not 0 < scale < math.inf:
        raise ValueError(
            f"scale multiplies a covariance and must be positive and finite, not {scale}; write "
            "scale=1.0"
        )
