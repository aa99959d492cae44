"""The entropy of an even mixture of diagonal normals, which has no closed form: estimates and bounds of it."""

from __future__ import annotations

import math

import pyro.distributions as dist
from torch import Tensor


class MixtureEntropy:
    """An estimate of the entropy of a mixture, in nats.

    `bound` says whether it is unbiased or stays below the entropy, so that an ELBO made
    with it is a lower bound.

    Arguments:
        loc: Means of the components, (K, C).
        scale: Standard deviations of the components, (K, C).
        value: A draw of the mixture, (*S, C).
    """

    bound = False

    def __call__(self, loc: Tensor, scale: Tensor, value: Tensor) -> Tensor:
        """Return the entropy, () or (*S)."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class MonteCarlo(MixtureEntropy):
    r"""One draw's cross-entropy: unbiased, and the only one that varies from draw to draw.

    .. math:: H[q] = E_q[-\log q(z)] \approx -\log q(z)
    """

    bound = True

    def __call__(self, loc: Tensor, scale: Tensor, value: Tensor) -> Tensor:
        """Return minus the log density of the draw."""
        return -log_density(loc, scale, value)


class Bhattacharyya(MixtureEntropy):
    r"""A lower bound from the Bhattacharyya distances between components.

    .. math:: H[q] \ge \frac1K \sum_i H[q_i] - \frac1K \sum_i \log \frac1K \sum_j e^{-D_B(q_i, q_j)}, \quad
        D_B = \frac14 \sum_c \frac{(\mu_{ic} - \mu_{jc})^2}{\sigma_{ic}^2 + \sigma_{jc}^2}
        + \frac12 \sum_c \log \frac{\sigma_{ic}^2 + \sigma_{jc}^2}{2 \sigma_{ic} \sigma_{jc}}

    Exact where all components are equal, and where none overlaps another.

    References:
        Estimating Mixture Entropy with Pairwise Distances (Kolchinsky, Tracey, 2017)
        Tackling covariate shift with node-based Bayesian neural networks (Trinh, Heinonen, Acerbi, Kaski, 2022)
    """

    bound = True

    def __call__(self, loc: Tensor, scale: Tensor, value: Tensor) -> Tensor:
        """Return the lower bound, the same for every draw."""
        variances = scale.square().unsqueeze(1) + scale.square()  # (K, K, C)
        squares = (loc.unsqueeze(1) - loc).square() / variances
        spreads = (variances / (2 * scale.unsqueeze(1) * scale)).log()
        return pairwise(scale, squares.sum(-1) / 4 + spreads.sum(-1) / 2)


class KolchinskyTracey(MixtureEntropy):
    r"""An upper bound from the divergences between components; an ELBO made with it bounds nothing.

    .. math:: H[q] \le \frac1K \sum_i H[q_i] - \frac1K \sum_i \log \frac1K \sum_j e^{-KL(q_i \| q_j)}

    References:
        Estimating Mixture Entropy with Pairwise Distances (Kolchinsky, Tracey, 2017)
    """

    def __call__(self, loc: Tensor, scale: Tensor, value: Tensor) -> Tensor:
        """Return the upper bound, the same for every draw."""
        ratio = (
            scale.unsqueeze(1) / scale
        ).square()  # (K, K, C), variance of i over that of j
        squares = ((loc.unsqueeze(1) - loc) / scale).square()
        return pairwise(scale, 0.5 * (ratio + squares - 1 - ratio.log()).sum(-1))


class MomentMatched(MixtureEntropy):
    r"""The entropy of the diagonal normal with the mixture's means and variances, the largest one they allow.

    .. math:: H[q] \le \frac12 \sum_c \log 2 \pi e \, s_c^2, \quad
        s_c^2 = \frac1K \sum_k \sigma_{kc}^2 + \frac1K \sum_k (\mu_{kc} - \bar\mu_c)^2

    Under a normal prior the divergence is then that of the moment-matched normal, an
    upper bound of the entropy and no bound of the evidence. It grows without end as
    components move apart. (The code of the paper has the variance of an average of K
    draws, Σσ²/K², instead.)

    References:
        Scalable Bayesian neural networks by layer-wise input augmentation (Trinh, Kaski, Heinonen, 2020)
    """

    def __call__(self, loc: Tensor, scale: Tensor, value: Tensor) -> Tensor:
        """Return the upper bound, the same for every draw."""
        variance = scale.square().mean(0) + loc.var(0, correction=0)
        return normal_entropy(variance.sqrt())


class ComponentMean(MixtureEntropy):
    r"""The mean entropy of the components: a lower bound that lacks what the mixture adds, log K at most.

    .. math:: H[q] \ge \frac1K \sum_k H[q_k] \quad\Longleftrightarrow\quad
        KL(q \| p) \le \frac1K \sum_k KL(q_k \| p)
    """

    bound = True

    def __call__(self, loc: Tensor, scale: Tensor, value: Tensor) -> Tensor:
        """Return the mean entropy, the same for every draw."""
        return normal_entropy(scale).mean()


def log_density(loc: Tensor, scale: Tensor, value: Tensor) -> Tensor:
    """Return the log density of an even mixture of diagonal normals (K, C) at values (*S, C)."""
    parts = dist.Normal(loc, scale).log_prob(value.unsqueeze(-2)).sum(-1)  # (*S, K)
    return parts.logsumexp(-1) - math.log(len(loc))


def normal_entropy(scale: Tensor) -> Tensor:
    """Return the entropy of diagonal normals (*, C)."""
    return scale.log().sum(-1) + 0.5 * scale.shape[-1] * math.log(2 * math.pi * math.e)


def pairwise(scale: Tensor, distances: Tensor) -> Tensor:
    """Return the estimate that distances (K, K) between components make."""
    return (
        normal_entropy(scale).mean()
        - (-distances).logsumexp(-1).mean()
        + math.log(len(scale))
    )
