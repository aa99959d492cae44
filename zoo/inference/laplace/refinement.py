"""The mode of the linearised network, found by Newton's method with conjugate gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor
from torch.func import grad, jvp

from zoo.inference.laplace.library import Loader
from zoo.inference.laplace.prior_vectors import prior_vectors
from zoo.inference.laplace.tangent import Tangent
from zoo.runtime.distributions import unvalidated
from zoo.runtime.modes import evaluation_mode

_TOLERANCE = 1e-3  # standard deviations of the posterior, an upper limit
_MAX_STEPS = 100


def refined_mode(
    tangent: Tangent, data: Loader, likelihood_temperature: float
) -> dict[str, Tensor]:
    r"""Return the mode of the linearised network, by the name of the random weight.

    .. math:: U(w) = \frac12 (w - m)^T S_0^{-1} (w - m)
        - \frac{1}{T_l} \sum_n \log p(y_n \mid f(x_n; w^*) + J(x_n) (w - w^*))

    U is convex. In units of the prior's standard deviations its curvature is at least one,
    so that the length of its gradient is an upper limit of the distance to the mode, in
    standard deviations of the posterior.

    References:
        Improving predictions of Bayesian neural nets via local linearization (Immer,
            Korzepa, Bauer, 2021)

    Arguments:
        tangent: The linearised network.
        data: The data.
        likelihood_temperature: Temperature T_l of the likelihood.
    """
    from scipy.optimize import minimize  # half a second

    energy = _Energy(tangent, data, likelihood_temperature)
    with torch.no_grad(), evaluation_mode(tangent.model.network):
        found = minimize(
            energy.with_gradient,
            energy.start,
            jac=True,
            hessp=energy.curvature_times,
            method="trust-ncg",
            options={"gtol": _TOLERANCE, "maxiter": _MAX_STEPS},
        )

    return energy.weights(found.x)


class _Energy:
    """U and its derivatives, as functions of u = (w - m) / s, the elements of all weights.

    Arguments:
        tangent: The linearised network.
        data: The data.
        temperature: Temperature of the likelihood.
    """

    def __init__(self, tangent: Tangent, data: Loader, temperature: float) -> None:
        self.tangent = tangent
        self.data = data
        self.temperature = temperature

        names = list(tangent.centre)
        mean, precision = prior_vectors(tangent.model, names, "full")
        self.mean = mean  # (P,)
        self.scale = precision.rsqrt()  # (P,)
        self.start = as_array((flat(tangent.centre) - mean) / self.scale)

    def weights(self, u: np.ndarray) -> dict[str, Tensor]:
        """Return the random weights at u (P,), by name."""
        return self._by_name(self.mean + self.scale * self._tensor(u))

    def with_gradient(self, u: np.ndarray) -> tuple[float, np.ndarray]:
        """Return U and its gradient (P,) at u (P,)."""
        weights = self.weights(u)
        value = 0.5 * float(u @ u)
        gradient = u.copy()
        for x, y in self.data:
            loss = self._loss(y)
            output = self.tangent(weights, x)
            value += float(loss(output))
            gradient += self._pulled_back(x, grad(loss)(output))

        return value, gradient

    def curvature_times(self, u: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """Return the second derivative of U at u (P,), times a direction (P,)."""
        weights = self.weights(u)
        step = self._by_name(self.scale * self._tensor(direction))
        product = direction.copy()
        for x, y in self.data:
            output = self.tangent(weights, x)
            _, change = self.tangent.along(step, x)
            _, of_gradient = jvp(grad(self._loss(y)), (output,), (change,))
            product += self._pulled_back(x, of_gradient)

        return product

    def _loss(self, y: Tensor) -> Callable[[Tensor], Tensor]:
        """Return the tempered negative log likelihood of outputs (B, O)."""
        likelihood = self.tangent.model.likelihood

        def loss(output: Tensor) -> Tensor:
            density = unvalidated(likelihood.distribution(output, {}))
            return -density.log_prob(y).sum() / self.temperature

        return loss

    def _pulled_back(self, x: Tensor, gradient: Tensor) -> np.ndarray:
        """Return the gradient by u (P,), of a gradient (B, O) by the outputs."""
        return as_array(self.scale * flat(self.tangent.pulled_back(x, gradient)))

    def _by_name(self, elements: Tensor) -> dict[str, Tensor]:
        """Return a value for each random weight, of elements (P,)."""
        sizes = [value.numel() for value in self.tangent.centre.values()]
        parts = elements.split(sizes)

        values = {}
        for part, (name, at) in zip(parts, self.tangent.centre.items(), strict=True):
            values[name] = part.reshape(at.shape)

        return values

    def _tensor(self, u: np.ndarray) -> Tensor:
        return torch.as_tensor(u).to(self.mean)


def flat(values: Mapping[str, Tensor]) -> Tensor:
    """Return the elements of all weights as one vector, (P,)."""
    return torch.cat([value.flatten() for value in values.values()])


def as_array(elements: Tensor) -> np.ndarray:
    """Return elements in double precision, for SciPy."""
    return elements.detach().cpu().double().numpy()
