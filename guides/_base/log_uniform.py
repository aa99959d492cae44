"""The log-uniform prior of variational dropout: how a guide knows it, and two approximations of the divergence."""

from __future__ import annotations

from torch import Tensor
from torch.distributions import Distribution, Independent
from torch.nn.functional import softplus

CONSTANT = 0.6351814227307391  # minus the mean of log |N(0, 1)|: with it the divergence vanishes as alpha grows


def is_log_uniform(prior: Distribution) -> bool:
    r"""Tell whether a prior is log p(w) = -log|w| + const, which neither torch nor Pyro has: by its name.

    A class of that name with `improper = True`, as the zoo's; SciPy has a proper law of
    the same name.
    """
    while isinstance(prior, Independent):
        prior = prior.base_dist
    return type(prior).__name__ == "LogUniform" and getattr(prior, "improper", False)


def kingma(log_alpha: Tensor) -> Tensor:
    r"""Approximate KL(N(m, α m²) ‖ log-uniform) for α ≤ 1 by a polynomial, from 0.04 below up to the truth.

    .. math:: -KL \approx \tfrac12 \log \alpha + c_1 \alpha + c_2 \alpha^2 + c_3 \alpha^3 - C

    C, (γ + log 2) / 2, is what makes the divergence vanish as α grows.

    References:
        Variational Dropout and the Local Reparameterization Trick (Kingma, Salimans, Welling, 2015), equation 14
    """
    alpha = log_alpha.exp()
    cubic = 1.16145124 * alpha - 1.50204118 * alpha.square() + 0.58629921 * alpha**3
    return -(0.5 * log_alpha + cubic) + CONSTANT


def molchanov(log_alpha: Tensor) -> Tensor:
    r"""Approximate KL(N(m, α m²) ‖ log-uniform) for every α, to 0.01; it vanishes as α grows.

    .. math:: -KL \approx k_1 \, \text{sigmoid}(k_2 + k_3 \log \alpha) - \tfrac12 \log(1 + \alpha^{-1}) - k_1

    References:
        Variational Dropout Sparsifies Deep Neural Networks (Molchanov, Ashukha, Vetrov, 2017), equation 14
    """
    return (
        0.63576
        - 0.63576 * (1.87320 + 1.48695 * log_alpha).sigmoid()
        + 0.5 * softplus(-log_alpha)
    )
