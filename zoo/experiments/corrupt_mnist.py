"""corrupt-mnist: entropy and accuracy of a posterior and of its twin as digits are rotated, drowned in noise, skewed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

import guides
from zoo import datasets, stress
from zoo.datasets import Dataset, Split
from zoo.experiments.experiment import Experiment
from zoo.experiments.prune import built
from zoo.experiments.run import Run
from zoo.experiments.scores import Number
from zoo.posterior.posterior import Posterior

SPOILERS: dict[Callable[..., object], tuple[float, ...]] = {
    stress.rotation: (0, 15, 30, 45, 66, 90),
    stress.noise: (0, 0.25, 0.5, 1.0, 1.5, 2.0),
    stress.skew: (0, 0.1, 0.2, 0.3),
    stress.warp: (0, 1, 2, 3, 4),
}
PUBLISHED = {  # entropy in nats and accuracy, read off the talk's figures
    stress.rotation: {0: (0.13, 0.97), 66: (1.25, 0.06)},
    stress.noise: {0: (0.14, 1.0), 2.0: (1.95, 0.23)},
}
UNITS = {
    stress.rotation: "rotation, degrees",
    stress.noise: "noise, standard deviations (white is 1)",
    stress.skew: "skew, a share of the side",
    stress.warp: "warp, pixels that each moves",
}
DRAWS, IMAGES = 12, 2_000


def run(run: Run) -> None:
    """Fit the posterior and its twin, corrupt test images more and more, and draw what both say."""
    data = run.dataset(datasets.mnist, num_validation=5_000)
    families = {
        "posterior": (partial(guides.LocalReparam, init_scale=0.02), 0.7),
        "MAP": (guides.Delta, 0.3),
    }
    fits = {
        name: run.fit(
            name, partial(built, run, data, family), data, share=share, epochs=30
        )
        for name, (family, share) in families.items()
    }
    for name, posterior in fits.items():
        draws = DRAWS if name == "posterior" else 1
        run.score(
            name,
            partial(posterior.predict, data.test.x, draws, progress=run.progress),
            data.test.y,
        )
        run.find(f"error of the {name}, %", run.result.scores[name]["error %"])
    rows = torch.randperm(len(data.test.x), generator=torch.Generator().manual_seed(0))[
        :IMAGES
    ]
    few = replace(data, test=Split(data.test.x[rows], data.test.y[rows]))
    found = {
        corrupt: corrupted(run, fits, few, corrupt, levels)
        for corrupt, levels in SPOILERS.items()
    }
    picture(run, found)
    run.note(
        f"The posterior is {DRAWS} draws, the corrupted images are {len(rows)} of the test part."
    )
    if not run.full:
        run.note("The network has a third of the published channels.")


def corrupted(
    run: Run,
    fits: dict[str, Posterior],
    data: Dataset,
    corrupt: Callable[..., object],
    levels: tuple[float, ...],
) -> dict[str, stress.Severity]:
    """Spoil by one corruption, keep the curves, and state what was published of them."""
    found = {}
    for name, posterior in fits.items():
        draws = DRAWS if name == "posterior" else 1
        with run.same_draws():
            found[name] = stress.severity(
                posterior,
                data,
                corrupt,
                levels,
                num_samples=draws,
                seed=run.seed,
                progress=run.progress,
            )
        run.tabulate(f"{found[name].corruption}, {name}", found[name].table.to_dicts())
    for level, published in PUBLISHED.get(corrupt, {levels[-1]: (None, None)}).items():
        for name, severity in found.items():
            evaluation = severity.evaluations[list(severity.severities).index(level)]
            right = (evaluation.predicted == evaluation.y).double()
            theirs = published if name == "posterior" else (None, None)
            what = f"{severity.corruption} {level:g}, {name}"
            run.find(
                f"entropy at {what}, nats",
                Number.mean(evaluation.entropy),
                theirs[0],
                headline=theirs[0] is not None,
            )
            run.find(
                f"accuracy at {what}",
                Number.mean(right),
                theirs[1],
                headline=theirs[1] is not None,
            )
    return found


def picture(
    run: Run, found: dict[Callable[..., object], dict[str, stress.Severity]]
) -> None:
    """Draw accuracy above and entropy below, a column for each corruption."""
    with run.panels(2, len(found), share="row") as axes:
        for column, (corrupt, curves) in zip(axes.T, found.items(), strict=True):
            for ax, score in zip(column, ("accuracy", "entropy"), strict=True):
                for name, severity in curves.items():
                    ax.plot(
                        severity.severities,
                        severity.scores[score],
                        "o-",
                        markersize=4,
                        label=name,
                    )
                published = PUBLISHED.get(corrupt, {})
                if published:
                    values = [
                        values[score == "accuracy"] for values in published.values()
                    ]
                    ax.plot(list(published), values, "k^", label="published")
                ax.set_xlabel(UNITS[corrupt])
        axes[0, 0].set_ylabel("accuracy")
        axes[1, 0].set_ylabel("entropy, nats")
        axes[0, 0].legend(frameon=False)


corrupt_mnist = Experiment(
    name="corrupt-mnist",
    question="does a posterior grow uncertain as fast as it grows wrong, when digits are corrupted?",
    reference="Bayesian deep learning with 10 % of the weights (Romijnders, 2019), a talk",
    minutes=25,
    run=run,
)
