"""The card of a posterior: its scores against a reference, with floors and Monte-Carlo errors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING

from zoo.diagnostics.functions import Functions
from zoo.diagnostics.known_posterior import KnownPosterior
from zoo.diagnostics.proposal import has_density, log_ratios
from zoo.diagnostics.verdict import BEST, verdict
from zoo.posterior.bound import Bound, NoBound
from zoo.posterior.labelled import pareto_k
from zoo.posterior.posterior import Posterior
from zoo.reports.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NUM_PROPOSALS = 1000  # draws behind Pareto k
_NUM_BOUND = 32  # draws for each batch, behind the bound


@dataclass(frozen=True, repr=False, eq=False)
class Fidelity:
    """The card of a posterior: its scores, each with its floor and its Monte-Carlo error.

    A score that this kind of problem does not have raises an AttributeError that names
    the ones it has.

    Arguments:
        scores: Score by name.
        floor: The scores of the reference's own chains against each other, by name: no
            posterior can be seen to be closer.
        num_samples: Number of draws on either side.
        errors: Monte-Carlo error of each score.
        ours: The draws that were scored, for the picture.
        truth: As many draws of the reference.
        reference: The reference of `zoo.references`; None if it was a sampler's
            posterior.
        posterior: The posterior that was scored; None if it was function values.

    Example:
        >>> truth = zoo.references.load("linear")
        >>> card = zoo.fidelity(truth.runs["NUTS"], truth)
        >>> card.wasserstein < 2 * card.floor["wasserstein"], card.verdict
        (True, 'correct mean, correct spread, correct spread away from the data')
    """

    scores: dict[str, float]
    floor: dict[str, float]
    num_samples: int
    errors: dict[str, float]
    ours: Functions
    truth: Functions
    reference: KnownPosterior | None = None
    posterior: Posterior | None = None

    @property
    def mean_error(self) -> float:
        """Distance of the means, in standard deviations of the reference (regression)."""
        return self._score("mean_error")

    @property
    def spread_ratio(self) -> float:
        """Standard deviation divided by the reference's, on average (regression)."""
        return self._score("spread_ratio")

    @property
    def spread_factor(self) -> float:
        """Factor by which the spread at one input is wrong, against a known reference."""
        return self._score("spread_factor")

    @property
    def wasserstein(self) -> float:
        """Wasserstein distance, in standard deviations of the reference (regression)."""
        return self._score("wasserstein")

    @property
    def coverage(self) -> float:
        """Share of the reference's draws inside the central 90 % of the posterior's."""
        return self._score("coverage")

    @property
    def agreement(self) -> float:
        """Share of inputs with the same predicted class (classification)."""
        return self._score("agreement")

    @property
    def total_variation(self) -> float:
        """Total variation between averaged class probabilities (classification)."""
        return self._score("total_variation")

    @property
    def epistemic_away(self) -> float:
        """Epistemic uncertainty away from the data, divided by that of a known reference."""
        return self._score("epistemic_away")

    @property
    def log_likelihood_gap(self) -> float:
        """How much better a known reference predicts held-out data, in nats per datum."""
        return self._score("log_likelihood_gap")

    def _score(self, name: str) -> float:
        """Return a score, or refuse one that this kind of problem does not have."""
        if name not in self.scores:
            known = ", ".join(self.scores)
            raise AttributeError(f"this card has no {name}; its scores are {known}")

        return self.scores[name]

    def beyond(self, name: str) -> float:
        """Return how many Monte-Carlo errors a score is beyond its floor.

        Both distances are from the best value; the result is negative if the score is
        closer to it than the floor.

        Arguments:
            name: Name of the score.
        """
        best = BEST.get(name, 0.0)
        distance = abs(self.scores[name] - best)
        distance_of_floor = abs(self.floor[name] - best)

        error = max(self.errors[name], 1e-12)
        return (distance - distance_of_floor) / error

    @property
    def verdict(self) -> str:
        """What the scores show, in a sentence."""
        beyond = {name: self.beyond(name) for name in self.scores}
        return verdict(self.scores, beyond)

    @cached_property
    def context(self) -> dict[str, float]:
        """Pareto k of the guide, and the ELBO's gap in nats if the evidence is known.

        Only with a reference of `zoo.references`, and for a guide over its sites that
        has a density; see `zoo.diagnostics.k_hat`.
        """
        posterior = self.posterior
        reference = self.reference
        if posterior is None or reference is None or not has_density(posterior):
            return {}

        if posterior.model.latents.keys() != reference.model.latents.keys():
            return {}

        ratios = log_ratios(posterior, reference.data.train, _NUM_PROPOSALS)
        found = {"Pareto k": pareto_k(ratios.cpu().numpy())}
        if reference.log_evidence is not None:
            found["ELBO gap"] = reference.log_evidence - float(ratios.mean())

        return found

    @cached_property
    def bound(self) -> Bound | None:
        """The bound on the evidence in nats per datum; None if there is none.

        Only with a reference of `zoo.references`, whose training data it is of.
        """
        if self.posterior is None or self.reference is None:
            return None

        try:
            train = self.reference.data.train
            return self.posterior.bound(train, num_samples=_NUM_BOUND)
        except NoBound:
            return None

    def plot(self) -> Figure:
        """Draw both posteriors, the calibration of the spread, and the scores with floors."""
        from zoo import plots

        away = None
        x = None
        if self.reference is not None:
            away = self.reference.away
            inputs = self.reference.inputs
            has_one_input = inputs.dim() == 2 and inputs.shape[1] == 1
            x = inputs[:, 0] if has_one_input else None

        best = {name.replace("_", " "): value for name, value in BEST.items()}

        return plots.card(
            self.ours.values,
            self.truth.values,
            self.rows(),
            self.verdict,
            note=self._text_of_context(),
            best=best,
            away=away,
            x=x,
        )

    def _text_of_context(self) -> str:
        """Say Pareto k, the ELBO's gap and a guide's bound; "" without a known reference."""
        parts = []
        for name, value in self.context.items():
            unit = " nats" if name == "ELBO gap" else ""
            parts.append(f"{name} {value:.2f}{unit}")

        posterior = self.posterior
        is_known = self.reference is not None
        if is_known and posterior is not None and posterior.guide is not None:
            parts.append(self._text_of_bound(posterior))

        said = ", ".join(parts)
        return f"for context: {said}" if said else ""

    def _text_of_bound(self, posterior: Posterior) -> str:
        """Return the bound with the kind of the fit, or that there is none."""
        if self.bound is None:
            return "no bound"

        kind = getattr(posterior.info, "fit_kind", "")
        ending = f" ({kind})" if kind else ""

        return f"bound {self.bound} nats per datum{ending}"

    def rows(self) -> list[tuple[str, float, float, float]]:
        """Return name, value, floor and Monte-Carlo error of each score."""
        rows = []
        for name, value in self.scores.items():
            words = name.replace("_", " ")
            floor = self.floor[name]
            error = self.errors[name]
            rows.append((words, value, floor, error))

        return rows

    def __str__(self) -> str:
        parts = []
        for name, value, floor, _ in self.rows():
            parts.append(f"{name} {value:.2f} ({floor:.2f})")

        return ", ".join(parts)

    def __repr__(self) -> str:
        explained = "in brackets the floor, the score of the reference's own chains"
        return f"Fidelity: {self}; {explained}; {self.verdict}"

    def _repr_html_(self) -> str:
        columns = ("score", "value", "floor", "Monte-Carlo error")
        table = Table(columns, self.rows())
        context = self._text_of_context()

        verdict = escape(self.verdict)
        return f"<p>{verdict}</p><p>{escape(context)}</p>{table._repr_html_()}"
