"""The two operations of a step on flat vectors: the draw, and the natural-gradient update."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from zoo.inference.ivon.flat import FlatNormal


@dataclass(frozen=True)
class Draw:
    r"""Draws all sites, and returns the part of the loss that has a closed form.

    .. math:: z = m + \sigma \epsilon, \qquad \sum_i \tfrac12 \frac NT \delta_i
        \big( \sigma_i^2 + (m_i - \mu_i)^2 \big) + \tfrac12 \log \frac{1}{\sigma_i^2}

    Arguments:
        flat: The means and scales.
    """

    flat: FlatNormal

    def __call__(self) -> tuple[Tensor, Tensor]:
        """Fill `flat.draw` by `flat.noise`, and return the sum and the mean log precision, ()."""
        flat, prior = self.flat, self.flat.prior
        precision = flat.precision
        scale = precision.rsqrt()
        flat.draw.copy_(flat.mean + scale * flat.noise)

        log_precision = precision.log()
        square = scale.square() + (flat.mean - prior.mean).square()
        elements = flat.ess * prior.delta * square + log_precision

        return 0.5 * elements.sum(), log_precision.mean()


@dataclass(frozen=True)
class Update:
    r"""One step of the variational online Newton method, in place.

    .. math:: f = \frac{\overline{g \epsilon}}{\sigma}, \qquad
        h \leftarrow h - \rho (h - f) + \tfrac12 \rho^2 \frac{(h - f)^2}{h + \delta},

    .. math:: v \leftarrow \beta_1 v + (1 - \beta_1) \bar g, \qquad
        m \leftarrow m - \alpha \, \frac{v / (1 - \beta_1^t) + \delta (m - \mu)}{h + \delta}

    Arguments:
        flat: The means m, the curvatures h and the scales.
        momentum: The running mean v of the gradients, (P,).
        beta1: Decay of the running mean.
        is_product: Whether the second argument of a call is the mean of gradient times
            noise over several draws, instead of the noise of one draw.
    """

    flat: FlatNormal
    momentum: Tensor
    beta1: float
    is_product: bool

    def __call__(
        self,
        gradient: Tensor,
        noise: Tensor,
        alpha: Tensor,
        rho: Tensor,
        debias: Tensor,
    ) -> tuple[Tensor]:
        """Update the curvatures, the running mean and the means.

        Arguments:
            gradient: Gradient of the loss per datum at the draw, (P,).
            noise: Noise of the draw, (P,).
            alpha: Step size of the means, ().
            rho: Step size of the curvatures, ().
            debias: 1 - beta1^t, ().
        """
        flat, prior = self.flat, self.flat.prior
        product = noise if self.is_product else gradient * noise
        estimate = product * flat.precision.sqrt()

        change = rho * (flat.hess - estimate)
        curvature = flat.hess + prior.delta
        hess = flat.hess - change + 0.5 * change.square() / curvature

        momentum = self.beta1 * self.momentum + (1 - self.beta1) * gradient
        whole = momentum / debias + prior.delta * (flat.mean - prior.mean)
        mean = flat.mean - alpha * whole / (hess + prior.delta)

        flat.hess.copy_(hess)
        self.momentum.copy_(momentum)
        flat.mean.copy_(mean)

        return (alpha,)
