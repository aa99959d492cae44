"""Fidelity: how far a posterior is from the truth, in function space, beside the truth's distance from itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from zoo.datasets import Dataset
from zoo.diagnostics.proposal import has_density, log_ratios
from zoo.diagnostics.scores import (
    Functions,
    classification,
    errors,
    floor,
    joined,
    regression,
)
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.labelled import pareto_k
from zoo.posterior.posterior import Posterior

PROPOSALS = 1000  # draws behind Pareto's k

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GOOD = {"coverage": 0.9} | dict.fromkeys(
    ("spread_ratio", "spread_factor", "agreement", "epistemic_away"), 1.0
)  # else 0


class Reference(Protocol):
    """A truth that knows at which inputs it is known: see `zoo.references`."""

    posterior: Posterior
    model: BayesianNetwork
    inputs: Tensor
    away: Tensor
    targets: Tensor | None
    data: Dataset
    log_evidence: float | None


@dataclass(frozen=True, repr=False, eq=False)
class Fidelity:
    """The card of a posterior: its scores against the truth, each with its floor and its Monte-Carlo error.

    Regression: `mean_error`, `spread_ratio`, `wasserstein` (units: the truth's standard
    deviation), `coverage`. Classification: `agreement`, `total_variation`, `coverage`.
    Against a reference of `zoo.references` also `spread_factor`, how many times the
    spread is too wide or too narrow at an input (regression), `epistemic_away`, the
    spread (or mutual information) away from the data over the truth's, and
    `log_likelihood_gap` on held-out data, in nats per datum.

    Arguments:
        scores: Score by name.
        floor: What the truth's own chains score against the rest, by name: no posterior
            can be seen to be closer.
        num_samples: Draws on either side.
        errors: Monte-Carlo error of each score.
        ours: The draws that were scored, for the picture.
        truth: As many of the truth.
        reference: The reference, where the truth is one.
        posterior: The posterior that was scored, where it was one.
    """

    scores: dict[str, float]
    floor: dict[str, float]
    num_samples: int
    errors: dict[str, float]
    ours: Functions
    truth: Functions
    reference: Reference | None = None
    posterior: Posterior | None = None

    def __getattr__(self, name: str) -> float:
        try:
            return self.__dict__["scores"][name]
        except KeyError:
            raise AttributeError(name) from None

    def beyond(self, name: str) -> float:
        """Return how many Monte-Carlo errors a score is farther from what is good than its floor; below 0, nearer."""
        good = GOOD.get(name, 0.0)
        return (abs(self.scores[name] - good) - abs(self.floor[name] - good)) / max(
            self.errors[name], 1e-12
        )

    @property
    def verdict(self) -> str:
        """What the scores say, in a sentence."""
        said = [
            self._centre(),
            self._spread("spread_ratio", ""),
            self._spread("epistemic_away", " away from the data"),
        ]
        if (
            "spread_factor" in self.scores
            and self.spread_ratio > 0.01
            and self.beyond("spread_factor") >= 3
        ):
            said.insert(
                2,
                f"{self.spread_factor:.1f} times too wide or too narrow from input to input",
            )
        return ", ".join(part for part in said if part)

    def _centre(self) -> str:
        name = "total_variation" if "total_variation" in self.scores else "mean_error"
        if self.beyond(name) < 3:
            return "right probabilities" if name == "total_variation" else "right mean"
        if name == "mean_error":
            return f"mean off by {self.scores[name]:.2g} of the truth's standard deviations"
        return f"probabilities off by {self.scores[name]:.1%}, another class at {1 - self.agreement:.1%} of the inputs"

    def _spread(self, name: str, where: str) -> str:
        if name not in self.scores:
            return ""
        ratio, what = (
            self.scores[name],
            "spread" if "spread_ratio" in self.scores else "doubt",
        )
        if ratio < 0.01:
            return f"no {what}{where}"
        if self.beyond(name) < 3:
            return f"right {what}{where}"
        return (
            f"{ratio:.0%} of the {what}{where}"
            if ratio < 2
            else f"{ratio:.1f} times the {what}{where}"
        )

    @cached_property
    def context(self) -> dict[str, float]:
        """Pareto k of the guide as a proposal, and the ELBO's gap in nats where the evidence is known; no scores.

        Beside a reference, of a guide over its sites that has a density; see
        `zoo.diagnostics.k_hat`.
        """
        posterior, reference = self.posterior, self.reference
        if posterior is None or reference is None or not has_density(posterior):
            return {}
        if posterior.model.latents.keys() != reference.model.latents.keys():
            return {}
        ratios = log_ratios(posterior, reference.data.train, PROPOSALS)
        found = {"Pareto k": float(pareto_k(ratios.cpu().numpy()))}
        if reference.log_evidence is not None:
            found["ELBO gap"] = reference.log_evidence - float(ratios.mean())
        return found

    def plot(self) -> Figure:
        """Draw the card: bands over the truth's, the calibration of the spread, and the scores beside their floor."""
        from zoo import plots

        away = line = None
        if self.reference is not None:
            away, x = self.reference.away, self.reference.inputs
            line = x[:, 0] if x.dim() == 2 and x.shape[1] == 1 else None
        best = {name.replace("_", " "): good for name, good in GOOD.items()}
        where = {"away": away, "line": line}
        verdict = "\n".join(
            part for part in (self.verdict, self._said_of_context()) if part
        )
        return plots.card(
            self.ours.values,
            self.truth.values,
            self.rows(),
            verdict,
            best=best,
            **where,
        )

    def _said_of_context(self) -> str:
        said = [
            f"{name} {value:.2f}{' nats' * (name == 'ELBO gap')}"
            for name, value in self.context.items()
        ]
        return f"for context: {', '.join(said)}" if said else ""

    def rows(self) -> list[tuple[str, float, float, float]]:
        """Return name, value, floor and Monte-Carlo error of each score."""
        return [
            (name.replace("_", " "), v, self.floor[name], self.errors[name])
            for name, v in self.scores.items()
        ]

    def __str__(self) -> str:
        return ", ".join(
            f"{name} {value:.2f} ({lowest:.2f})"
            for name, value, lowest, _ in self.rows()
        )

    def __repr__(self) -> str:
        return f"Fidelity: {self}; the truth against itself in brackets; {self.verdict}"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{name}</td><td>{value:.3f}</td><td>{lowest:.3f}</td><td>{error:.3f}</td></tr>"
            for name, value, lowest, error in self.rows()
        )
        head = "<tr><th>score</th><th>value</th><th>floor</th><th>Monte-Carlo error</th></tr>"
        said = f"<p>{self.verdict}</p><p>{self._said_of_context()}</p>"
        return f"{said}<table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def fidelity(
    posterior: Posterior | Tensor,
    truth: Posterior | Reference,
    x: Tensor | None = None,
    num_samples: int | None = None,
) -> Fidelity:
    r"""Score a posterior against the truth on function values f(x) without noise, equal numbers of draws on both sides.

    For regression, with mean m, standard deviation s and sorted draws f_(i) at each
    input and output, averaged over these:

    .. math:: \text{mean error} = |m_q - m_p| / s_p, \quad \text{spread ratio} = s_q / s_p, \quad
        \text{wasserstein} = \tfrac{1}{S} \textstyle\sum_i |f^q_{(i)} - f^p_{(i)}| / s_p

    For classification agreement of the predicted class and total variation between
    averaged class probabilities. `coverage` is the share of the truth's draws inside
    the central 90 % of the posterior's, 0.9 when all is well. The floor beside each
    score is the average over the truth's chains of one chain scored against the rest.
    The Monte-Carlo error is the score's spread when draws, and the truth's chains, are
    drawn again.

    References:
        What Are Bayesian Neural Network Posteriors Really Like? (Izmailov, Vikram, Hoffman, Wilson, 2021)

    Arguments:
        posterior: The posterior to be scored, or function values (S, N, ...) at the
            truth's inputs.
        truth: Draws of a sampler, two chains or more for a floor; or a reference of
            `zoo.references`, which brings its inputs.
        x: Inputs (N, ...), held-out ones as a rule; none beside a reference.
        num_samples: Draws on either side; by default as many as one of the truth's
            chains has, like the floor.

    Raises:
        ValueError: A truth that is no sampler's; no inputs, or inputs beside a
            reference.

    Example:
        >>> truth = inference.HMC(model, num_chains=2, warmup_steps=5, num_samples=9, progress=False, compile=False)
        >>> sorted(zoo.fidelity(posterior, truth.fit(data.train), data.test.x).scores)
        ['coverage', 'mean_error', 'spread_ratio', 'wasserstein']
    """
    reference = None if isinstance(truth, Posterior) else truth
    if (x is None) == (reference is None):
        raise ValueError(
            "give inputs x beside a posterior, and none beside a reference, which brings its own"
        )
    truth, x = (
        (truth, x) if reference is None else (reference.posterior, reference.inputs)
    )
    if not isinstance(truth, DrawsPosterior):
        raise ValueError(
            "the truth is a sampler's posterior, from inference.NUTS or HMC; a guide against a guide says nothing"
        )
    num_chains, length = truth.num_chains, truth.num_samples // truth.num_chains
    targets = reference.targets if reference is not None else None
    known = functions(truth, x, truth.num_samples, targets)
    chains = [
        known.take(torch.arange(length) + number * length)
        for number in range(num_chains)
    ]
    own = len(posterior) if isinstance(posterior, Tensor) else posterior.num_samples
    num_samples = num_samples or min(length, own or length)
    if isinstance(posterior, Tensor):
        ours = Functions(
            posterior.double(), known.pointwise[: len(posterior), :0]
        ).thin(num_samples)
        chains = [chain._replace(pointwise=chain.pointwise[:, :0]) for chain in chains]
    else:
        ours = functions(posterior, x, num_samples, targets)
    discrete = truth.model.likelihood.discrete and ours.values.shape[-1] > 1
    score = partial(
        classification if discrete else regression,
        away=reference.away if reference is not None else None,
    )
    compared = joined(chains).thin(len(ours.values))
    together = 1 if own is None else max(1, len(ours.values) // 10)
    return Fidelity(
        score(ours, compared),
        floor(chains, score),
        len(ours.values),
        errors(ours, chains, score, together),
        ours,
        compared,
        reference,
        None if isinstance(posterior, Tensor) else posterior,
    )


def functions(
    posterior: Posterior, x: Tensor, num_samples: int, targets: Tensor | None = None
) -> Functions:
    """Return draws of a posterior's function at inputs, and the log density of targets of the first of them."""
    prediction = posterior.predict(x, num_samples)
    values = prediction.functions.double()
    if targets is None or len(targets) == 0:
        return Functions(values, values.new_zeros(len(values), 0))
    return Functions(values, prediction.first(len(targets)).pointwise(targets).double())
