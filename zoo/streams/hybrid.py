"""Hybrid continual learning: one flow, with a Gaussian for each class of each task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from zoo.datasets.dataset import Split
from zoo.likelihoods.gaussian_classes import GaussianClasses
from zoo.likelihoods.likelihood import Likelihood
from zoo.streams.components import Components
from zoo.streams.hybrid_posterior import HybridPosterior
from zoo.streams.memory import Forget, Lesson, TaskMemory

MakeEngine = Callable[[nn.Module, Likelihood], Any]


class HybridLearner:
    r"""Hybrid continual learning: one flow learns the inputs of every class of every task.

    .. math:: \log p(x \mid y, t) = \log N(f(x) \mid \mu_{y,t}, I) + \log |\det f'(x)|

    Classes and tasks follow from Bayes' rule. Earlier tasks are remembered by samples of
    the model itself. A new task is noticed because its batches are not typical of any
    earlier one. Only for this test some inputs of each task are kept, which no fit sees: the
    flow changes with every task, and so does what is typical.

    References:
        Task-agnostic Continual Learning with Hybrid Probabilistic Models (Kirichenko,
        Farajtabar, Rao, Lakshminarayanan, Levine, Li, Hu, Wilson, Pascanu, 2021)

    Arguments:
        network: The flow before the first task, such as `networks.NormalisingFlow`. It is
            not changed.
        engine: Makes the engine of a fit from a network and a likelihood: here are the
            prior and the guide, so that any posterior over the weights of the flow can be
            learned.
        memory: How earlier tasks are remembered, `Replay()`, `Recall(scale)` or `Forget()`.
        spread: Standard deviation of each coordinate of the means, which are drawn once
            when a task is learned.
        batch_size: Number of data in a batch.

    Raises:
        ValueError: A spread that is not positive.

    Example:
        >>> def engine(network, likelihood):
        ...     prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
        ...     model = zoo.BayesianNetwork(network, prior, likelihood)
        ...     guide = guides.Delta(model)
        ...     return inference.SVI(model, guide, num_steps=20, progress=False)
        >>> learner = HybridLearner(networks.NormalisingFlow(2), engine)
        >>> train = Split(torch.randn(80, 2), torch.arange(80) % 2)
        >>> known = learner.learn(train, held_out=torch.randn(40, 2))
        >>> known.predict(torch.randn(5, 2)).classes.shape
        torch.Size([5, 2])
    """

    def __init__(
        self,
        network: nn.Module,
        engine: MakeEngine,
        memory: TaskMemory | None = None,
        *,
        spread: float = 1.0,
        batch_size: int = 256,
    ) -> None:
        if not 0 < spread < float("inf"):
            raise ValueError(
                f"spread is the standard deviation of the means and must be positive, not {spread}"
            )
        self.network = network
        self.engine = engine
        self.memory = Forget() if memory is None else memory
        self.spread = spread
        self.batch_size = batch_size

    def learn(
        self, train: Split, held_out: Tensor, known: HybridPosterior | None = None
    ) -> HybridPosterior:
        """Learn a new task, and return what is known afterwards.

        Arguments:
            train: Inputs (N, D) and classes (N,) of the new task.
            held_out: Other inputs of the task, (M, D), to which batches are compared later.
            known: What is known of earlier tasks; None before the first.
        """
        lesson, components = self._prepare(train, known)
        network = self.network if known is None else known.network
        engine = self.engine(network, lesson.likelihood)
        posterior = engine.fit(lesson.data, batch_size=self.batch_size, **lesson.given)

        task = components.num_tasks - 1
        counts = components.indices(train.y, task).bincount(
            minlength=len(components.means)
        )
        if known is not None:
            counts[: len(known.counts)] += known.counts

        references = (*(known.references if known else ()), held_out)

        return HybridPosterior(posterior, components, counts, references)

    def _prepare(
        self, train: Split, known: HybridPosterior | None
    ) -> tuple[Lesson, Components]:
        """Return what the fit of a task is of, and the components with those of the task."""
        before = known.components if known else Components.none(train.x.shape[1])
        components = before.with_task(train.y, self.spread)
        y = components.indices(train.y, before.num_tasks)
        likelihood = GaussianClasses(components.means)
        if known is None:
            return Lesson(likelihood, (train.x, y), {}), components

        earlier = known.sample(known.counts)

        return self.memory.lesson(likelihood, train.x, y, earlier), components

    def __repr__(self) -> str:
        return f"HybridLearner({type(self.network).__name__}, {self.memory!r})"
