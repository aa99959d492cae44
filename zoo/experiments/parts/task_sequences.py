"""One method on a stream of tasks: its accuracies after each task, and its last predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

import guides
from zoo import likelihoods, networks, priors
from zoo.datasets import Dataset
from zoo.experiments.parts.batch_tests import BatchSizes, tested_batches
from zoo.experiments.parts.task_stream import TaskStream
from zoo.inference import SVI
from zoo.likelihoods.likelihood import Likelihood
from zoo.model import BayesianNetwork
from zoo.runtime.zuko_flows import zuko_flows
from zoo.streams import HybridLearner, HybridPosterior, Typicality
from zoo.streams.memory import TaskMemory

Classify = Callable[[Tensor], Tensor]  # the probabilities (N, C) of classes at inputs
_NUM_SHOWN = 8  # samples of each class
_OF_CLASSIFIER = (
    0.3  # standard deviation of its prior, at 0.1 few data leave it at zero
)


@dataclass(frozen=True)
class FlowSizes:
    """How large the networks of a data set are, and how long they learn.

    Arguments:
        layers: Number of coupling layers of the flow.
        hidden: Number of hidden units of each layer of the flow; the classifier has twice
            as many.
        steps: Number of gradient steps for each task.
        rate: Learning rate.
        prior: Standard deviation of the prior of the flow's weights.
        spread: Standard deviation of the means of the Gaussians.
    """

    layers: int
    hidden: int
    steps: int
    rate: float
    prior: float
    spread: float

    def times(self, number: int) -> FlowSizes:
        """Return the sizes with so many times the steps."""
        return replace(self, steps=number * self.steps)

    def flow(self, num_features: int) -> networks.NormalisingFlow:
        """Return a flow."""
        make = partial(
            zuko_flows("the flow of this experiment").MAF,
            passes=2,
            transforms=self.layers,
            hidden_features=(self.hidden, self.hidden),
        )

        return networks.NormalisingFlow(num_features, make)

    def classifier(self, num_features: int, num_classes: int) -> networks.MLP:
        """Return a network of two hidden layers."""
        hidden = [2 * self.hidden] * 2

        return networks.MLP(
            num_features, num_classes, hidden=hidden, activation=nn.ReLU
        )

    def engine(self, network: nn.Module, likelihood: Likelihood) -> SVI:
        """Return the engine of a point estimate of the weights."""
        prior = priors.WeightPrior(dist.Normal(0.0, self.prior))
        model = BayesianNetwork(network, prior, likelihood)
        guide = guides.Delta(model)

        return SVI(model, guide, num_steps=self.steps, lr=self.rate, progress=False)


def learn_by_flow(
    stream: TaskStream,
    memory: TaskMemory,
    sizes: FlowSizes,
    batches: BatchSizes,
    seed: int,
) -> dict[str, Any]:
    """Learn tasks one after the other by a flow; return what it knows after each.

    Arguments:
        stream: The tasks, and the inputs that are tested for a new one.
        memory: How earlier tasks are remembered.
        sizes: Sizes of the networks, and steps.
        batches: Sizes of the batches that are tested.
        seed: Seed of all random numbers.
    """
    pyro.set_rng_seed(seed)
    flow = sizes.flow(stream.num_features)
    learner = HybridLearner(flow, sizes.engine, memory, spread=sizes.spread)
    known: HybridPosterior | None = None
    rows: list[Tensor] = []
    first_tests: list[Typicality] = []
    tested: dict[str, list[Tensor]] = {name: [] for name in stream.inputs}
    for task in stream.tasks:
        known = learner.learn(task.train, _reference(task), known)
        first_tests.append(known.tests[-1])
        rows.append(_accuracies(stream.tasks, len(rows) + 1, _by_flow(known)))
        for name, tables in tested.items():
            table = tested_batches(known, first_tests, stream.inputs[name], batches)
            tables.append(table)

    assert known is not None
    found = {
        "matrix": torch.stack(rows),
        "batches": {name: torch.cat(tables) for name, tables in tested.items()},
    }

    return found | _last_of_flow(known, stream)


def learn_jointly_by_flow(
    stream: TaskStream, sizes: FlowSizes, seed: int
) -> dict[str, Any]:
    """Learn all tasks at once by a flow, with the steps of all of them together."""
    pyro.set_rng_seed(seed)
    flow = sizes.flow(stream.num_features)
    longer = sizes.times(len(stream.tasks))
    learner = HybridLearner(flow, longer.engine, spread=sizes.spread)
    references = torch.cat([_reference(task) for task in stream.tasks])

    return _last_of_flow(learner.learn(stream.train, references), stream)


def learn_by_classifier(
    stream: TaskStream, sizes: FlowSizes, seed: int, *, jointly: bool = False
) -> dict[str, Any]:
    """Learn tasks by a classifier with one head, one after the other or all at once."""
    pyro.set_rng_seed(seed)
    network: nn.Module = sizes.classifier(stream.num_features, stream.num_classes)
    lessons = [task.train for task in stream.tasks]
    if jointly:
        lessons = [stream.train]
        sizes = sizes.times(len(stream.tasks))

    rows: list[Tensor] = []
    sizes = replace(sizes, prior=_OF_CLASSIFIER)
    for lesson in lessons:
        engine = sizes.engine(network, likelihoods.Categorical())
        network = engine.fit(lesson, batch_size=256).network().eval()
        classify = _by_classifier(network)
        rows.append(_accuracies(stream.tasks, len(rows) + 1, classify))

    probs = _by_classifier(network)(stream.test.x)
    if jointly:
        return {"probs": probs}

    return {"matrix": torch.stack(rows), "probs": probs}


def _last_of_flow(known: HybridPosterior, stream: TaskStream) -> dict[str, Any]:
    """Return the predictions of a flow after all tasks, and samples of each class."""
    probs = known.predict(stream.test.x).classes
    numbers = torch.full_like(known.counts, _NUM_SHOWN)

    return {"probs": probs, "samples": known.sample(numbers).x}


def _by_flow(known: HybridPosterior) -> Classify:
    """Return the probabilities of classes that are known."""
    return lambda x: known.predict(x).classes


def _by_classifier(network: nn.Module) -> Classify:
    """Return the probabilities of all classes."""

    def classify(x: Tensor) -> Tensor:
        with torch.no_grad():
            return network(x).softmax(-1)

    return classify


def _reference(task: Dataset) -> Tensor:
    """Return the inputs to which batches are compared."""
    assert task.validation is not None

    return task.validation.x


def _accuracies(tasks: Sequence[Dataset], number: int, classify: Classify) -> Tensor:
    """Return the accuracies on the first tasks, (T,), NaN for the others."""
    row = torch.full((len(tasks),), float("nan"), dtype=torch.float64)
    for index, task in enumerate(tasks[:number]):
        x, y = task.test
        row[index] = (classify(x).argmax(-1) == y).double().mean()

    return row
