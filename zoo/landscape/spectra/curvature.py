"""Eigenvalues, trace and effective dimension of the curvature at a fit."""

from __future__ import annotations

from typing import Any, Literal

import pyro
import torch

from zoo.data import Data
from zoo.landscape.points.ends import End, locations, model_of
from zoo.landscape.points.target import Target
from zoo.landscape.spectra.curvature_operator import (
    KINDS,
    curvature_operator,
    prior_precision,
)
from zoo.landscape.spectra.eigen import largest, matrix_of
from zoo.landscape.spectra.spectrum import Quadrature, Spectrum, lanczos_quadrature
from zoo.runtime.counts import check_count
from zoo.runtime.modes import evaluation_mode
from zoo.runtime.rows import first
from zoo.runtime.subnormals import flush_subnormals
from zoo.runtime.threads import one_if_small

_DENSE = 500  # weights up to which the whole matrix is computed
_HUTCH = 30  # products for the trace, a multiple of 3


def curvature(
    a: End,
    data: Data,
    num_eigenvalues: int = 10,
    *,
    kind: Literal["ggn", "hessian"] = "ggn",
    num_probes: int = 4,
    num_steps: int = 30,
    batch_size: int = 1000,
) -> Spectrum:
    r"""Return the largest eigenvalues of the curvature, its trace and the effective dimension.

    .. math:: N_\text{eff} = \sum_i \frac{\lambda_i}{\lambda_i + \alpha}

    Here λ are eigenvalues of the curvature of the negative log likelihood **of all data**, in
    nats, and α is the precision of the prior: λ + α is the precision of the posterior. With
    the mean over data in place of the sum, the dimension is another one. If precisions differ,
    each weight is measured in units in which they are all the same, their geometric mean.

    Up to 500 weights the spectrum is exact. Beyond, the largest eigenvalues are by Lanczos
    iterations, the trace by Hutch++, and the effective dimension by Lanczos quadrature with
    its standard error; with `num_probes=0` it is the sum over the largest eigenvalues alone, a
    lower bound. Negative eigenvalues of the Hessian count as 0.

    A flat minimum is a matter of the coordinates: if the first layer of a ReLU network is
    multiplied by ten and the second divided by it, the function stays and the eigenvalues do
    not (Dinh et al., 2017). The prior says in which of the two the posterior has more mass.

    References:
        Rethinking Parameter Counting in Deep Models: Effective Dimensionality Revisited
            (Maddox, Benton, Wilson, 2020)
        Hutch++: Optimal Stochastic Trace Estimation (Meyer, Musco, Musco, Woodruff, 2021)
        An Investigation into Neural Net Optimization via Hessian Eigenvalue Density
            (Ghorbani, Krishnan, Xiao, 2019)
        Sharp Minima Can Generalize For Deep Nets (Dinh, Pascanu, Bengio, Bengio, 2017)

    Arguments:
        a: A posterior, which stands for its mean, or a curve's point.
        data: The data that were fitted, in any form.
        num_eigenvalues: Number of largest eigenvalues K.
        kind: "ggn" for the generalised Gauss-Newton matrix, which has no negative eigenvalues,
            or "hessian".
        num_probes: Random vectors of the quadrature; 0 leaves out quadrature and trace.
        num_steps: Lanczos iterations for each of them.
        batch_size: Data at once in a product.

    Raises:
        ValueError: A prior whose weights depend on each other; random noise.
        ImportError: curvlinops is not installed.

    Example:
        >>> spectrum = landscape.curvature(posterior, data, num_eigenvalues=3)
        >>> spectrum.eigenvalues.shape, 0 < spectrum.effective_dimension < 81
        (torch.Size([3]), True)
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be 'ggn' or 'hessian', not {kind!r}")

    check_count("num_eigenvalues", num_eigenvalues)
    check_count("num_probes", num_probes, minimum=0)
    target = Target(model_of([a]), data, batch_norm="carry")
    (at,) = locations([a], target)
    target.state |= at.buffers

    precision = prior_precision(target, at.q)
    alpha = precision.log().mean().exp()
    scale = (alpha / precision).sqrt()

    network = target.model.network
    with (
        evaluation_mode(network),
        pyro.validation_enabled(False),
        flush_subnormals(),
        one_if_small(network, first(target.x, batch_size)),
    ):
        operator = curvature_operator(target, at, scale, kind, batch_size)
        return _spectrum(
            operator, float(alpha), num_eigenvalues, num_probes, num_steps, kind
        )


def _spectrum(
    operator: Any,
    alpha: float,
    num_eigenvalues: int,
    num_probes: int,
    num_steps: int,
    kind: str,
) -> Spectrum:
    """Return the spectrum of an operator, exactly if it is small."""
    size = operator.shape[0]
    number = min(num_eigenvalues, size)
    if size <= max(_DENSE, number + 1):
        every = torch.linalg.eigvalsh(matrix_of(operator)).flip(0).cpu()
        quadrature = Quadrature.exact(every)

        return Spectrum(every[:number], alpha, size, kind, quadrature, every.sum())

    eigenvalues, _ = largest(operator, number)
    if num_probes == 0:
        return Spectrum(eigenvalues, alpha, size, kind, None, None)

    from curvlinops import hutchpp_trace

    quadrature = lanczos_quadrature(operator, num_probes, min(num_steps, size))
    trace = hutchpp_trace(operator, _HUTCH).detach()

    return Spectrum(eigenvalues, alpha, size, kind, quadrature, trace)
