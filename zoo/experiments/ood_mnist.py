"""ood-mnist: do six posteriors of LeNet-5 notice letters and clothes among digits?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import pyro.distributions as dist
import torch
from torch import Tensor

import guides
from zoo import datasets, networks, priors, stress
from zoo.datasets import Dataset
from zoo.experiments.running.contestant import Contestant
from zoo.experiments.running.method import Method
from zoo.experiments.running.report import Report
from zoo.experiments.running.run import Experiment, Run
from zoo.experiments.running.scores import Number
from zoo.inference import SVI
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.runtime.programs import PyroProgram
from zoo.stress.out_of_distribution import separation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WEIGHT = dist.Normal(0.0, 0.1)
_NODE = dist.Normal(1.0, 0.3)
_ALL_WEIGHTS = priors.WeightPrior(_WEIGHT)
_LAST_LAYER = priors.WeightPrior(
    priors.last_layer(_WEIGHT, otherwise=priors.Point(_WEIGHT))
)
_NODES = priors.NodePrior(_NODE, weights=priors.Point(_WEIGHT))

_METHOD = Method(
    epochs=6,
    engine=partial(SVI, precision="bf16"),
    batch_size=256,
    published_epochs=100,
)
_LOCAL_REPARAM = partial(guides.LocalReparam, init_scale=0.02)
_HIDDEN = ("features.3.weight", "classifier.*.weight")  # not the image: one channel
_CONTESTANTS = {
    "deterministic": Contestant(_ALL_WEIGHTS, guides.Delta, _METHOD),
    "LocalReparam": Contestant(_ALL_WEIGHTS, _LOCAL_REPARAM, _METHOD),
    "Flipout": Contestant(
        _ALL_WEIGHTS, partial(guides.Flipout, init_scale=0.02), _METHOD
    ),
    "MCDropout": Contestant(
        _ALL_WEIGHTS, partial(guides.MCDropout, p=0.2, layers=_HIDDEN), _METHOD
    ),
    "GaussianDropout": Contestant(
        _ALL_WEIGHTS, partial(guides.GaussianDropout, p=0.2), _METHOD
    ),
    "NodeMixture": Contestant(
        _NODES,
        partial(guides.NodeMixture, num_components=4, init_scale=0.1, init_spread=0.3),
        _METHOD,
    ),
    "last layer": Contestant(_LAST_LAYER, _LOCAL_REPARAM, _METHOD),
}
_MEASURES = ("entropy", "mutual information")
_NUM_SAMPLES = 20
_NUM_RESAMPLED = 200  # times that inputs are resampled for the error of a difference

_Found = dict[str, stress.OutOfDistribution]  # by contestant


def _run(run: Run) -> None:
    """Fit seven contestants, and compare how their uncertainty separates digits from others."""
    data = run.dataset(datasets.mnist, num_validation=5_000)

    outside = {"KMNIST": _letters(run), "Fashion-MNIST": _clothes(run, data)}

    found: dict[str, _Found] = {kind: {} for kind in outside}

    for name in _CONTESTANTS:
        num_samples = 1 if name == "deterministic" else _NUM_SAMPLES
        posterior = _fit(run, data, name)

        scores = run.scores.add_posterior(name, posterior, data.test, num_samples)
        run.report.find(f"error, {name}, %", scores["error %"])

        for kind, x in outside.items():
            found[kind][name] = stress.out_of_distribution(
                posterior, data.test.x, x, num_samples=num_samples
            )

    for kind, results in found.items():
        _report(run, kind, results)

    _draw_figure(run.report, found)


def _letters(run: Run) -> Tensor:
    """Return the test images of KMNIST, (N, 1, 28, 28)."""
    path = run.data_path("kmnist_test")
    return datasets.kmnist_test(path).x


def _clothes(run: Run, mnist: Dataset) -> Tensor:
    """Return the test images of Fashion-MNIST in the units of MNIST, (N, 1, 28, 28)."""
    clothes = run.dataset(datasets.fashion_mnist)
    pixels = clothes.x_units.restore(clothes.test.x)

    return mnist.x_units.standardise(pixels)


def _fit(run: Run, data: Dataset, name: str) -> Posterior:
    """Fit a contestant with its share of the budget."""
    build = partial(_build, run, name)
    share = 1 / len(_CONTESTANTS)

    return run.fit(name, build, data, _METHOD, share=share)


def _build(run: Run, name: str) -> tuple[BayesianNetwork, PyroProgram]:
    """Return the model and the guide of a contestant."""
    contestant = _CONTESTANTS[name]
    network = networks.LeNet5()

    return run.build(network, contestant.prior, contestant.make_guide)


def _report(run: Run, kind: str, results: _Found) -> None:
    """Tabulate the AUROCs, and state the gain of each posterior over the deterministic network."""
    rows = [{"posterior": name, **found.auroc} for name, found in results.items()]
    run.report.tabulate(kind, rows)

    baseline = results["deterministic"]

    for name, found in results.items():
        if name == "deterministic":
            continue

        for measure in _MEASURES:
            what = (
                f"AUROC on {kind}: {measure} of {name} minus entropy of deterministic"
            )
            gain = _auroc_gain(found, baseline, measure, run.seed)
            headline = measure == "entropy"
            run.report.find(what, gain, "above 0", headline=headline)


def _auroc_gain(
    found: stress.OutOfDistribution,
    baseline: stress.OutOfDistribution,
    measure: str,
    seed: int,
) -> Number:
    """Return the AUROC of a measure minus that of the baseline's entropy.

    The error is from resampling the same inputs for both.
    """
    inside = found.inside[measure]
    outside = found.outside[measure]
    base_inside = baseline.inside["entropy"]
    base_outside = baseline.outside["entropy"]

    generator = torch.Generator().manual_seed(seed)
    differences = []
    for _ in range(_NUM_RESAMPLED):
        rows_inside = _resample(inside, generator)
        rows_outside = _resample(outside, generator)

        ours = separation(inside[rows_inside], outside[rows_outside])
        base = separation(base_inside[rows_inside], base_outside[rows_outside])
        differences.append(ours - base)

    ours = separation(inside, outside)
    base = separation(base_inside, base_outside)
    error = torch.tensor(differences).std()

    return Number(ours - base, float(error))


def _resample(values: Tensor, generator: torch.Generator) -> Tensor:
    """Return rows of values (N,), drawn with replacement, (N,)."""
    size = len(values)
    return torch.randint(size, (size,), generator=generator)


def _draw_figure(report: Report, found: Mapping[str, _Found]) -> None:
    """Draw the AUROCs, a row for each contestant and a panel for each kind of images."""
    with report.panels(columns=len(found), share="row") as axes:
        for ax, kind in zip(axes[0], found, strict=True):
            _draw_aurocs(ax, found[kind])
            ax.set(title=f"MNIST against {kind}", xlabel="AUROC", xlim=(None, 1.005))

        first = axes[0, 0]
        first.invert_yaxis()
        first.legend(frameon=False, loc="upper left")


def _draw_aurocs(ax: Axes, results: _Found) -> None:
    """Draw a marker for each contestant and measure, and the deterministic network as a line."""
    for measure, marker in zip(_MEASURES, ("o", "^"), strict=True):
        names = list(results)
        if measure == "mutual information":
            names.remove("deterministic")

        areas = [results[name].auroc[measure] for name in names]
        ax.plot(areas, names, marker, label=measure)

    baseline = results["deterministic"].auroc["entropy"]
    ax.axvline(baseline, color="black", linestyle=":", linewidth=1)


ood_mnist = Experiment(
    name="ood-mnist",
    question="do six posteriors detect letters and clothes among digits better than the "
    "deterministic network?",
    reference="Laplace Redux - Effortless Bayesian Deep Learning (Daxberger, Kristiadi, Immer, "
    "Eschenhagen, Bauer, Hennig, 2021), the experiment",
    minutes=35,
    run=_run,
)
