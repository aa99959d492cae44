"""The evaluation of held-out data during a run of SVI, which decides about early stopping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from zoo.inference.svi.early_stopping import EarlyStopping
from zoo.model import BayesianNetwork
from zoo.predictive.drawing import draw_sites
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.prediction import Prediction
from zoo.runtime.programs import PyroProgram
from zoo.runtime.rows import Rows


@dataclass(frozen=True)
class HeldOut:
    """Held-out data, and the settings of their evaluation.

    Arguments:
        settings: When to evaluate and when to stop.
        x: Inputs on the device of the model, (N, ...).
        y: Targets on the device of the model, (N, ...).
    """

    settings: EarlyStopping
    x: Rows
    y: Tensor

    def is_due(self, num_steps: int) -> bool:
        """Return whether to evaluate after this number of gradient steps."""
        return num_steps % self.settings.every == 0

    def score(
        self, model: BayesianNetwork, guide: PyroProgram, state: Mapping[str, Tensor]
    ) -> float:
        """Return the negative log likelihood per held-out datum, in nats.

        Arguments:
            model: The model.
            guide: The guide, with its present parameters.
            state: The present point estimates and buffers by name.
        """
        shapes = {name: prior.shape() for name, prior in model.latents.items()}
        draws = draw_sites(guide, self.settings.num_samples, shapes)
        outputs = evaluate_draws(model, draws, state, self.x)  # (S, N, ...)

        prediction = Prediction(model.likelihood, outputs, draws)
        log_likelihood = prediction.log_prob(self.y).mean()
        return -log_likelihood.item()


@dataclass
class HeldOutScores:
    """The score at each evaluation of the held-out data; lower is better.

    Arguments:
        values: The scores so far.
    """

    values: list[float] = field(default_factory=list)

    @property
    def best(self) -> int:
        """Index of the lowest score."""
        return self.values.index(min(self.values))

    @property
    def num_since_best(self) -> int:
        """Number of evaluations after the best one."""
        return len(self.values) - 1 - self.best
