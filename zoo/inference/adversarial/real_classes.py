"""The likelihood of a discriminator of K real classes and one of made data."""

from __future__ import annotations

from collections.abc import Mapping

import pyro.distributions as dist
import torch
from torch import Tensor

from zoo.likelihoods.likelihood import Likelihood

FAKE = 0  # the class of made data; real classes are 1 to K


class RealClasses(Likelihood):
    r"""K real classes and the class 0 of made data; of some real data the class is not known.

    .. math:: p(y = c \mid f) = e^{f_c} / \textstyle\sum_o e^{f_o}, \qquad
        p(\text{real} \mid f) = \sum_{c=1}^K p(y = c \mid f)

    The network has K + 1 outputs, that of made data first. The target K + 1 means "real, of
    whatever class".

    References:
        Improved Techniques for Training GANs (Salimans, Goodfellow, Zaremba, Cheung, Radford,
        Chen, 2016)
        Bayesian GAN (Saatci, Wilson, 2017), equation 4

    Example:
        >>> likelihood = RealClasses()
        >>> law = likelihood.as_observed(likelihood.distribution(torch.zeros(1, 4), {}))
        >>> law.log_prob(torch.tensor([4])).exp()  # one of three real classes
        tensor([0.7500])
    """

    target = "0 for made data, 1 to K for classes, K + 1 for real data without a label"
    discrete = True

    def distribution(
        self, output: Tensor, noise: Mapping[str, Tensor]
    ) -> dist.Categorical:
        """Return the distribution of the class, 0 for made data, (*, N)."""
        return dist.Categorical(logits=output)

    def as_observed(self, distribution: dist.Categorical) -> dist.Categorical:
        """Return the distribution of what is observed, in which K + 1 is any real class."""
        return _SomeClass(logits=distribution.logits, validate_args=False)

    def encode(self, y: Tensor, like: Tensor) -> Tensor:
        """Return class indices as int64."""
        return y.long()

    def given_real(self, outputs: Tensor) -> Tensor:
        """Return the probability of each class of real data, averaged over draws, (N, K).

        Arguments:
            outputs: Outputs of discriminators, (S, N, K + 1).
        """
        return outputs[..., FAKE + 1 :].softmax(-1).mean(0)


class _SomeClass(dist.Categorical):
    """A distribution of classes in which one more value stands for all but the first."""

    @property
    def support(self) -> torch.distributions.constraints.Constraint:
        """Class indices, and one more."""
        return torch.distributions.constraints.integer_interval(0, self._num_events)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log probability of classes (*, N), or of any real one."""
        real = self.logits[..., 1:].logsumexp(-1, keepdim=True)
        every = torch.cat([self.logits, real], -1)
        value, every = torch.broadcast_tensors(value[..., None], every)

        return every.gather(-1, value[..., :1])[..., 0]


def realness(output: Tensor) -> Tensor:
    """Return the logit of being real (*, N) of the outputs (*, N, K + 1) of a discriminator."""
    return output[..., 1:].logsumexp(-1) - output[..., FAKE]
