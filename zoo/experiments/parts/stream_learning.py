"""A stream of tasks, learned one after another in one of several ways."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from zoo import datasets, likelihoods, metrics, priors
from zoo.datasets import Dataset, Split
from zoo.datasets.coreset import ChooseRows
from zoo.datasets.stream import Stream
from zoo.model import BayesianNetwork
from zoo.networks import MultiHead
from zoo.posterior.posterior import Posterior
from zoo.priors.previous import HasDistributions
from zoo.priors.prior import Prior

Rows = tuple[tuple[Tensor, Tensor], Tensor]  # images and their heads, and labels
MakePrior = Callable[[HasDistributions | None, int], Prior]
FitTask = Callable[[BayesianNetwork, Rows, int], Posterior]
Remember = Callable[[Posterior, Rows, int], HasDistributions | None]

_INIT = 0.1  # standard deviation of the first weights, as in the authors' program
NORMAL = dist.Normal(0.0, 1.0)


def as_before(memory: HasDistributions | None, _task: int) -> Prior:
    """Return the prior of a task: what is known of the tasks before, N(0, 1) of new heads."""
    rule = NORMAL if memory is None else priors.previous(memory, otherwise=NORMAL)

    return priors.WeightPrior(rule)


def the_posterior(posterior: Posterior, _rows: Rows, _task: int) -> HasDistributions:
    """Remember a task by its posterior."""
    return posterior


@dataclass(frozen=True)
class Way:
    """A way to learn a stream.

    Arguments:
        fit: Fits a model to the rows of a task, of the given index.
        prior: Makes the prior of a task from what is remembered.
        remember: What is known after a fit, from which the next prior is made.
        choose: Chooses the rows of coresets; None for none.
        fit_core: Fits a model to the rows of coresets, if there are some.
        joint: Whether a task is learned together with all before it, from a new network.
        num_samples: Draws of a prediction.
    """

    fit: FitTask
    prior: MakePrior = as_before
    remember: Remember = the_posterior
    choose: ChooseRows | None = None
    fit_core: FitTask | None = None
    joint: bool = False
    num_samples: int = 20


@dataclass
class StreamLearner:
    """Learns a stream of tasks in one way.

    Arguments:
        stream: The tasks.
        way: How they are learned.
        width: Units of each of two hidden layers.
        has_heads: Whether each task has a head of its own.
        num_core: Rows of the coreset of each task, if the way has them.
    """

    stream: Stream
    way: Way
    width: int
    has_heads: bool
    num_core: int
    _cores: list[Rows] = field(default_factory=list)

    def learn(self, seed: int) -> dict[str, Tensor]:
        """Learn all tasks; those of a joint way at once.

        Arguments:
            seed: Seed of the network and of the fits.

        Returns:
            "matrix": accuracies after task i on task j, (T, T), NaN for tasks not yet
            learned; "probs": class probabilities of the test images of all tasks after
            the last one, (N, O).
        """
        pyro.set_rng_seed(seed)
        last = len(self.stream) - 1
        matrix = torch.full((last + 1, last + 1), float("nan"))
        probs: list[Tensor] = []
        network, memory = self._network(), None
        for task in [last] if self.way.joint else range(last + 1):
            network = self._with_heads(network, task)
            rows = self._training_rows(task)
            posterior = self.way.fit(self._model(network, memory, task), rows, task)
            memory = self.way.remember(posterior, rows, task)
            network = network_after(posterior)

            predictor = self._with_coresets(posterior, task)
            probs = [self._probs(predictor, each) for each in range(task + 1)]
            for each, found in enumerate(probs):
                matrix[task, each] = metrics.accuracy(found, self.stream[each].test.y)

        return {"matrix": matrix, "probs": torch.cat(probs)}

    def _network(self) -> MultiHead:
        """Return a new network with one head."""
        shape = self.stream[0].train.x.shape[1:]
        body = nn.Sequential(
            nn.Flatten(),
            nn.Linear(shape.numel(), self.width),
            nn.ReLU(),
            nn.Linear(self.width, self.width),
            nn.ReLU(),
        )

        return MultiHead(_wide(body), [self._head()])

    def _head(self) -> nn.Linear:
        """Return a new head."""
        return _wide(nn.Linear(self.width, len(self.stream[0].classes or ())))

    def _with_heads(self, network: MultiHead, task: int) -> MultiHead:
        """Return a network with a head for each task up to this one."""
        heads = list(network.heads)
        while len(heads) <= self._head_of(task):
            heads.append(self._head())

        return MultiHead(network.body, heads)

    def _head_of(self, task: int) -> int:
        """Return the head of a task."""
        return task if self.has_heads else 0

    def _rows(self, part: Split, task: int) -> Rows:
        """Return a part of a task with its head as an input."""
        heads = torch.full((len(part.x),), self._head_of(task))

        return (part.x, heads), part.y

    def _training_rows(self, task: int) -> Rows:
        """Return what a task is learned from, and keep its coreset."""
        if self.way.joint:
            parts = [
                self._rows(self.stream[each].train, each) for each in range(task + 1)
            ]
            return joined(parts)

        data: Dataset = self.stream[task]
        if self.way.choose is not None:
            data, core = datasets.coreset(
                data, self.num_core, self.way.choose, seed=task
            )
            self._cores.append(self._rows(core, task))

        return self._rows(data.train, task)

    def _model(
        self, network: nn.Module, memory: HasDistributions | None, task: int
    ) -> BayesianNetwork:
        """Return the model of a task, under the prior of what is remembered."""
        prior = self.way.prior(memory, task)

        return BayesianNetwork(network, prior, likelihoods.Categorical())

    def _with_coresets(self, posterior: Posterior, task: int) -> Posterior:
        """Return a posterior that has learned the coresets too; it is never a prior."""
        if self.way.fit_core is None:
            return posterior

        model = self._model(network_after(posterior), posterior, task)

        return self.way.fit_core(model, joined(self._cores), task)

    def _probs(self, posterior: Posterior, task: int) -> Tensor:
        """Return class probabilities of the test images of a task, (N, O)."""
        inputs, _ = self._rows(self.stream[task].test, task)
        number = self.way.num_samples

        return posterior.predict(inputs, num_samples=number, progress=False).probs


def _wide(module: nn.Module) -> nn.Module:
    """Start all weights from a normal that is cut off at two standard deviations."""
    for tensor in module.parameters():
        nn.init.trunc_normal_(tensor, std=_INIT, a=-2 * _INIT, b=2 * _INIT)

    return module


def joined(parts: Sequence[Rows]) -> Rows:
    """Return the rows of several parts together."""
    x = torch.cat([x for (x, _), _ in parts])
    heads = torch.cat([heads for (_, heads), _ in parts])
    y = torch.cat([y for _, y in parts])

    return (x, heads), y


def network_after(posterior: Posterior) -> nn.Module:
    """Return a copy of the network with the means of the weights and with point estimates.

    Nodes do not multiply its weights, because the next prior has their posterior.
    """
    network = copy.deepcopy(posterior.model.network)
    known = network.state_dict()
    found = dict(posterior.state) | posterior.means()
    for name, value in found.items():
        if name in known:
            known[name] = value

    network.load_state_dict(known)

    return network
