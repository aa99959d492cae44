"""sgmcmc-cifar10: samplers with batches on CIFAR-10 images, beside MAP and an ensemble."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import guides
from zoo import datasets
from zoo.datasets import Dataset
from zoo.experiments.parts.augment import smaller
from zoo.experiments.parts.frn_network import PRIOR, frn_resnet
from zoo.experiments.parts.repeated_fits import RepeatedFits
from zoo.experiments.parts.residual_sgd import RATE, residual_sgd
from zoo.experiments.running.contestant import Contestant, MakeGuide, no_guide
from zoo.experiments.running.method import Method
from zoo.experiments.running.run import Experiment, Run
from zoo.inference import IVON, SGHMC, SGLD, SGNHT
from zoo.model import BayesianNetwork
from zoo.runtime.programs import PyroProgram

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NUM_TRAIN = 10_000
_NUM_VALIDATION = 2_000
_NUM_SAMPLES = 20
_SIZE = 16  # height and width of images, for a quarter of the time
_DEPTH, _WIDTH = 8, 8
_BATCH_SIZE = 128
_POINT = "MAP"
_ENSEMBLE = "deep ensemble"
_MEAN_FIELD = "mean field"
_METHODS = "methods"  # the name of the table


def _method(
    epochs: float, engine: Callable[..., Any], rate: float, min_epochs: float = 1
) -> Method:
    """Return a method with one learning rate."""
    return Method(
        epochs,
        engine,
        rates=(rate,),
        batch_size=_BATCH_SIZE,
        min_epochs=min_epochs,
    )


_NATURAL = partial(IVON, hess_init=0.05, beta2=0.9995, precision="bf16")
_FROM_PRIOR: dict[str, Any] = {"init": "prior", "compile": False}
_CYCLES = {"cycles": 3, "explore": 0.6}


def _sampler(engine: Callable[..., Any], rate: float, **options: Any) -> Contestant:
    """Return chains that start at draws of the prior."""
    make = partial(engine, **_FROM_PRIOR, **options)
    return Contestant(PRIOR, no_guide, _method(120, make, rate, min_epochs=15))


_CONTESTANTS = {
    _POINT: Contestant(PRIOR, guides.Delta, _method(40, residual_sgd, RATE)),
    _MEAN_FIELD: Contestant(PRIOR, guides.MeanField, _method(40, _NATURAL, 0.2)),
    "SGLD": _sampler(SGLD, 0.1),
    "SGHMC": _sampler(SGHMC, 0.1),
    "cSGHMC": _sampler(SGHMC, 0.1, **_CYCLES),
    "SGNHT": _sampler(SGNHT, 0.1),
}
_NUM_FITS = {_POINT: 4, _MEAN_FIELD: 2}  # two chains of each sampler
_SHARES = {_POINT: 0.2}  # of the budget
_OTHER_SHARE = 0.16

# Error in per cent and agreement with HMC of ResNet-20 (Izmailov et al., 2021, table 3), and
# error and NLL of it (bdlx, a repository)
_PUBLISHED_ERRORS = {
    _POINT: 16.56,
    _ENSEMBLE: 11.51,
    _MEAN_FIELD: 13.55,
    "SGLD": 10.68,
    "SGHMC": 10.62,
    "cSGHMC": 10.37,
    "SGNHT": 13.6,
}
_PUBLISHED_NLL = {"SGLD": 0.473, "SGHMC": 0.409, "SGNHT": 0.424}
_PUBLISHED_PARTS = {
    _POINT: ("85.48 with HMC", "0.190 to HMC"),
    _ENSEMBLE: ("91.52 with HMC", "0.115 to HMC"),
    _MEAN_FIELD: ("88.75 with HMC", "0.136 to HMC"),
    "SGLD": ("91.54 with HMC", "0.110 to HMC"),
    "SGHMC": ("91.98 with HMC", "0.109 to HMC"),
    "cSGHMC": ("92.67 with HMC", "0.099 to HMC"),
}


def _run(run: Run) -> None:
    """Fit each method from several seeds, score it, and compare its seeds."""
    data = run.dataset(
        datasets.cifar10, num_train=_NUM_TRAIN, num_validation=_NUM_VALIDATION
    )
    data = smaller(data, _SIZE)

    for name, contestant in _CONTESTANTS.items():
        _score(run, _fit(run, data, name, contestant))

    _compare(run)
    _draw(run)
    _add_notes(run)


def _fit(run: Run, data: Dataset, name: str, contestant: Contestant) -> RepeatedFits:
    """Fit one method from several seeds."""
    build = partial(_build, run, contestant.make_guide)
    fits = run.fit_seeds(
        name,
        build,
        data,
        contestant.method,
        share=_SHARES.get(name, _OTHER_SHARE),
        number=_NUM_FITS.get(name, 2),
    )

    return RepeatedFits(run, fits, data.test, _NUM_SAMPLES)


def _build(
    run: Run, make_guide: MakeGuide
) -> tuple[BayesianNetwork, PyroProgram | None]:
    """Return a model of a new network, and its guide."""
    return run.build(frn_resnet(_DEPTH, _WIDTH), PRIOR, make_guide)


def _score(run: Run, chains: RepeatedFits) -> None:
    """State scores of a method, the agreement of its parts, and its temperatures."""
    name = chains.name
    if name == _POINT:
        chains.score(_POINT, number=1)
        chains.score(_ENSEMBLE)
        _state(run, _POINT, chains, 1)
        _state(run, _ENSEMBLE, chains, 2)
        return

    chains.score(name)
    _state(run, name, chains, 1)
    for kind, temperature in chains.temperatures().items():
        half = (temperature.high - temperature.low) / 2
        what = f"{kind} temperature, {name}, half of its interval {half:.2g}"
        run.report.find(what, temperature.mean, 1.0)


def _state(run: Run, name: str, chains: RepeatedFits, number: int) -> None:
    """State the scores of a prediction, and how two parts of as many fits agree."""
    report, scores = run.report, run.scores[name]
    error = _PUBLISHED_ERRORS.get(name)
    report.find(f"error, {name}, %", scores["error %"], error, headline=True)
    nll = _PUBLISHED_NLL.get(name)
    report.find(f"NLL, {name}, nats", scores["nll"], nll, headline=True)
    report.find(f"ECE, {name}", scores["ece"])

    published = _PUBLISHED_PARTS.get(name, (None, None))
    parts = chains.halves(number)
    for (what, ours), theirs in zip(parts.items(), published, strict=True):
        report.find(f"{what}, {name}", ours, theirs)

    row: dict[str, object] = {"method": name}
    row |= {what: ours.value for what, ours in parts.items()}
    for kind, temperature in chains.temperatures().items():
        row[kind] = list(temperature)

    report.tabulate(_METHODS, [*run.result.tables.get(_METHODS, []), row])


def _compare(run: Run) -> None:
    """State the paired differences to the point estimate and to the ensemble."""
    for name in run.result.scores:
        for other in (_POINT, _ENSEMBLE):
            if name not in (_POINT, other):
                gain = run.scores.difference(name, other)
                run.report.find(f"NLL, {name} minus {other}, nats", gain["nll"])
                run.report.find(f"error, {name} minus {other}, %", gain["error %"])


def _draw(run: Run) -> None:
    """Draw error, NLL and agreement of each method, and the temperatures of samplers."""
    rows = run.result.tables[_METHODS]
    names = [str(row["method"]) for row in rows]
    title = "ResNet-8 on small images of CIFAR-10"
    with run.report.panels(rows=2, columns=2, title=title) as axes:
        for ax, score in zip(axes[0], ("error %", "nll"), strict=True):
            for name in names:
                number = run.scores[name][score]
                ax.errorbar(number.value, name, xerr=number.two_errors, fmt="o")

        axes[0, 0].set_xlabel("test error, %, ± 2 standard errors")
        axes[0, 1].set_xlabel("NLL, nats, ± 2 standard errors")
        for index, row in enumerate(rows):
            axes[1, 0].plot(row["agreement, %"], row["method"], "o")
            _draw_temperatures(axes[1, 1], row, f"C{index}")

        axes[1, 0].set_xlabel("agreement of two parts of the fits, %")
        axes[1, 1].set_xlabel("temperature: ● kinetic, x of positions")
        axes[1, 1].axvline(1.0, color="0.6", linewidth=0.8)


def _draw_temperatures(ax: Axes, row: Mapping[str, Any], color: str) -> None:
    """Draw the temperatures of a sampler with their intervals of 95 %."""
    for kind, marker in {"kinetic": "o", "configurational": "x"}.items():
        if kind in row:
            mean, low, high = row[kind]
            bar = [[mean - low], [high - mean]]
            ax.errorbar(mean, row["method"], xerr=bar, fmt=marker, color=color)


def _add_notes(run: Run) -> None:
    """Say what the numbers are of, and what differs from the published ones."""
    run.report.note(
        f"ResNet-{_DEPTH} of width {_WIDTH} with filter response normalisation and Swish, "
        f"{_NUM_TRAIN:,} images of {_SIZE} x {_SIZE} pixels without augmentation, prior "
        "N(0, 1/5), temperature 1. Published are errors, and agreements with HMC, of ResNet-20 "
        "and 40,960 images after thousands of epochs; those of SGNHT and the NLL are of another "
        "repository."
    )
    run.report.note(
        "Agreement and total variation are of two parts of the fits of one method: of two "
        "chains, two fits, or two ensembles of two. They say how well the method repeats, not "
        "how near it is to the posterior; nothing here is compared with HMC."
    )
    run.report.note(
        "Chains start at draws of the prior, so that weights that the data do not determine have "
        "their spread from the first step on, and half of their epochs are burn-in. Chains from "
        "different seeds have batches of their own. The learning rate of all is about the "
        "largest that is stable at such a start; without momenta SGLD is ten times slower."
    )
    run.report.note(
        "A temperature is a mean over all parameters. Directions that the data determine can be "
        "hotter than it says, because there the noise of batches is."
    )


sgmcmc_cifar10 = Experiment(
    name="sgmcmc-cifar10",
    question="which sampler with batches predicts best on CIFAR-10, next to MAP, an ensemble "
    "and mean field, and are its temperatures right?",
    reference="What Are Bayesian Neural Network Posteriors Really Like? (Izmailov, Vikram, "
    "Hoffman, Wilson, 2021)",
    minutes=30,
    run=_run,
)
