"""What the fits of a sweep are scored on: test data, and a reference posterior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from zoo.datasets import Dataset
from zoo.diagnostics.fidelity import fidelity
from zoo.posterior.posterior import Posterior
from zoo.references import Reference
from zoo.reports.scores import accuracy_scores
from zoo.runtime.description.digest import digest


@dataclass(frozen=True)
class Scoring:
    """Scores posteriors on one data set.

    Arguments:
        data: The data set; its training part is fitted to, its test part scored.
        reference: A sampler's posterior, or a reference of `zoo.references`; None if there
            is none.
        num_samples: Draws for each prediction.
    """

    data: Dataset
    reference: Posterior | Reference | None
    num_samples: int

    def scores(self, posterior: Posterior) -> dict[str, float]:
        """Return the scores of a posterior, by the names of a table's columns."""
        found: dict[str, float] = {}
        x, y = self._test()
        if y is not None:
            number = posterior.num_available(self.num_samples)
            prediction = posterior.predict(x, number, progress=False)
            found |= accuracy_scores(prediction, y, self.data)

        if self.reference is not None:
            is_posterior = isinstance(self.reference, Posterior)
            at = self.data.test.x if is_posterior else None
            closeness = dict(fidelity(posterior, self.reference, at).scores)
            closeness.pop("coverage", None)  # there is another one, of test targets
            for name, value in closeness.items():
                found[name.replace("_", " ")] = value

        return {name: float(value) for name, value in found.items()}

    def words(self) -> str:
        """Return a text that tells these data and this reference from others."""
        tensors: list[Tensor] = []
        for part in (self.data.train, self.data.test):
            tensors += [value for value in part if isinstance(value, Tensor)]

        words: list[Any] = [digest(tensors), self.num_samples]
        if isinstance(self.reference, Posterior):
            words.append(digest(self.reference.sample(1).values()))
        elif self.reference is not None:
            words.append(self.reference.name)

        return " ".join(map(str, words))

    def _test(self) -> tuple[Any, Tensor | None]:
        """Return held-out inputs and targets: those of a known reference if there is one."""
        if isinstance(self.reference, Reference):
            return self.reference.inputs, self.reference.targets

        return self.data.test.x, self.data.test.y
