"""How flat the training loss is around a fit: curvature, sharpness, and its rise under noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pyro
import torch
from torch import Tensor

from zoo.data import Data
from zoo.landscape.points.ends import End, locations, model_of
from zoo.landscape.points.location import Location
from zoo.landscape.points.target import Target
from zoo.landscape.spectra.curvature_operator import curvature_operator
from zoo.landscape.spectra.eigen import largest, matrix_of
from zoo.reports.table import Table, Tabled
from zoo.runtime.counts import check_count
from zoo.runtime.modes import evaluation_mode
from zoo.runtime.rows import first
from zoo.runtime.subnormals import flush_subnormals
from zoo.runtime.threads import one_if_small

_DENSE = 200  # weights up to which the whole matrix is computed
_TOLERANCE = 1e-3  # of the eigenvalue, as a share of it
_NUM_ASCENTS = 10  # steps from either end of the eigenvector


@dataclass(frozen=True, repr=False, eq=False)
class Flatness(Tabled):
    """Scores of flatness of the mean training loss at one weight vector, small if it is flat.

    Arguments:
        loss: Training loss at the weights, in nats per datum.
        eigenvalue: The largest eigenvalue of its Hessian.
        trace: The trace of its Hessian, exact up to 200 weights, else an estimate; None if
            it was left out.
        sharpness: The largest rise that was found within the radius, in nats per datum.
        rise: The mean rise under Gaussian noise, in nats per datum.
        rise_error: Its standard error.
        radius: Radius of the ball.
        noise: Standard deviation of the noise.
        relative: Whether each weight is measured in units of its own size.

    Example:
        >>> scores = {"loss": 1.0, "eigenvalue": 9.0, "trace": 20.0, "sharpness": 0.5}
        >>> of_noise = {"rise": 0.1, "rise_error": 0.01, "noise": 0.01}
        >>> found = Flatness(**scores, **of_noise, radius=0.1, relative=False)
        >>> [row["score"] for row in found.table.to_dicts()]
        ['9', '20', '0.5', '0.1']
    """

    loss: float
    eigenvalue: float
    trace: float | None
    sharpness: float
    rise: float
    rise_error: float
    radius: float
    noise: float
    relative: bool

    @property
    def table(self) -> Table:
        """The scores, in a row each."""
        scores = {
            "largest eigenvalue": self.eigenvalue,
            "trace": self.trace,
            f"sharpness within {self.radius:g}": self.sharpness,
            f"mean rise under noise of {self.noise:g}": self.rise,
        }
        rows = [
            (name, f"{score:.3g}")
            for name, score in scores.items()
            if score is not None
        ]
        units = "relative to each weight" if self.relative else "of the weights"

        return Table((f"flatness, in units {units}", "score"), rows)


def flatness(
    a: End,
    data: Data,
    *,
    radius: float = 0.1,
    noise: float = 0.01,
    relative: bool = False,
    num_draws: int = 20,
    num_products: int = 90,
    batch_size: int = 1000,
) -> Flatness:
    r"""Return how sharp or flat the mean training loss is around a fit, by four scores.

    .. math:: \lambda_1(H), \quad \text{tr}\, H, \quad
        \max_{\lVert \delta \rVert \le \rho} L(z + s \delta) - L(z), \quad
        \text{E}\, L(z + s \sigma \epsilon) - L(z)

    Here L is minus the log likelihood in nats per datum, H its Hessian in the coordinates z / s,
    and s is 1, or with `relative` the size of each weight. At a minimum of a quadratic the last
    two are ρ² λ₁ / 2 and σ² tr H / 2. The maximum is found by normalised gradient ascent from
    both ends of the top eigenvector, so it is a lower bound.

    **Flatness depends on the coordinates.** Multiply a layer of a ReLU network by ten and
    divide the next one by ten: it is the same function, but `landscape.rescaled` makes
    its minimum as sharp as you like (Dinh et al., 2017). So bare scores compare two fits only
    if their weights have the same scales. Scores with `relative` do not change.

    References:
        On Large-Batch Training for Deep Learning: Generalization Gap and Sharp Minima (Keskar,
            Mudigere, Nocedal, Smelyanskiy, Tang, 2017)
        Sharp Minima Can Generalize For Deep Nets (Dinh, Pascanu, Bengio, Bengio, 2017)
        ASAM: Adaptive Sharpness-Aware Minimization for Scale-Invariant Learning of Deep Neural
            Networks (Kwon, Kim, Park, Choi, 2021)

    Arguments:
        a: A posterior, which stands for its mean.
        data: The data that were fitted, in any form.
        radius: Radius ρ of the ball, a Euclidean distance of weights, or of factors.
        noise: Standard deviation σ of the noise of each weight, or of its factor.
        relative: Whether s is the size of each weight; else it is 1.
        num_draws: Number of draws of the noise.
        num_products: Products with the Hessian from which the trace of more than 200 weights is
            estimated, by Hutch++; rounded to a multiple of 3; 0 leaves it out.
        batch_size: Data at once in a gradient.

    Raises:
        ValueError: A radius or noise that is not positive; random noise of the likelihood.
        ImportError: curvlinops is not installed.

    Example:
        >>> network = nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 1))
        >>> model = zoo.BayesianNetwork(network, model.prior, model.likelihood)
        >>> fit = inference.SVI(model, guides.Delta(model), num_steps=5, progress=False).fit(data)
        >>> one_function = fit, landscape.rescaled(fit, 10.0, data.train.x)
        >>> a, b = [landscape.flatness(each, data).eigenvalue for each in one_function]
        >>> b > 10 * a
        True
        >>> a, b = [landscape.flatness(each, data, relative=True) for each in one_function]
        >>> abs(b.eigenvalue / a.eigenvalue - 1) < 0.01
        True
    """
    check_count("num_draws", num_draws, minimum=2)
    check_count("num_products", num_products, minimum=0)
    if not (radius > 0 and noise > 0):
        raise ValueError(
            f"radius and noise must be positive, not {radius} and {noise}; write radius=0.1"
        )

    target = Target(model_of([a]), data, batch_norm="carry")
    (at,) = locations([a], target)
    target.state |= at.buffers
    scale = torch.ones_like(at.q)
    if relative:
        scale = at.q.abs().clamp_min(torch.finfo(at.q.dtype).tiny)

    loss, rises = _rises(target, at, scale * noise, num_draws)
    network = target.model.network
    with (
        evaluation_mode(network),
        pyro.validation_enabled(False),
        flush_subnormals(),
        one_if_small(network, first(target.x, batch_size)),
    ):
        neighbourhood = _Neighbourhood(target, at, scale, batch_size)
        eigenvalue, direction, trace = neighbourhood.spectrum(num_products)
        sharpness = neighbourhood.sharpness(direction, radius)

    return Flatness(
        loss=loss,
        eigenvalue=eigenvalue,
        trace=trace,
        sharpness=sharpness,
        rise=float(rises.mean()),
        rise_error=float(rises.std()) / math.sqrt(num_draws),
        radius=radius,
        noise=noise,
        relative=relative,
    )


def _rises(
    target: Target, at: Location, scale: Tensor, num_draws: int
) -> tuple[float, Tensor]:
    """Return the loss at the weights, and its rises (S,) under noise of a scale (P,)."""
    steps = torch.randn(num_draws, len(at.q)).to(at.q) * scale
    steps = torch.cat([torch.zeros_like(steps[:1]), steps])
    buffers = {n: v.expand(len(steps), *v.shape) for n, v in at.buffers.items()}
    losses = target.terms(Location(at.q + steps, buffers)).loss.double()

    return float(losses[0]), losses[1:] - losses[0]


@dataclass(frozen=True)
class _Neighbourhood:
    """The mean training loss around a weight vector z, as a function of δ at z + s δ.

    Arguments:
        target: The negative log posterior.
        at: The weight vector, q (P,).
        scale: The scale s of the coordinates, (P,).
        batch_size: Data at once.
    """

    target: Target
    at: Location
    scale: Tensor
    batch_size: int

    def spectrum(self, num_products: int) -> tuple[float, Tensor, float | None]:
        """Return the largest eigenvalue of the Hessian, its eigenvector (P,), and the trace.

        Arguments:
            num_products: Products for the trace.
        """
        operator = curvature_operator(
            self.target, self.at, self.scale, "hessian", self.batch_size
        )
        mean = 1 / self.target.num_data
        if operator.shape[0] <= max(_DENSE, num_products):
            values, vectors = torch.linalg.eigh(matrix_of(operator))
            trace: float | None = mean * float(values.sum())
        else:
            values, vectors = largest(operator, 1, _TOLERANCE)
            trace = _trace(operator, num_products, mean)

        direction = vectors[:, -1].to(self.at.q)

        return mean * float(values[-1]), direction, trace

    def sharpness(self, direction: Tensor, radius: float) -> float:
        """Return the largest rise within a radius, from both ends of a direction (P,)."""
        _, bottom = self._gradient(torch.zeros_like(direction))

        highest = bottom
        for sign in (1, -1):
            step = sign * radius * direction
            for _ in range(_NUM_ASCENTS):
                gradient, loss = self._gradient(step)
                if not math.isfinite(loss):
                    return math.inf

                highest = max(highest, loss)
                step = radius * gradient / gradient.norm().clamp_min(1e-30)

        return highest - bottom

    def _gradient(self, step: Tensor) -> tuple[Tensor, float]:
        """Return the gradient (P,) of the loss at a step (P,), and the loss."""
        at = Location(self.at.q + self.scale * step, self.at.buffers)
        operator = curvature_operator(
            self.target, at, self.scale, "hessian", self.batch_size
        )
        (gradient,), loss = operator.gradient_and_loss()

        return gradient, float(loss) / self.target.num_data


def _trace(operator: Any, num_products: int, scale: float) -> float | None:
    """Return an estimate of the trace times a scale; None from too few products."""
    number = 3 * (num_products // 3)
    if number == 0:
        return None

    from curvlinops import hutchpp_trace

    return scale * float(hutchpp_trace(operator, number).detach())
