"""Model and guide side by side, site by site, in words and numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.model import BayesianNetwork
from zoo.predictive.drawing import draw_sites
from zoo.priors.conditional import Conditional
from zoo.priors.treatment import words
from zoo.reports.table import Table
from zoo.runtime.distributions import describe, is_proper
from zoo.runtime.param_scope import ScopedGuide


@dataclass(frozen=True)
class Explanation:
    """What is random in a model and what a guide makes of it; a table with a few sentences round it."""

    table: Table
    before: tuple[str, ...]
    after: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join((*self.before, "", str(self.table), "", *self.after))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        paragraphs = [
            "".join(f"<p>{line}</p>" for line in part)
            for part in (self.before, self.after)
        ]
        return f"{paragraphs[0]}{self.table._repr_html_()}{paragraphs[1]}"


def explain(
    model: BayesianNetwork, guide: Callable[..., object], num_samples: int = 200
) -> Explanation:
    """Lay a model and a guide side by side: for every site its prior, and the mean and spread that the guide gives it.

    Nothing is fitted, nothing is copied and the activations are not touched: a guide is
    a second program with the same site names, and inference moves its parameters until
    it resembles the posterior.

    Arguments:
        model: The model.
        guide: A guide over its latent sites, fitted or not.
        num_samples: Draws by which prior and guide are described.

    Example:
        >>> print(zoo.explain(model, guides.MeanField(model)).table.columns)
        ('site', 'shape', 'prior', 'prior spread', 'guide', 'guide mean', 'guide spread')
    """
    latents = model.latents
    shapes = {name: prior.shape() for name, prior in latents.items()}
    scoped = ScopedGuide(guide)
    with torch.random.fork_rng():
        own = draw_sites(scoped, num_samples, shapes)
        theirs = (
            draw_sites(model, num_samples, shapes)
            if all(map(is_proper, latents.values()))
            else {}
        )
    family = type(guide).__name__
    treatments = {
        **model.plan.weights,
        **{name: node.prior for name, node in model.plan.nodes.items()},
    }
    rows = [
        (
            name,
            "x".join(map(str, shapes[name])) or "scalar",
            words(treatments[name])
            if isinstance(treatments.get(name), Conditional)
            else describe(prior),
            spread(theirs[name]) if theirs else None,
            family,
            float(own[name].mean()),
            spread(own[name]),
        )
        for name, prior in latents.items()
    ]
    columns = (
        "site",
        "shape",
        "prior",
        "prior spread",
        "guide",
        "guide mean",
        "guide spread",
    )
    latent = sum(shape.numel() for shape in shapes.values())
    parameters = sum(parameter.numel() for parameter in scoped.parameters())
    before = (
        f"model  {type(model.network).__name__} with {words_of(model)}: {latent:,} random numbers at {len(rows)} sites",
        f"guide  {family}: {parameters:,} parameters that a fit moves",
    )
    after = [
        "The model draws each site from its prior and then the targets; the guide draws the same sites instead of it.",
        "Spread: the standard deviation of one number of the site, averaged; 0 is a point estimate.",
    ]
    bound = getattr(guide, "bound", None)
    if bound is not None:
        after.append(
            "The loss, changed in sign, is a lower bound of the log evidence."
            if bound
            else "The loss bounds nothing: part of the guide's entropy is dropped or infinite, or a prior is improper."
        )
    for kind, names in (
        ("optimised", model.plan.points),
        ("frozen", model.plan.frozen),
    ):
        if names:
            after.append(f"Not random, {kind}: {', '.join(names)}.")
    return Explanation(Table(columns, rows), before, tuple(after))


def spread(draws: Tensor) -> float:
    """Return the standard deviation over draws (S, ...), averaged over the numbers of a site."""
    return float(draws.std(0).mean())


def words_of(model: BayesianNetwork) -> str:
    """Write prior and likelihood in words."""
    return f"{words(model.prior)} and {model.likelihood!r}"
