"""The methods that `zoo explore` shows: guides and engines, each with runs of growing length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import guides
from zoo.datasets import Split
from zoo.explore.fit_series import FitAll, FitSeries
from zoo.inference import NUTS, SVI, Laplace, RepulsiveEnsemble
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.posterior import Posterior
from zoo.runtime.programs import PyroProgram

STEPS = (10, 50, 200, 600, 2000, 5000)
DRAWS = (2, 5, 20, 50, 100, 200)  # of each chain
QUICK_STEPS = (2, 5)
_STEP_UNIT = "gradient steps"
_PARTICLES = 50


def methods(quick: bool = False, sampler: bool = True) -> list[FitSeries]:
    """Return the methods of the page.

    Arguments:
        quick: Few and short runs, for a test.
        sampler: Whether NUTS is among them.
    """
    steps = QUICK_STEPS if quick else STEPS
    chosen = []
    for name, about, guide in _GUIDES[: 2 if quick else None]:
        chosen.append(FitSeries(name, about, _STEP_UNIT, steps, _svi(guide)))

    if not quick:
        for name, about, fit in _ENGINES:
            chosen.append(FitSeries(name, about, _STEP_UNIT, steps, fit))

    if sampler:
        draws = QUICK_STEPS if quick else DRAWS
        fit_nuts = _quick_nuts if quick else _nuts
        about = "A sampler, exact if it runs long enough: this is a run of its own."
        chosen.append(FitSeries("NUTS", about, "draws per chain", draws, fit_nuts))

    return chosen


def _svi(make_guide: type[guides.Guide]) -> FitAll:
    """Return a function that fits a guide with runs of several lengths."""
    return partial(_guide, make_guide)


def _guide(
    make_guide: type[guides.Guide],
    model: BayesianNetwork,
    train: Split,
    lengths: Sequence[int],
) -> Iterator[Posterior]:
    """Fit a guide anew for each length, so that its learning rate has fallen to zero."""
    for length in lengths:
        guide = _make(make_guide, model)
        engine = SVI(model, guide, num_steps=length, compile="traced", progress=False)
        yield engine.fit(train)


def _make(make_guide: type[guides.Guide], model: BayesianNetwork) -> PyroProgram:
    """Make a guide; of fifty hidden units dropout may lose one in twenty."""
    if make_guide is guides.MCDropout:
        return guides.MCDropout(model, p=0.05)

    return make_guide(model)


def _laplace(
    model: BayesianNetwork, train: Split, lengths: Sequence[int]
) -> Iterator[Posterior]:
    """Approximate around the point that so many steps reach."""
    for length in lengths:
        engine = Laplace(
            model,
            structure="full",
            num_steps=length,
            num_samples=200,
            refined=True,
            progress=False,
        )
        yield engine.fit(train)


def _ensemble(
    model: BayesianNetwork, train: Split, lengths: Sequence[int]
) -> Iterator[Posterior]:
    """Move networks that repel each other as functions."""
    for length in lengths:
        engine = RepulsiveEnsemble(
            model,
            num_particles=_PARTICLES,
            num_steps=length,
            compile="traced",
            progress=False,
        )
        yield engine.fit(train)


def _nuts(
    model: BayesianNetwork,
    train: Split,
    lengths: Sequence[int],
    **options: Any,
) -> Iterator[Posterior]:
    """Run four chains once, and keep the first draws of each."""
    engine = NUTS(
        model,
        num_chains=4,
        num_samples=max(lengths),
        progress=False,
        **{"warmup_steps": 300, **options},
    )
    posterior = engine.fit(train)
    for length in lengths:
        draws = {site: value[:, :length] for site, value in posterior.draws.items()}
        yield DrawsPosterior(
            model, draws=draws, state=posterior.state, info=posterior.info
        )


_quick_nuts = partial(
    _nuts, init="prior", warmup_steps=2, max_tree_depth=2, compile="traced"
)
_GUIDES: list[tuple[str, str, type[guides.Guide]]] = [
    ("mean field", "A normal for each weight, all independent.", guides.MeanField),
    ("MAP", "One best value for each weight: no spread at all.", guides.Delta),
    ("full rank", "One normal with every correlation of two weights.", guides.FullRank),
    ("low rank", "A normal with four common factors of correlation.", guides.LowRank),
    ("MC dropout", "One network, units dropped at random.", guides.MCDropout),
]
_ENGINES: list[tuple[str, str, FitAll]] = [
    ("Laplace", "A normal from the curvature at one best network.", _laplace),
    ("ensemble", "Fifty networks whose functions repel each other.", _ensemble),
]
