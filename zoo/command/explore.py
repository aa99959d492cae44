"""`zoo explore`: write a page on which fits move next to the true posterior."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyro
import pyro.distributions as dist
from torch import nn
from tqdm.std import tqdm

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, priors, pruning, references
from zoo.command.arguments import HelpWithDefaults
from zoo.command.explore_methods import methods, mode_of_many_calls
from zoo.explore import (
    FitSeries,
    functions_view,
    page,
    plane_view,
    pruning_view,
    scaled_truth,
)
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.references import Reference
from zoo.runtime.files.atomic import write_text
from zoo.runtime.files.output_path import check_output_path
from zoo.runtime.progress import bar

VIEWS = ("functions", "plane", "pruning")
FRACTIONS = (
    0.0,
    0.25,
    0.5,
    0.6,
    0.7,
    0.75,
    0.8,
    0.85,
    0.9,
    0.92,
    0.94,
    0.96,
    0.98,
    0.99,
)
FACTORS = {"half as wide": 0.5, "as in the reference": 1.0, "twice as wide": 2.0}
RULES = ("signal to noise", "density at zero", "MAP, by size")


class PageContents(NamedTuple):
    """What a page shows, and the steps of the progress bar that it takes.

    Arguments:
        factors: Scales of the priors of the first view, in multiples of the reference's.
        of_functions: Methods of the first view.
        of_plane: Methods of the second view.
        fractions: Fractions of the weights that the third view drops.
    """

    factors: dict[str, float]
    of_functions: list[FitSeries]
    of_plane: list[FitSeries]
    fractions: tuple[float, ...]

    @property
    def num_steps(self) -> int:
        """Count truths to sample, fits to score, and posteriors to fit and to prune."""
        truths = sum(factor != 1 for factor in self.factors.values())
        fits = len(self.factors) * _num_fits(self.of_functions)
        fits += _num_fits(self.of_plane)
        digits = 2
        pruned = len(RULES) * len(self.fractions)

        return truths + fits + digits + pruned


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.formatter_class = HelpWithDefaults
    parser.description = (
        "Write one HTML file, which needs no network, with three pictures that move: "
        "functions of guides and engines next to the true posterior, the uncertainty of "
        "classes in the plane, and the predictions of a network that loses its weights. "
        "The fits take about thirteen minutes of one core."
    )
    add = parser.add_argument
    add(
        "--out",
        type=Path,
        default=Path("page.html"),
        metavar="FILE",
        help="the page to write",
    )
    add("--seed", type=int, default=0, help="seed of all random numbers")
    add("--quick", action="store_true", help="few and short fits, to try the page")
    add("--no-progress", action="store_true", help="no progress bar")


def run(arguments: argparse.Namespace) -> None:
    """Fit everything that the page shows, and write the page."""
    path = check_output_path(arguments.out, "page")
    quick, seed = arguments.quick, arguments.seed
    shown = contents(quick)
    pyro.set_rng_seed(seed)  # of the networks' first values too
    with bar(shown.num_steps, "fits of the page", not arguments.no_progress) as steps:
        data = {
            "functions": _functions(shown, quick, seed, steps),
            "plane": _plane(shown, quick, seed, steps),
            "pruning": _pruning(shown, quick, seed, steps),
            "about": {"version": zoo.__version__, "seed": seed, "quick": quick},
        }

    text = page(data)
    megabytes = len(text.encode()) / 1e6
    write_text(path, text)
    print(f"written: {path} ({megabytes:.2f} MB); open it in a browser")


def contents(quick: bool) -> PageContents:
    """Return what the page shows; a quick one has less of everything."""
    factors = {
        label: factor for label, factor in FACTORS.items() if factor >= 1 or not quick
    }
    fractions = FRACTIONS[::6] if quick else FRACTIONS

    return PageContents(factors, methods(quick), methods(quick, plane=True), fractions)


def _functions(
    shown: PageContents, quick: bool, seed: int, progress: tqdm
) -> dict[str, Any]:
    """Fit the sinusoid under priors of several widths."""
    truths = {}
    for label, factor in shown.factors.items():
        if factor == 1:
            truths[label] = references.load(references.sinusoid)
        else:
            truths[label] = _sinusoid(factor, quick, seed)
            progress.update()

    return functions_view(truths, shown.of_functions, seed, progress)


def _sinusoid(factor: float, quick: bool, seed: int) -> Reference:
    """Sample the posterior of the sinusoid under a prior of other scales."""
    problem = references.sinusoid()
    scale = 2.0 * factor
    prior = priors.WeightPrior(priors.fan_in(scale, bias_scale=scale))
    model = BayesianNetwork(problem.model.network, prior, problem.model.likelihood)

    options: dict[str, Any] = {
        "num_chains": 4,
        "warmup_steps": 200,
        "num_samples": 300,
        "shared_mass": True,
        "init": "map",
        "compile": mode_of_many_calls(),
        "progress": False,
    }
    if quick:
        few = {"warmup_steps": 2, "num_samples": 8, "num_steps": 2}
        options |= few | {"init": "prior", "compile": "traced"}

    mams = inference.MAMS(model, **options)
    return scaled_truth(problem, model, {"MAMS": mams}, seed)


def _plane(
    shown: PageContents, quick: bool, seed: int, progress: tqdm
) -> dict[str, Any]:
    """Fit the moons."""
    truth = references.load(references.moons)

    return plane_view(truth, shown.of_plane, 12 if quick else 36, seed, progress)


def _pruning(
    shown: PageContents, quick: bool, seed: int, progress: tqdm
) -> dict[str, Any]:
    """Fit a network to the digits, as a posterior and as one best network."""
    data = datasets.digits()
    mlp = networks.MLP(64, 10, hidden=[16 if quick else 64])
    network = nn.Sequential(nn.Flatten(), mlp)
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = BayesianNetwork(network, prior, likelihoods.Categorical())

    fit = partial(_fit_digits, data, 3 if quick else 3000, seed)
    posterior = fit(model, lambda: guides.LocalReparam(model, init_scale=0.02))
    twin = fit(model, lambda: guides.Delta(model))
    progress.update(2)

    pairs = (
        (posterior, pruning.signal_to_noise),
        (posterior, pruning.density_at_zero),
        (twin, pruning.magnitude),
    )
    chosen = dict(zip(RULES, pairs, strict=True))
    num_samples = 3 if quick else 50
    return pruning_view(chosen, data.test, shown.fractions, num_samples, seed, progress)


def _fit_digits(
    data: datasets.Dataset,
    num_steps: int,
    seed: int,
    model: BayesianNetwork,
    make_guide: Callable[[], guides.Guide],
) -> Posterior:
    """Fit a guide to the digits in batches."""
    pyro.set_rng_seed(seed)
    engine = inference.SVI(
        model,
        make_guide(),
        num_steps=num_steps,
        lr=3e-3,
        compile="traced",
        progress=False,
    )

    return engine.fit(data.train, batch_size=128)


def _num_fits(series: list[FitSeries]) -> int:
    """Count the fits of some methods under one prior."""
    return sum(len(method.lengths) for method in series)
