"""The methods that `zoo explore` shows: guides and engines, each with runs of growing length."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import guides
from zoo.datasets import Split
from zoo.explore.fit_series import FitSeries
from zoo.inference import NUTS, SVI, Laplace, RepulsiveEnsemble
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.posterior import Posterior
from zoo.runtime.programs import PyroProgram

STEPS = (10, 50, 200, 600, 2000, 5000)
PLANE_STEPS = STEPS[:-1]
SEARCH_STEPS = (10, 100, 600)  # of Laplace, whose search L-BFGS ends
DRAWS = (2, 5, 20, 50, 100)  # of each chain
QUICK_STEPS = (2, 5)
_COMPILERS = ("c++", "g++", "clang++", "cl")
_STEP_UNIT = "gradient steps"
_PARTICLES = 50


def methods(quick: bool = False, plane: bool = False) -> list[FitSeries]:
    """Return the methods of a view.

    Arguments:
        quick: Few and short runs, for a test.
        plane: Whether the view is that of the plane, whose steps take several times as long:
            shorter runs, without NUTS and the guide of low rank.
    """
    steps = QUICK_STEPS if quick else PLANE_STEPS if plane else STEPS
    # functions are fitted under several priors, with one graph, which is compiled once
    mode = "traced" if quick else "auto" if plane else mode_of_many_calls()
    left_out = guides.LowRank if plane else None
    chosen = []
    for name, about, guide in _GUIDES[: 2 if quick else None]:
        if guide is not left_out:
            fit = partial(_guide, guide, mode)
            chosen.append(FitSeries(name, about, _STEP_UNIT, steps, fit))

    if not quick:
        chosen += _engines(steps, mode)

    if not plane:
        draws = QUICK_STEPS if quick else DRAWS
        fit_nuts = _quick_nuts if quick else _nuts
        about = "A sampler, exact if it runs long enough: this is a run of its own."
        chosen.append(FitSeries("NUTS", about, "draws per chain", draws, fit_nuts))

    return chosen


def mode_of_many_calls() -> str:
    """Return how to run a graph that is called a hundred thousand times.

    Each fit by itself is too short to be compiled for.
    """
    has_compiler = any(map(shutil.which, _COMPILERS))

    return "compiled" if has_compiler else "traced"


def _engines(steps: tuple[int, ...], mode: str) -> list[FitSeries]:
    """Return the methods that are no guides."""
    fit = partial(_ensemble, mode)
    about = "A normal from the curvature at one best network."
    laplace = FitSeries("Laplace", about, _STEP_UNIT, SEARCH_STEPS, _laplace)
    about = "Fifty networks whose functions repel each other."
    ensemble = FitSeries("ensemble", about, _STEP_UNIT, steps, fit)

    return [laplace, ensemble]


def _guide(
    make_guide: type[guides.Guide],
    compile: str,
    model: BayesianNetwork,
    train: Split,
    lengths: Sequence[int],
) -> Iterator[Posterior]:
    """Fit a guide anew for each length, so that its learning rate has fallen to zero."""
    for length in lengths:
        guide = _make(make_guide, model)
        engine = SVI(model, guide, num_steps=length, compile=compile, progress=False)
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
    compile: str, model: BayesianNetwork, train: Split, lengths: Sequence[int]
) -> Iterator[Posterior]:
    """Move networks that repel each other as functions."""
    for length in lengths:
        engine = RepulsiveEnsemble(
            model,
            num_particles=_PARTICLES,
            num_steps=length,
            compile=compile,
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
        shared_mass=True,
        **{"warmup_steps": 100, "init": "map", **options},
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
