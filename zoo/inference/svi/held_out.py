"""The evaluation of held-out data during a run of SVI, which decides about early stopping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from zoo.data import Batches, checked, on_device, pair
from zoo.inference.svi.early_stopping import EarlyStopping
from zoo.likelihoods.observed import Observed
from zoo.model import BayesianNetwork
from zoo.predictive.drawing import draw_sites
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.prediction import Prediction
from zoo.runtime.effects import Substitute
from zoo.runtime.programs import PyroProgram
from zoo.runtime.rows import Rows, take


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
    y: Tensor | Observed

    def is_due(self, num_steps: int) -> bool:
        """Return whether to evaluate after this number of gradient steps."""
        return num_steps % self.settings.every == 0

    def reason(self, num_steps: int, scores: HeldOutScores) -> str:
        """Say in a sentence that a run of so many steps is stopped early."""
        best_step = (scores.best + 1) * self.settings.every
        kept = f"the parameters are those of step {best_step}"
        return f"early stopping after {num_steps} steps; {kept}"

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
        with Substitute(state):
            draws = draw_sites(guide, self.settings.num_samples, shapes)

        outputs = evaluate_draws(model, draws, state, self.x)  # (S, N, ...)

        observed = Observed.of(self.y)
        if observed.has_weight is not None:
            outputs = outputs[:, observed.has_weight]
            observed = take(observed, observed.has_weight)

        y, weights, given = observed
        prediction = Prediction(model.likelihood, outputs, draws, given=given)
        log_likelihoods = prediction.log_prob(y)  # (N,)
        if weights is None:
            return -log_likelihoods.mean().item()

        weighted = weights * log_likelihoods
        return -(weighted.sum() / weights.sum()).item()


def hold_out(
    model: BayesianNetwork, data: Batches, stopping: EarlyStopping | None
) -> tuple[Batches, HeldOut | None]:
    """Return the batches to fit, and the held-out data of early stopping if there is any.

    Arguments:
        model: The model.
        data: All data.
        stopping: The settings of early stopping; None for none.

    Raises:
        ValueError: A loader, of whose data no part can be held out, or held-out data that
            do not fit the model.
    """
    if stopping is None:
        return data, None

    if stopping.held_out is None:
        data, (x, y) = data.split(stopping.fraction)
    else:
        x, y = pair(stopping.held_out, "held_out must be a pair (x, y)")
        x, y = checked(model, *on_device(model, x, y))

    has_weight = Observed.of(y).has_weight
    if has_weight is not None and not bool(has_weight.any()):
        raise ValueError(
            "no datum that is held out has a weight; give held_out=(x, y) with some"
        )

    return data, HeldOut(stopping, x, y)


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
