"""What a hybrid model knows: classes, tasks, whether a batch is of a new task, and samples."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from zoo.likelihoods.gaussian_classes import GaussianClasses
from zoo.posterior.posterior import Posterior
from zoo.streams.components import Components
from zoo.streams.memory import Latents
from zoo.streams.typicality import Typicality


class HybridPrediction(NamedTuple):
    """Probabilities of the classes and of the tasks at N inputs.

    Arguments:
        classes: Probability of each class, (N, C).
        tasks: Probability of each task, (N, T).
    """

    classes: Tensor
    tasks: Tensor


class HybridPosterior:
    """What is known after some tasks.

    Arguments:
        posterior: The posterior over the weights of the flow.
        components: The Gaussians in latent space.
        counts: Number of data that each component was learned from, (K,).
        references: Held-out inputs of each task, (M, D) each, to which batches are
            compared.

    Example:
        >>> from zoo.datasets import Split
        >>> from zoo.streams import HybridLearner
        >>> def engine(network, likelihood):
        ...     prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
        ...     flow = zoo.BayesianNetwork(network, prior, likelihood)
        ...     return inference.SVI(flow, guides.Delta(flow), num_steps=5, progress=False)
        >>> task = Split(torch.randn(80, 2), torch.arange(80) % 2)
        >>> flow = networks.NormalisingFlow(2)
        >>> known = HybridLearner(flow, engine).learn(task, held_out=torch.randn(40, 2))
        >>> known.is_new(100 + torch.randn(20, 2)), known.is_new(torch.randn(20, 2))
        (True, False)
    """

    def __init__(
        self,
        posterior: Posterior,
        components: Components,
        counts: Tensor,
        references: tuple[Tensor, ...],
    ) -> None:
        self.posterior = posterior
        self.components = components
        self.counts = counts
        self.references = references

    @cached_property
    def network(self) -> nn.Module:
        """A copy of the flow with the means of its weights."""
        return self.posterior.network().eval()

    @cached_property
    def tests(self) -> list[Typicality]:
        """The test of each task whether a batch is typical of it."""
        tests = []
        for task, x in enumerate(self.references):
            tests.append(Typicality(self.statistics(x, task)))

        return tests

    def predict(self, x: Tensor, num_samples: int = 1) -> HybridPrediction:
        """Return the probabilities of classes and of tasks by Bayes' rule.

        Arguments:
            x: Inputs, (N, D).
            num_samples: Number of draws from the posterior.
        """
        prediction = self.posterior.predict(x, num_samples, progress=False)
        components = prediction.probs

        return HybridPrediction(
            self.components.class_probs(components),
            self.components.task_probs(components),
        )

    def statistics(self, x: Tensor, task: int) -> Tensor:
        r"""Return the log density of the latents under a task, and the log determinant, (N, 2).

        Their sum is the log density of the inputs under the task.

        Arguments:
            x: Inputs, (N, D).
            task: The task.
        """
        means = self.components.means[self.components.of_task(task)]
        with torch.no_grad():
            output = self.network(x)
            joint = GaussianClasses(means).distribution(output, {}).joint

        log_volume = output[:, -1]
        log_prob = joint.logsumexp(-1)

        return torch.stack([log_prob - log_volume, log_volume], -1)

    def p_values(self, batch: Tensor) -> list[float]:
        """Return for each task the probability that its batches are as unusual as this one.

        Arguments:
            batch: Inputs, (B, D).
        """
        values = []
        for task, test in enumerate(self.tests):
            values.append(test.p_value(self.statistics(batch, task)))

        return values

    def is_new(self, batch: Tensor, level: float = 0.01) -> bool:
        """Return whether a batch is of no known task.

        A batch of a known task is taken for new with a probability of at most the level.

        Arguments:
            batch: Inputs, (B, D).
            level: The probability of a false alarm.
        """
        return max(self.p_values(batch)) < level

    def sample(self, numbers: Tensor) -> Latents:
        """Draw inputs with their components and latents, from the means of the weights.

        Arguments:
            numbers: Number of samples of each component, (K,).
        """
        components = torch.arange(len(numbers)).repeat_interleave(numbers)
        means = self.components.means[components]
        z = means + torch.randn_like(means)
        with torch.no_grad():
            x = self.network.inverse(z)

        return Latents(x, components, z)

    def __repr__(self) -> str:
        number = len(self.components.means)
        return (
            f"HybridPosterior({self.components.num_tasks} tasks, {number} components)"
        )
