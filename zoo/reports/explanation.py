"""The explanation of a model and a guide: the two next to each other, site by site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.model import BayesianNetwork
from zoo.predictive.drawing import draw_sites
from zoo.priors.conditional import Conditional
from zoo.priors.plan import Plan
from zoo.priors.treatment import Treatment, words
from zoo.reports.table import Cell, Table
from zoo.runtime.distributions import describe, is_proper
from zoo.runtime.fixed_rows import num_random, without_fixed_rows
from zoo.runtime.param_scope import ScopedGuide
from zoo.runtime.programs import PyroProgram

__all__ = ["Explanation", "explain"]

_COLUMNS = (
    "site",
    "shape",
    "prior",
    "prior spread",
    "guide",
    "guide mean",
    "guide spread",
)
_Draws = Mapping[str, Tensor]


@dataclass(frozen=True)
class Explanation:
    """The random variables of a model, and how a guide represents them.

    It is printed as a table between a few sentences, and rendered in a notebook.

    Arguments:
        table: A row per latent site.
        before: Lines above the table: what the model and the guide are.
        after: Lines below the table: what it means.
    """

    table: Table
    before: tuple[str, ...]
    after: tuple[str, ...]

    def __str__(self) -> str:
        table = str(self.table)
        lines = [*self.before, "", table, "", *self.after]

        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        before = _paragraphs(self.before)
        table = self.table._repr_html_()
        after = _paragraphs(self.after)

        return f"{before}{table}{after}"


def _paragraphs(lines: tuple[str, ...]) -> str:
    """Return lines as paragraphs of HTML."""
    html = ""
    for line in lines:
        html += f"<p>{escape(line)}</p>"

    return html


def explain(
    model: BayesianNetwork, guide: PyroProgram, num_samples: int = 200
) -> Explanation:
    """Compare a model and a guide site by site: the prior against the guide's mean and spread.

    Nothing is fitted or copied. A guide is a second program with the same site names;
    inference changes its parameters until it resembles the posterior.

    Arguments:
        model: The model.
        guide: A guide over its latent sites, fitted or not.
        num_samples: Number of draws from prior and guide for means and standard
            deviations.

    Example:
        >>> print(zoo.explain(model, guides.MeanField(model)).table.columns)
        ('site', 'shape', 'prior', 'prior spread', 'guide', 'guide mean', 'guide spread')
    """
    latents = model.latents
    shapes = {}
    num_variables = 0
    for name, prior in latents.items():
        shapes[name] = prior.shape()
        num_variables += num_random(prior)

    scoped = ScopedGuide(guide)
    with torch.random.fork_rng():
        guide_draws = draw_sites(scoped, num_samples, shapes)
        prior_draws: _Draws = {}
        if all(is_proper(prior) for prior in latents.values()):
            prior_draws = draw_sites(model, num_samples, shapes)

    family = type(guide).__name__
    rows = _rows(model, family, prior_draws, guide_draws)

    num_parameters = sum(parameter.numel() for parameter in scoped.parameters())
    network = type(model.network).__name__
    before = (
        f"model  {network} with {model.prior!r} and {model.likelihood!r}: "
        f"{num_variables:,} random variables at {len(rows)} sites",
        f"guide  {family}: {num_parameters:,} parameters that a fit optimises",
    )

    after = (
        "The model draws each site from its prior, and then the targets. The guide draws the same "
        "sites from distributions of its own, which a fit brings closer to the posterior.",
        "Spread is the standard deviation of an element of the site, averaged over its elements; "
        "0 is a point estimate.",
        *_bound_sentence(guide),
        *_not_random_sentences(model.plan),
    )

    return Explanation(Table(_COLUMNS, rows), before, after)


def _rows(
    model: BayesianNetwork, family: str, prior_draws: _Draws, guide_draws: _Draws
) -> list[tuple[Cell, ...]]:
    """Return the row of each latent site; without draws from the prior its spread is missing."""
    treatments: dict[str, Treatment] = dict(model.plan.weights)
    for name, node in model.plan.nodes.items():
        treatments[name] = node.prior

    rows: list[tuple[Cell, ...]] = []
    for name, prior in model.latents.items():
        treatment = treatments.get(name)
        prior_text = _prior_text(prior, treatment)
        draws = without_fixed_rows(guide_draws[name], prior)
        mean = float(draws.mean())
        prior_spread = None
        if prior_draws:
            prior_spread = _spread(without_fixed_rows(prior_draws[name], prior))

        shape = "x".join(map(str, prior.shape())) or "scalar"
        row = (name, shape, prior_text, prior_spread, family, mean, _spread(draws))
        rows.append(row)

    return rows


def _prior_text(prior: TorchDistributionMixin, treatment: Treatment | None) -> str:
    """Write the prior of a site; one of random scale without the value of its scale."""
    if isinstance(treatment, Conditional):
        return words(treatment)

    return describe(prior)


def _spread(draws: Tensor) -> float:
    """Return the standard deviation over draws (S, ...), averaged over the elements of a site."""
    deviations = draws.std(0)

    return float(deviations.mean())


def _bound_sentence(guide: PyroProgram) -> tuple[str, ...]:
    """Say whether the negative loss is a lower bound, if the guide knows."""
    bound = getattr(guide, "bound", None)
    if bound is None:
        return ()

    if bound:
        return ("The negative loss is a lower bound on the log evidence.",)

    return (
        "The negative loss is not a bound on the log evidence: a part of the guide's entropy is "
        "omitted or infinite, or a prior is improper.",
    )


def _not_random_sentences(plan: Plan) -> list[str]:
    """Name the parameters that are optimised, and those that are frozen."""
    sentences = []
    if plan.points:
        names = ", ".join(plan.points)
        sentences.append(f"Not random, optimised: {names}.")

    if plan.frozen:
        names = ", ".join(plan.frozen)
        sentences.append(f"Not random, frozen: {names}.")

    return sentences
