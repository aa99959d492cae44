"""Closed forms that tests compare with, in float64; imports nothing of ours.

`features` is a matrix (N, P) whose last column multiplies the bias, `y` is (N,), scales
are standard deviations.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal


class LinearPosterior(NamedTuple):
    """Posterior of linear coefficients: mean (P,), covariance, precision (P, P), evidence ()."""

    mean: Tensor
    covariance: Tensor
    precision: Tensor
    log_evidence: Tensor


class NoisePosterior(NamedTuple):
    """Posterior of a scale on a grid: scales (G,), weights (G,), and the log evidence ()."""

    scale: Tensor
    weight: Tensor
    log_evidence: Tensor

    def mean(self, power: float = 1.0) -> Tensor:
        """Return E[scale^power | y]."""
        return (self.weight * self.scale**power).sum()


def features(x: Tensor) -> Tensor:
    """Return [x, 1], (N, D + 1), in float64."""
    return torch.cat([x.double(), torch.ones(len(x), 1, dtype=torch.float64)], -1)


def linear_posterior(
    features: Tensor,
    y: Tensor,
    noise: float,
    prior_scale: Tensor,
    prior_loc: Tensor | float = 0.0,
) -> LinearPosterior:
    r"""Condition the joint normal of coefficients w and targets y on y.

    .. math:: \Lambda = \Phi^T \Phi / \sigma^2 + S_0^{-1}, \quad
        m = m_0 + S_0 \Phi^T C^{-1} (y - \Phi m_0), \quad
        \log p(y) = \log N(y \mid \Phi m_0, C), \quad C = \Phi S_0 \Phi^T + \sigma^2 I
    """
    prior = torch.diag(
        torch.as_tensor(prior_scale).double().expand(features.shape[1]).square()
    )
    centre = torch.as_tensor(prior_loc).double().expand(features.shape[1])
    marginal = features @ prior @ features.T + noise**2 * torch.eye(
        len(y), dtype=torch.float64
    )
    gain = torch.linalg.solve(marginal, features @ prior).T  # (P, N)
    precision = features.T @ features / noise**2 + torch.linalg.inv(prior)
    return LinearPosterior(
        mean=centre + gain @ (y - features @ centre),
        covariance=prior - gain @ features @ prior,
        precision=precision,
        log_evidence=MultivariateNormal(features @ centre, marginal).log_prob(y),
    )


def predictive(at: Tensor, posterior: LinearPosterior, noise: float) -> Normal:
    r"""Predict targets at features `at` (T, P): N(φ^T m, φ^T Σ φ + σ²), (T,)."""
    variance = ((at @ posterior.covariance) * at).sum(-1) + noise**2
    return Normal(at @ posterior.mean, variance.sqrt())


def hierarchical_posterior(
    y: Tensor, prior_scale: float, group_scale: float, noise: float
) -> LinearPosterior:
    r"""Posterior of [mean, group_1, ..., group_J] given n observations of each group, y (n, J).

    .. math:: \mu \sim N(0, s^2), \quad \theta_j \sim N(\mu, g^2), \quad
        y_{ij} \sim N(\theta_j, \sigma^2)
    """
    count, groups = y.shape
    precision = torch.zeros(groups + 1, groups + 1, dtype=torch.float64)
    precision[0, 0] = 1 / prior_scale**2 + groups / group_scale**2
    precision[0, 1:] = precision[1:, 0] = -1 / group_scale**2
    precision[1:, 1:] = torch.eye(groups) * (1 / group_scale**2 + count / noise**2)
    covariance = torch.linalg.inv(precision)
    shift = torch.cat([torch.zeros(1).double(), y.sum(0) / noise**2])
    same_group = torch.eye(groups).double().repeat(count, count)
    marginal = (
        prior_scale**2
        + group_scale**2 * same_group
        + noise**2 * torch.eye(count * groups)
    )
    flat = y.flatten()
    return LinearPosterior(
        covariance @ shift,
        covariance,
        precision,
        MultivariateNormal(0 * flat, marginal).log_prob(flat),
    )


def mean_field_gap(precision: Tensor) -> Tensor:
    r"""How far the best mean-field ELBO stays below the log evidence.

    .. math:: KL(q^* \| p) = \tfrac12 \Big( \sum_i \log \Lambda_{ii} - \log |\Lambda| \Big), \quad
        q^* = \prod_i N(m_i, 1 / \Lambda_{ii})
    """
    return 0.5 * (precision.diagonal().log().sum() - torch.logdet(precision))


def expected_log_likelihood(
    features: Tensor, y: Tensor, noise: Tensor | float, loc: Tensor, covariance: Tensor
) -> Tensor:
    r"""Log likelihood of each datum, (N,), averaged over normal coefficients; the noise is known.

    .. math:: E_q[\log N(y_n \mid \phi_n^T w, \sigma^2)] =
        \log N(y_n \mid \phi_n^T \mu, \sigma^2) - \frac{\phi_n^T \Sigma \phi_n}{2 \sigma^2}
    """
    spread = ((features @ covariance) * features).sum(-1)
    return Normal(features @ loc, noise).log_prob(y) - spread / (2 * noise**2)


def normal_divergence(
    loc: Tensor, scale: Tensor, prior_loc: Tensor | float, prior_scale: Tensor | float
) -> Tensor:
    r"""Divergence of one diagonal normal from another, summed.

    .. math:: KL = \sum_i \log \frac{s_i}{\sigma_i}
        + \frac{\sigma_i^2 + (\mu_i - m_i)^2}{2 s_i^2} - \frac12
    """
    prior_scale = torch.as_tensor(prior_scale, dtype=torch.float64)
    squares = scale.square() + (loc - prior_loc).square()
    return (
        (prior_scale / scale).log() + squares / (2 * prior_scale.square()) - 0.5
    ).sum()


def apart_mixture_divergence(
    loc: Tensor, scale: Tensor, prior_loc: float, prior_scale: float
) -> Tensor:
    r"""Divergence of K diagonal normals, loc and scale (K, C), too far apart to overlap.

    .. math:: KL\Big(\tfrac1K \sum_k q_k \Big\| p\Big) = \frac1K \sum_k KL(q_k \| p) - \log K
    """
    parts = [
        normal_divergence(*part, prior_loc, prior_scale)
        for part in zip(loc, scale, strict=True)
    ]
    return torch.stack(parts).mean() - torch.tensor(float(len(loc))).double().log()


def mixture_entropy(loc: Tensor, scale: Tensor, steps: int = 401) -> Tensor:
    r"""Entropy of an even mixture of K diagonal normals, (K, C), by quadrature; C is 1 or 2.

    .. math:: H = -\int q(z) \log q(z) \, dz
    """
    low, high = (loc - 8 * scale).min(0).values, (loc + 8 * scale).max(0).values
    axes = [
        torch.linspace(float(a), float(b), steps, dtype=torch.float64)
        for a, b in zip(low, high, strict=True)
    ]
    points = torch.cartesian_prod(*axes).reshape(-1, 1, len(axes))
    density = (
        Normal(loc, scale).log_prob(points).sum(-1).logsumexp(-1)
        - torch.tensor(float(len(loc))).double().log()
    )
    cell = torch.stack([axis[1] - axis[0] for axis in axes]).prod()
    return -(density.exp() * density).sum() * cell


def bernoulli_divergence(q: Tensor, p: Tensor) -> Tensor:
    r"""Divergence of independent Bernoulli variables, summed.

    .. math:: KL = \sum_i q_i \log \frac{q_i}{p_i} + (1 - q_i) \log \frac{1 - q_i}{1 - p_i}
    """
    return (torch.xlogy(q, q / p) + torch.xlogy(1 - q, (1 - q) / (1 - p))).sum()


def all_masks(size: int) -> Tensor:
    """Return all 2^size vectors of zeros and ones, (2^size, size)."""
    return torch.tensor(list(product((0.0, 1.0), repeat=size)), dtype=torch.float64)


def mask_probabilities(masks: Tensor, probs: Tensor) -> Tensor:
    """Return prod_j p_j^z_j (1 - p_j)^(1 - z_j) of each mask."""
    return torch.where(masks == 1, probs, 1 - probs).prod(-1)


def dropout_log_likelihood(
    features: Tensor,
    y: Tensor,
    noise: float,
    coefficients: Tensor,
    p: float,
    dropped: int,
) -> Tensor:
    r"""Log likelihood averaged over masks z / (1 - p) of the first inputs of a linear model.

    .. math:: \sum_n \log N(y_n \mid \phi_n^T w, \sigma^2)
        - \frac{p}{2 \sigma^2 (1 - p)} \sum_n \sum_j \phi_{nj}^2 w_j^2
    """
    spread = (features[:, :dropped].square() * coefficients[:dropped].square()).sum()
    return Normal(features @ coefficients, noise).log_prob(y).sum() - p / (
        1 - p
    ) * spread / (2 * noise**2)


def weight_decay(
    length: float,
    num_data: int,
    noise_precision: float,
    p: float,
    unscaled_masks: bool = False,
) -> float:
    r"""Gal's weight decay λ in (1 / 2N) sum_n |y_n - f_n|² + λ |M|², for z / (1 - p) or plain z.

    .. math:: \lambda = \frac{\ell^2}{2 N \tau (1 - p)}
        \quad\text{or}\quad \frac{\ell^2 (1 - p)}{2 N \tau}
    """
    decay = length**2 / (2 * num_data * noise_precision)
    return decay * (1 - p) if unscaled_masks else decay / (1 - p)


def radial_entropy(scale: Tensor) -> Tensor:
    r"""Entropy of scale times a vector of random direction whose length is normal, D numbers.

    .. math:: \sum_i \log \sigma_i + \log S_{D-1} + (D - 1) E[\log |r|]
        - \log 2 + \tfrac12 \log(2 \pi e)
    """
    size = torch.tensor(float(scale.numel()), dtype=torch.float64)
    surface = 2 * torch.pi ** (size / 2) / torch.lgamma(size / 2).exp()
    octaves = torch.linspace(
        -60.0, 4.0, 20001, dtype=torch.float64
    )  # log r, for the logarithm has a pole at 0
    density = 2 * Normal(0.0, 1.0).log_prob(octaves.exp()).exp() * octaves.exp()
    mean_log = torch.trapezoid(density * octaves, octaves)
    constant = (
        -torch.tensor(2.0).double().log()
        + 0.5 * torch.tensor(2 * torch.pi * torch.e).double().log()
    )
    return scale.log().sum() + surface.log() + (size - 1) * mean_log + constant


def log_uniform_divergence(alpha: float) -> float:
    r"""Divergence of N(m, α m²) from p(w) = 1 / |w|, less its limit for large α, by quadrature.

    .. math:: KL = -\tfrac12 \log \alpha + E_{\epsilon \sim N(1, \alpha)}[\log |\epsilon|]
        - E[\log |N(0, 1)|]
    """
    octaves = torch.linspace(
        -60.0, 8.0, 40001, dtype=torch.float64
    )  # log |ε|, on both sides of 0

    def mean_log(loc: float, scale: float) -> Tensor:
        size = octaves.exp()
        density = (
            Normal(loc, scale).log_prob(size).exp()
            + Normal(loc, scale).log_prob(-size).exp()
        ) * size
        return torch.trapezoid(density * octaves, octaves)

    alpha = torch.tensor(alpha, dtype=torch.float64)
    return float(
        -0.5 * alpha.log() + mean_log(1.0, float(alpha.sqrt())) - mean_log(0.0, 1.0)
    )


def relaxed_mask_moments(p: float, temperature: float) -> tuple[float, float]:
    r"""E[z] and E[z²] of a relaxed Bernoulli(1 - p), by quadrature over its logistic noise.

    .. math:: z = \text{sigmoid}\Big(
        -\frac1t \big( \log\tfrac{p}{1 - p} + \log\tfrac{u}{1 - u} \big) \Big)
    """
    logistic = torch.linspace(-40.0, 40.0, 8001, dtype=torch.float64)
    density = logistic.sigmoid() * (-logistic).sigmoid()
    z = (
        -(torch.logit(torch.tensor(p, dtype=torch.float64)) + logistic) / temperature
    ).sigmoid()
    return tuple(
        float(torch.trapezoid(density * z**power, logistic)) for power in (1, 2)
    )


def noise_posterior(
    features: Tensor, y: Tensor, prior_scale: float, scales: Tensor, log_prior: Tensor
) -> NoisePosterior:
    r"""Posterior of the noise scale of a linear model by quadrature over an even grid of scales.

    .. math:: p(\sigma \mid y) \propto p(\sigma) \, N(y \mid 0, s^2 \Phi \Phi^T + \sigma^2 I)
    """
    identity = torch.eye(len(y), dtype=torch.float64)
    covariance = (
        prior_scale**2 * features @ features.T
        + scales.square().reshape(-1, 1, 1) * identity
    )
    joint = log_prior + MultivariateNormal(torch.zeros_like(y), covariance).log_prob(y)
    step = (scales[1] - scales[0]).log()
    return NoisePosterior(scales, joint.softmax(0), joint.logsumexp(0) + step)


def scale_posterior(
    features: Tensor, y: Tensor, noise: float, scales: Tensor, log_prior: Tensor
) -> NoisePosterior:
    r"""Posterior of the common scale of linear coefficients, by quadrature over a grid of scales.

    .. math:: p(s \mid y) \propto p(s) \, N(y \mid 0, s^2 \Phi \Phi^T + \sigma^2 I)
    """
    identity = torch.eye(len(y), dtype=torch.float64)
    covariance = (
        scales.square().reshape(-1, 1, 1) * (features @ features.T)
        + noise**2 * identity
    )
    joint = log_prior + MultivariateNormal(torch.zeros_like(y), covariance).log_prob(y)
    return NoisePosterior(
        scales, joint.softmax(0), joint.logsumexp(0) + (scales[1] - scales[0]).log()
    )


TARGETS = {  # roots of covariances
    "standard": torch.eye(3),
    "ill-conditioned": torch.diag(torch.tensor([0.03, 1.0, 30.0])),
    "correlated": torch.tensor([[1.0, 0.0], [0.95, 0.3]]),
}


def normal(root: Tensor) -> Callable[[], Tensor]:
    """Return a model of one site, normal with this covariance's root."""
    distribution = dist.MultivariateNormal(torch.zeros(len(root)), scale_tril=root)
    return lambda: pyro.sample("z", distribution)
