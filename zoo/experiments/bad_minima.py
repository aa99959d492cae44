"""bad-minima: minima of one training loss that generalise or not, and which score knows it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pyro
import torch
from torch import Tensor

import guides
from zoo import landscape
from zoo.experiments.parts.minima_cases import GAP, Case, digits_case, moons_case
from zoo.experiments.parts.minima_scores import SCORES, Score, scores_of
from zoo.experiments.running.run import Experiment, Run
from zoo.experiments.running.scores import Number
from zoo.inference import SVI
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NUM_SEEDS = 5
_NUM_SAMPLES = 20  # directions in which the size of a basin is measured
_MODE_STEPS = 1000
_KINDS = ("good", "bad", "informed")
_ENERGY = "negative log posterior"
_RADIUS = "normalised radius of the basin"
_CASES = {"MNIST": digits_case, "moons": moons_case}


def _run(run: Run) -> None:
    """Find three minima for several seeds, score them, and state which score tells them apart."""
    pictures = {}
    for name, make_case in _CASES.items():
        found = []
        for seed in range(_NUM_SEEDS):
            case = make_case(run, run.seed + seed)
            key = f"{name}, seed {seed}"
            make = partial(_compute, case, run.seed + seed)
            found.append(run.keep(key, make, case=name, seed=run.seed + seed))
            _score(run, key, case, found[-1])

        _state_errors(run, case, found)
        _state_scores(run, name, found)
        pictures[name] = case, found

    _draw(run, *pictures["moons"])
    _add_notes(run)


def _compute(case: Case, seed: int) -> dict[str, Any]:
    """Return the weights and the scores of three minima of one training loss, by kind."""
    pyro.set_rng_seed(seed)
    model = case.model()
    x, y = case.others
    wrong = (x, (y + 1) % case.num_classes)
    train = tuple(case.train)
    long, short = case.epochs

    pair = landscape.bad_minimum(model, train, wrong, num_epochs=long, progress=False)
    share = len(case.train.x) / (len(case.train.x) + len(x))
    informed = landscape.bad_minimum(
        model,
        train,
        (x, y),  # the right labels
        num_epochs=short,
        share=share,
        loss=pair.loss,
        progress=False,
    ).bad

    found = {}
    for kind, end in zip(_KINDS, (pair.good, pair.bad, informed), strict=True):
        found[kind] = {
            "weights": end.means(),
            "loss": float(landscape.line(end, end, train, 2).loss[0]),
            "scores": scores_of(end, case.train, _NUM_SAMPLES),
            "mode": _mode_from(case, end),
        }

    return found


def _mode_from(case: Case, end: DrawsPosterior) -> dict[str, float]:
    """Return the negative log posterior and test error of the mode that a minimum leads to."""
    model = BayesianNetwork(end.network(), end.model.prior, end.model.likelihood)
    guide = guides.Delta(model)
    engine = SVI(model, guide, num_steps=_MODE_STEPS, lr=3e-3, progress=False)
    mode = engine.fit(tuple(case.train))
    line = landscape.line(mode, mode, tuple(case.train), 2, test=tuple(case.test))

    return {
        _ENERGY: float(line.values[0]) * len(case.train.x),
        "training loss": float(line.loss[0]),
        "test error": float(line.test_error[0]),
    }


def _score(run: Run, key: str, case: Case, found: Mapping[str, Any]) -> None:
    """Score the predictions of three minima on the test data."""
    for kind in _KINDS:
        predict = partial(_posterior(case, found[kind]).predict, case.test.x, 1)
        run.scores.add(f"{kind}, {key}", predict, case.test.y)


def _posterior(case: Case, found: Mapping[str, Any]) -> DrawsPosterior:
    """Return a minimum as a posterior of one draw."""
    draws = {name: value[None, None] for name, value in found["weights"].items()}

    return DrawsPosterior(case.model(), draws=draws, state={}, info=None)


def _state_errors(run: Run, case: Case, found: list[dict[str, Any]]) -> None:
    """State training losses, test errors, and where the posterior's modes are."""
    for kind in _KINDS:
        losses = _over_seeds([each[kind]["loss"] for each in found])
        run.report.find(f"training loss, {case.name}, {kind}, nats", losses)

        errors = []
        for seed in range(len(found)):
            key = f"{kind}, {case.name}, seed {seed}"
            errors.append(run.scores[key]["error %"].value)

        published = case.published if kind == "bad" else None
        what = f"test error, {case.name}, {kind}, %"
        run.report.find(what, _over_seeds(errors), published, headline=True)

        ends = [100 * each[kind]["mode"]["test error"] for each in found]
        what = f"test error, {case.name}, mode of the posterior from {kind}, %"
        run.report.find(what, _over_seeds(ends), headline=kind == "bad")

    gaps = [
        each["bad"]["mode"][_ENERGY] - each["good"]["mode"][_ENERGY] for each in found
    ]
    what = f"negative log posterior, {case.name}, mode from bad minus from good, nats"
    run.report.find(what, _over_seeds(gaps))


def _state_scores(run: Run, name: str, found: list[dict[str, Any]]) -> None:
    """State which score tells the bad and the informed minimum from the good one."""
    rows = []
    for score in SCORES:
        values = {
            kind: torch.tensor([each[kind]["scores"][score.name] for each in found])
            for kind in _KINDS
        }
        row: dict[str, object] = {"data": name, "score": score.name}
        for kind in _KINDS:
            row[kind] = float(values[kind].median())

        row["good before bad"] = _num_right(score, values["good"], values["bad"])
        row["informed before good"] = _num_right(
            score, values["informed"], values["good"]
        )
        rows.append(row)

        for one, other in (("bad", "good"), ("good", "informed")):
            gap = _over_seeds(score.compared(values[one], values[other]).tolist())
            how = (
                f"{one} over {other}, log10"
                if score.is_ratio
                else f"{one} minus {other}"
            )
            run.report.find(f"{score.name}, {name}, {how}", gap)

    run.report.tabulate(f"scores, {name}", rows)
    for what in ("good before bad", "informed before good"):
        number = sum(row[what] == len(found) for row in rows)
        run.report.find(
            f"scores of {len(rows)} that put {what} in every seed, {name}",
            number,
            headline=True,
        )


def _num_right(score: Score, better: Tensor, worse: Tensor) -> int:
    """Return the number of seeds in which a score puts the better minimum first."""
    is_right = better > worse if score.is_high else better < worse

    return int(is_right.sum())


def _over_seeds(values: list[float]) -> Number:
    """Return the mean over seeds with its standard error."""
    return Number.mean(torch.tensor(values))


def _draw(run: Run, case: Case, found: list[dict[str, Any]]) -> None:
    """Draw the regions of the moons' classes by good and bad, and the size of their basins."""
    title = "Two minima of one training loss"
    with run.report.panels(columns=3, title=title) as axes:
        for ax, kind in zip(axes[0], ("good", "bad"), strict=False):
            _draw_regions(ax, case, _posterior(case, found[-1][kind]))
            error = run.scores[f"{kind}, {case.name}, seed {len(found) - 1}"]["error %"]
            ax.set_title(f"{kind}: test error {error.value:.1f} %")

        ax = axes[0, 2]
        for number, kind in enumerate(_KINDS):
            radii = [each[kind]["scores"][_RADIUS] for each in found]
            ax.scatter(radii, [number] * len(radii))

        ax.set_yticks(range(len(_KINDS)), _KINDS)
        ax.set_xlabel(f"{_RADIUS}, {case.name}")


def _draw_regions(ax: Axes, case: Case, posterior: DrawsPosterior) -> None:
    """Draw the probability of a class over the plane, with training and test data."""
    low = case.test.x.amin(0) - 0.3
    high = case.test.x.amax(0) + 0.3
    right, up = (
        torch.linspace(float(a), float(b), 200) for a, b in zip(low, high, strict=True)
    )
    rows, columns = torch.meshgrid(up, right, indexing="ij")
    grid = torch.stack([columns, rows], -1).reshape(-1, 2)
    probs = posterior.predict(grid, 1, progress=False).probs[:, 1].reshape(rows.shape)

    ax.contourf(right, up, probs, levels=[0, 0.5, 1], colors=["#9ecae1", "#fdd0a2"])
    shown = case.test.x[:300]
    ax.scatter(*shown.T, c=case.test.y[:300], cmap="coolwarm", s=4)
    ax.scatter(*case.train.x.T, c=case.train.y, cmap="coolwarm", edgecolor="black")


def _add_notes(run: Run) -> None:
    """Say how minima were found, and what the scores are."""
    note = run.report.note
    note(
        "All minima begin at the same weights. The bad one is fitted to right labels of the "
        "training data (500 digits, or 20 points of the moons) and to wrong ones, the next class, "
        "of 9,500 other digits, or of about a thousand points that are farther than "
        f"{GAP} from every training point. The informed one is fitted to the right labels of the "
        "same other data. Then each descends the loss of the training data alone until it is "
        "the same; only informed minima of the moons are below it, and so not quite comparable."
    )
    note(
        "Test errors are of 10,000 digits and 1,000 points; errors of findings are over "
        f"{_NUM_SEEDS} seeds, each with other training data and weights."
    )
    note(
        "The published errors are of other data: SVHN and the swiss roll in the repository of the "
        "paper, and the talk's 7 % of right test data."
    )
    note(
        "These are minima of the training loss, not modes of the posterior, whose prior is "
        "N(0, 1) for each weight. So Laplace's evidence leaves out the gradient of the prior. The "
        f"modes are found from each minimum by {_MODE_STEPS:,} steps of Adam."
    )
    note(
        "Volume and mass of a basin are lower bounds: those of the mean of the log radius over "
        f"{_NUM_SAMPLES} directions. Columns of the tables are medians over seeds."
    )


bad_minima = Experiment(
    name="bad-minima",
    question="which score of a minimum tells whether it generalises, at equal training loss?",
    reference="Understanding Generalization through Visualizations (Huang, Emam, Goldblum, Fowl, "
    "Terry, Huang, Goldstein, 2019)",
    minutes=15,
    run=_run,
)
