"""Products with the curvature of the negative log likelihood of all data, by curvlinops."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from zoo.landscape.points.location import Location
from zoo.landscape.points.target import Target
from zoo.likelihoods.likelihood import Likelihood, is_noise_site
from zoo.likelihoods.observed import Observed
from zoo.runtime.rows import num_rows, split

KINDS = {"ggn": "GGNLinearOperator", "hessian": "HessianLinearOperator"}


class _Outputs(nn.Module):
    """The network as a function of one flat vector of weights in scaled coordinates.

    Arguments:
        target: The negative log posterior.
        q: The weights, (P,).
        scale: The scale s of the coordinates u = q / s, (P,).
    """

    def __init__(self, target: Target, q: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.u = nn.Parameter(q / scale)
        self.parts = (target, scale)  # no submodule: these parameters are not its own

    def forward(self, x: Any) -> Tensor:
        """Return the outputs (B, ...) at inputs (B, ...)."""
        target, scale = self.parts
        values, _ = target.potential.unpack(self.u * scale)

        return target.model.output({**target.state, **values}, x)


class _Misfit(nn.Module):
    """Minus the log likelihood of a batch as a function of the network's outputs.

    Arguments:
        likelihood: The likelihood.
    """

    reduction = "sum"

    def __init__(self, likelihood: Likelihood) -> None:
        super().__init__()
        self.parts = (likelihood,)

    def forward(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Return the sum over data, ()."""
        (likelihood,) = self.parts
        arranged = likelihood.arranged(outputs, batch_dim=0)
        predicted = likelihood.distribution(arranged, {})
        distribution = likelihood.as_fitted(likelihood.as_observed(predicted))

        return -distribution.log_prob(likelihood.encode(y, outputs)).sum()


def curvature_operator(
    target: Target, at: Location, scale: Tensor, kind: str, batch_size: int
) -> Any:
    r"""Return the curvature of the summed negative log likelihood as a linear operator.

    .. math:: H = -\sum_i \nabla^2 \log p(y_i \mid f(x_i; s u)) \quad\text{or}\quad
        G = \sum_i J_i^T \big[ -\nabla_f^2 \log p(y_i \mid f) \big] J_i

    Arguments:
        target: The negative log posterior.
        at: The weights, q (P,).
        scale: The scale of the coordinates, (P,).
        kind: "ggn" or "hessian".
        batch_size: Size of a batch of each product.

    Raises:
        ImportError: curvlinops is not installed.
        ValueError: A likelihood with random noise, missing targets, or data with weights.
    """
    try:
        import curvlinops
    except ImportError as error:
        raise ImportError(
            "landscape.curvature needs curvlinops, which could not be imported "
            f"({error}); write pip install 'bnn-zoo[laplace]'"
        ) from error

    y = _plain_targets(target)
    module = _Outputs(target, at.q, scale)
    x_parts, y_parts = split(target.x, batch_size), split(y, batch_size)
    operator = getattr(curvlinops, KINDS[kind])

    return operator(
        module,
        _Misfit(target.model.likelihood),
        [module.u],
        list(zip(x_parts, y_parts, strict=True)),
        check_deterministic=False,
        num_data=target.num_data,
        batch_size_fn=num_rows,
    )


def prior_precision(target: Target, q: Tensor) -> Tensor:
    """Return the precision of the prior of each weight at q (P,), by autograd: (P,).

    Raises:
        ValueError: A prior whose weights depend on each other, or that is not log-concave.
    """
    alone = target.potential.on()
    signs = torch.randint_like(q, 2) * 2 - 1

    def gradient(q: Tensor) -> Tensor:
        return torch.func.grad(alone.energy)(q)

    products = []
    with alone.program.running():
        for direction in (torch.ones_like(q), signs):
            _, product = torch.func.jvp(gradient, (q,), (direction,))
            products.append(product)

    precision, signed = products
    is_apart = torch.allclose(signed, signs * precision, rtol=1e-4, atol=1e-6)
    if not is_apart or not bool((precision > 0).all()):
        raise ValueError(
            "the effective dimension needs a prior with a positive precision of each weight by "
            f"itself, but {target.model.prior!r} has another curvature; write dist.Normal"
        )

    return precision


def _plain_targets(target: Target) -> Tensor:
    """Return targets all of which count, each once, under a likelihood without random noise."""
    likelihood = target.model.likelihood
    noise = [name for name in target.model.latents if is_noise_site(name)]
    if noise:
        raise ValueError(
            f"landscape.curvature is that of weights at a fixed noise, but {noise[0]} is random; "
            "write likelihoods.Gaussian(scale=0.1)"
        )

    y = target.y
    counts = None if isinstance(y, Observed) else likelihood.is_observed(y)
    if isinstance(y, Observed) or (counts is not None and not bool(counts.all())):
        raise ValueError(
            "landscape.curvature needs every target, without weights or known quantities; omit "
            "the data that have none"
        )

    return y
