"""A model that is linear in its weights, as features, prior scales and noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor

from zoo.data import Data
from zoo.landscape.points.target import Target
from zoo.likelihoods import Gaussian
from zoo.likelihoods.observed import Observed
from zoo.model import BayesianNetwork
from zoo.runtime.rows import Rows

_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class LinearModel:
    r"""A network whose output is linear in its weights, with normal priors and noise.

    .. math:: y \sim N(f_0(x) + \phi(x)^T w, \sigma^2), \qquad w_i \sim N(m_i, s_i^2)

    Arguments:
        target: The negative log posterior.
        x: The inputs of the data.
        y: Their targets, (N,), in float64.
        loc: Prior means m, (P,).
        scale: Prior standard deviations s, (P,).
        noise: Standard deviation σ of the noise.
        names: A name for each coefficient.
    """

    target: Target
    x: Rows
    y: Tensor
    loc: Tensor
    scale: Tensor
    noise: float
    names: tuple[str, ...]

    @classmethod
    def of(cls, model: Any, data: Data) -> LinearModel:
        """Return a model and its data as a linear one.

        Raises:
            TypeError: Another kind of model.
            ValueError: A model that is not linear and Gaussian.
        """
        if not isinstance(model, BayesianNetwork):
            raise TypeError(
                f"linear_updates needs a zoo.BayesianNetwork, not {type(model).__name__}; write "
                "zoo.BayesianNetwork(network, prior, likelihood)"
            )

        noise = _fixed_noise(model)
        target = Target(model, data)
        if model.plan.points:
            raise ValueError(
                "linear_updates needs a normal prior of every weight, but "
                f"{next(iter(model.plan.points))} is a point estimate; write dist.Normal(0.0, 1.0)"
            )

        y = _targets(target.y)
        loc, scale = _prior_moments(target)
        names = _coefficient_names(target)
        found = cls(target, target.x, y, loc, scale, noise, names)
        found._check_linear()

        return found

    def predict(
        self, x: Rows, mean: Tensor, covariance: Tensor
    ) -> tuple[Tensor, Tensor]:
        r"""Return mean and standard deviation of new targets, noise included, (N,) each.

        .. math:: N\big( f_0(x) + \phi(x)^T m, \; \phi(x)^T \Sigma \phi(x) + \sigma^2 \big)

        Arguments:
            x: Inputs, (N, ...).
            mean: Mean m of the coefficients, (P,).
            covariance: Their covariance Σ, (P, P).
        """
        at = self.features(x)
        variance = ((at @ covariance) * at).sum(-1) + self.noise**2

        return self.offset(x) + at @ mean, variance.sqrt()

    def outputs(self, q: Tensor, x: Rows) -> Tensor:
        """Return the outputs (N,) of the network at coefficients q (P,)."""
        target = self.target
        values, _ = target.potential.unpack(q)
        output = target.model.output({**target.state, **values}, x)

        return output.flatten(0 if output.dim() == 1 else -2)

    def features(self, x: Rows) -> Tensor:
        """Return the features φ(x), (N, P), the outputs at coefficients of one and zeros."""
        units = torch.eye(len(self.loc)).to(self._zero())
        offset = self.offset(x)
        columns = []
        with torch.no_grad():
            for unit in units:
                columns.append(self.outputs(unit, x).double() - offset)

        return torch.stack(columns, -1)

    def offset(self, x: Rows) -> Tensor:
        """Return the outputs f_0(x) without any coefficient, (N,)."""
        with torch.no_grad():
            return self.outputs(self._zero(), x).double()

    def _zero(self) -> Tensor:
        return torch.zeros_like(self.loc).to(self.target.model.first_parameter)

    def _check_linear(self) -> None:
        """Refuse a network whose outputs are not linear in the coefficients."""
        q = self.loc + self.scale * torch.linspace(-1, 1, len(self.loc)).to(self.loc)
        with torch.no_grad():
            outputs = self.outputs(q.to(self._zero()), self.x).double()

        tangent = self.offset(self.x) + self.features(self.x) @ q
        gap = (outputs - tangent).abs().max()
        if not bool(gap <= _TOLERANCE * (1 + outputs.abs().max())):
            raise ValueError(
                "linear_updates needs a network that is linear in its weights, but "
                f"{type(self.target.model.network).__name__} is not; write "
                "networks.MLP(1, 1, hidden=[])"
            )


def _fixed_noise(model: BayesianNetwork) -> float:
    """Return the scale of a Gaussian likelihood, or refuse another likelihood."""
    likelihood = model.likelihood
    if isinstance(likelihood, Gaussian):
        scale = likelihood.scale
        if isinstance(scale, (int, float)):
            return float(scale)
        if isinstance(scale, Tensor) and scale.numel() == 1:
            return float(scale)

    raise ValueError(
        "linear_updates needs Gaussian noise of one fixed scale, but the likelihood is "
        f"{likelihood!r}; write likelihoods.Gaussian(0.5)"
    )


def _targets(y: Any) -> Tensor:
    """Return one target for each datum, (N,), in float64."""
    if isinstance(y, Observed) or y[0].numel() != 1:
        raise ValueError(
            "linear_updates needs one target for each datum, without weights or known "
            "quantities; give y of shape (N, 1)"
        )

    return y.double().flatten()


def _prior_moments(target: Target) -> tuple[Tensor, Tensor]:
    """Return means and standard deviations of all coefficients, (P,) each, in float64."""
    locs, scales = {}, {}
    for name, prior in target.model.latents.items():
        base = prior
        while isinstance(base, dist.Independent):
            base = base.base_dist

        if not isinstance(base, dist.Normal):
            raise ValueError(
                f"linear_updates needs normal priors, but that of {name} is "
                f"{type(base).__name__}; write priors.WeightPrior(dist.Normal(0.0, 1.0))"
            )

        locs[name], scales[name] = base.loc, base.scale

    pack = target.potential.pack

    return pack(locs).double(), pack(scales).double()


def _coefficient_names(target: Target) -> tuple[str, ...]:
    """Return the name of the site of each coefficient, numbered if it has several."""
    names = []
    for name, shape in target.potential.shapes.items():
        size = shape.numel()
        every = [name] if size == 1 else [f"{name}[{number}]" for number in range(size)]
        names += every

    return tuple(names)
