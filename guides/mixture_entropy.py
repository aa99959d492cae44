"""Estimates and bounds of the entropy of a uniform mixture of diagonal normals."""

from __future__ import annotations

import math

import pyro.distributions as dist
from torch import Tensor

_LOG_2_PI_E = math.log(2 * math.pi * math.e)


__all__ = [
    "Bhattacharyya",
    "ComponentMean",
    "KolchinskyTracey",
    "MixtureEntropy",
    "MomentMatched",
    "MonteCarlo",
]


class MixtureEntropy:
    """An estimate of the entropy of a mixture, in nats.

    `bound` says whether the estimate is unbiased or below the entropy, so that an ELBO
    with it is a lower bound on the log evidence.

    Arguments:
        loc: Means of the components, (K, C).
        scale: Standard deviations of the components, (K, C).
        value: A draw of the mixture, (*S, C).

    Example:
        >>> class First(MixtureEntropy):  # the entropy of the first component alone
        ...     def __call__(self, loc, scale, value):
        ...         return dist.Normal(loc[0], scale[0]).entropy().sum()
        >>> First()(torch.zeros(2, 1), torch.ones(2, 1), torch.zeros(1))
        tensor(1.4189)
    """

    bound: bool = False

    def __call__(self, loc: Tensor, scale: Tensor, value: Tensor) -> Tensor:
        """Return the entropy, () or (*S)."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class MonteCarlo(MixtureEntropy):
    r"""Minus the log density of a draw: unbiased, and the only estimate that depends on the draw.

    .. math:: H[q] = E_q[-\log q(z)] \approx -\log q(z)

    Example:
        >>> loc, scale = torch.tensor([[-9.0], [9.0]]), torch.ones(2, 1)
        >>> MonteCarlo()(loc, scale, value=loc)  # at the middle of each component
        tensor([1.6121, 1.6121])
    """

    bound = True

    def __call__(self, loc: Tensor, scale: Tensor, value: Tensor) -> Tensor:
        """Return minus the log density of the draw."""
        return -log_density(loc, scale, value)


class Bhattacharyya(MixtureEntropy):
    r"""A lower bound from the Bhattacharyya distances between components.

    .. math:: H[q] \ge \frac1K \sum_i H[q_i]
        - \frac1K \sum_i \log \frac1K \sum_j e^{-D_B(q_i, q_j)}, \quad
        D_B = \frac14 \sum_c \frac{(\mu_{ic} - \mu_{jc})^2}{\sigma_{ic}^2 + \sigma_{jc}^2}
        + \frac12 \sum_c \log \frac{\sigma_{ic}^2 + \sigma_{jc}^2}{2 \sigma_{ic} \sigma_{jc}}

    It is exact if all components are equal, and if no two components overlap.

    References:
        Estimating Mixture Entropy with Pairwise Distances (Kolchinsky, Tracey, 2017)
        Tackling covariate shift with node-based Bayesian neural networks
        (Trinh, Heinonen, Acerbi, Kaski, 2022)

    Example:
        >>> loc, scale = torch.tensor([[-9.0], [9.0]]), torch.ones(2, 1)
        >>> Bhattacharyya()(loc, scale, value=loc)  # exact here: 1.4189 and ln 2
        tensor(2.1121)
    """

    bound = True

    def __call__(self, loc: Tensor, scale: Tensor, value: Tensor) -> Tensor:
        """Return the lower bound, the same for every draw."""
        variances = scale.square().unsqueeze(1) + scale.square()  # (K, K, C)

        differences = loc.unsqueeze(1) - loc
        squares = differences.square() / variances

        products = 2 * scale.unsqueeze(1) * scale
        log_ratios = (variances / products).log()

        of_means = squares.sum(-1) / 4
        of_scales = log_ratios.sum(-1) / 2

        return _pairwise(scale, of_means + of_scales)


class KolchinskyTracey(MixtureEntropy):
    r"""An upper bound from the divergences between components; an ELBO with it is no bound.

    .. math:: H[q] \le \frac1K \sum_i H[q_i]
        - \frac1K \sum_i \log \frac1K \sum_j e^{-KL(q_i \| q_j)}

    References:
        Estimating Mixture Entropy with Pairwise Distances (Kolchinsky, Tracey, 2017)

    Example:
        >>> loc, scale = torch.tensor([[-0.5], [0.5]]), torch.ones(2, 1)
        >>> KolchinskyTracey()(loc, scale, value=loc) > Bhattacharyya()(loc, scale, value=loc)
        tensor(True)
    """

    def __call__(self, loc: Tensor, scale: Tensor, value: Tensor) -> Tensor:
        """Return the upper bound, the same for every draw."""
        ratio = scale.unsqueeze(1) / scale  # (K, K, C), of component i to component j
        ratio = ratio.square()

        differences = loc.unsqueeze(1) - loc
        squares = (differences / scale).square()

        elements = ratio + squares - 1 - ratio.log()
        divergences = 0.5 * elements.sum(-1)  # (K, K)

        return _pairwise(scale, divergences)


class MomentMatched(MixtureEntropy):
    r"""The entropy of the diagonal normal that has the means and variances of the mixture.

    .. math:: H[q] \le \frac12 \sum_c \log 2 \pi e \, s_c^2, \quad
        s_c^2 = \frac1K \sum_k \sigma_{kc}^2 + \frac1K \sum_k (\mu_{kc} - \bar\mu_c)^2

    Under a normal prior the divergence is then that of the moment-matched normal. This is
    an upper bound on the entropy, so the ELBO is no bound on the log evidence. It grows
    without limit as the distance between components grows. (The code of the paper has the
    variance of an average of K draws, Σσ²/K², instead.)

    References:
        Scalable Bayesian neural networks by layer-wise input augmentation
        (Trinh, Kaski, Heinonen, 2020)

    Example:
        >>> scale = torch.ones(2, 1)
        >>> for distance in (9.0, 90.0):  # the entropy is 2.1121 for both
        ...     loc = torch.tensor([[-distance], [distance]])
        ...     print(MomentMatched()(loc, scale, value=loc))
        tensor(3.6223)
        tensor(5.9188)
    """

    def __call__(self, loc: Tensor, scale: Tensor, value: Tensor) -> Tensor:
        """Return the upper bound, the same for every draw."""
        within = scale.square().mean(0)
        between = loc.var(0, correction=0)
        variance = within + between

        return _normal_entropy(variance.sqrt())


class ComponentMean(MixtureEntropy):
    r"""The mean entropy of the components: a lower bound, at most log K below the entropy.

    .. math:: H[q] \ge \frac1K \sum_k H[q_k] \quad\Longleftrightarrow\quad
        KL(q \| p) \le \frac1K \sum_k KL(q_k \| p)

    Example:
        >>> loc, scale = torch.tensor([[-9.0], [9.0]]), torch.ones(2, 1)
        >>> ComponentMean()(loc, scale, value=loc)  # ln 2 below the entropy
        tensor(1.4189)
    """

    bound = True

    def __call__(self, loc: Tensor, scale: Tensor, value: Tensor) -> Tensor:
        """Return the mean entropy, the same for every draw."""
        return _normal_entropy(scale).mean()


def log_density(loc: Tensor, scale: Tensor, value: Tensor) -> Tensor:
    """Return the log density of a uniform mixture of diagonal normals (K, C) at values (*S, C)."""
    components = dist.Normal(loc, scale)
    elements = components.log_prob(value.unsqueeze(-2))  # (*S, K, C)
    densities = elements.sum(-1)

    return densities.logsumexp(-1) - math.log(len(loc))


def _normal_entropy(scale: Tensor) -> Tensor:
    """Return the entropy of diagonal normals (*, C)."""
    size = scale.shape[-1]
    constant = 0.5 * size * _LOG_2_PI_E
    log_volume = scale.log().sum(-1)

    return log_volume + constant


def _pairwise(scale: Tensor, distances: Tensor) -> Tensor:
    """Return the estimate from distances (K, K) between components."""
    own = _normal_entropy(scale).mean()
    overlap = (-distances).logsumexp(-1).mean()

    return own - overlap + math.log(len(scale))
