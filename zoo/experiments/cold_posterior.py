"""cold-posterior: error and NLL against the temperature, by a sampler that HMC checks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from torch import nn

from zoo import datasets, networks
from zoo.experiments.parts.augment import smaller
from zoo.experiments.parts.frn_network import frn_resnet
from zoo.experiments.parts.residual_sgd import RATE, residual_sgd
from zoo.experiments.parts.temperature_curve import POINT, Setting, TemperatureCurve
from zoo.experiments.running.method import Method
from zoo.experiments.running.run import Experiment, Run
from zoo.inference import SGHMC, SVI

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NUM_SAMPLES = {"MNIST": 80, "CIFAR-10": 20}
_SIZE = 16  # height and width of images of CIFAR-10, for a quarter of the time
_LABELS = {"error %": "test error, %", "nll": "NLL, nats"}
_PARTS: tuple[dict[str, Any], ...] = (
    {"num_train": 500, "num_validation": 2_000},
    {"num_train": 5_000, "num_validation": 2_000},
)


def _method(
    epochs: float, engine: Callable[..., Any], rate: float, batch_size: int
) -> Method:
    """Return a method with one learning rate."""
    return Method(epochs, engine, rates=(rate,), batch_size=batch_size, min_epochs=6)


def _perceptron() -> nn.Module:
    return nn.Sequential(nn.Flatten(), networks.MLP(784, 10, hidden=[30]))


_CHAINS = partial(SGHMC, num_chains=4, thinning=20)
_CHAIN = partial(SGHMC, compile=False)
_BATCH_SIZE = 128  # of a chain at temperature 1, on CIFAR-10


def _perceptron_chains(temperature: float) -> Method:
    """Return how a temperature is sampled on 500 digits, all of them at each step."""
    return _method(4_000, _CHAINS, 0.02, 500)


def _residual_chain(temperature: float) -> Method:
    """Return how a temperature is sampled on CIFAR-10, in batches that grow as it falls.

    Batches of B data heat a chain by a share that is proportional to 1/(B T), so that one
    of B T data is as exact at each temperature.
    """
    epochs = 150 / temperature**0.5
    batch_size = round(_BATCH_SIZE / temperature)

    return _method(epochs, _CHAIN, 0.1, batch_size)


_SETTINGS = {
    "MNIST": Setting(
        make=_perceptron,
        scale=0.2,
        temperatures=(1.0, 0.3, 0.1, 0.03, 0.01),
        point=_method(400, SVI, 1e-2, 500),
        sampler=_perceptron_chains,
        share=0.06,
        num_samples=_NUM_SAMPLES["MNIST"],
        checked=(1.0, 0.1),
    ),
    "CIFAR-10": Setting(
        make=partial(frn_resnet, 8, 8),
        scale=0.2**0.5,
        temperatures=(1.0, 0.3, 0.1),
        point=_method(40, residual_sgd, RATE, 128),
        sampler=_residual_chain,
        share=0.52,
        num_samples=_NUM_SAMPLES["CIFAR-10"],
        published={0.1: 3.43},
    ),
    "CIFAR-10, augmented": Setting(
        make=partial(frn_resnet, 8, 8),
        scale=0.2**0.5,
        temperatures=(1.0, 0.1),
        point=_method(40, residual_sgd, RATE, 128),
        sampler=_residual_chain,
        share=0.42,
        num_samples=_NUM_SAMPLES["CIFAR-10"],
        margin=2,
        published={0.1: -4.16},
    ),
}
_DATA = {"MNIST": (datasets.mnist, 0), "CIFAR-10": (datasets.cifar10, 1)}


def _run(run: Run) -> None:
    """Sample each setting at each temperature, check MNIST by HMC, and draw the curves."""
    for name, setting in _SETTINGS.items():
        load, part = _DATA[name.partition(",")[0]]
        data = run.dataset(load, **_PARTS[part])
        if load is datasets.cifar10:
            data = smaller(data, _SIZE)

        TemperatureCurve(run, name, setting, data).measure()

    _draw(run)
    _add_notes(run)


def _draw(run: Run) -> None:
    """Draw error and NLL against temperature, a row for each setting."""
    title = run.experiment.name
    rows = len(_SETTINGS)
    with run.report.panels(rows=rows, columns=2, title=title) as axes:
        for row, (name, setting) in zip(axes, _SETTINGS.items(), strict=True):
            for ax, score in zip(row, _LABELS, strict=True):
                _draw_curve(ax, run, name, setting, score)
                ax.set(title=name, ylabel=_LABELS[score], xscale="log")

        for ax in axes[-1]:
            ax.set_xlabel("temperature")

        axes[0, 0].legend(frameon=False, fontsize="small")


def _draw_curve(ax: Axes, run: Run, name: str, setting: Setting, score: str) -> None:
    """Draw a score against temperature, the point estimate as a line, and HMC."""
    from zoo.plots.canvas import COLORS

    xs = setting.temperatures
    numbers = [run.scores[f"{name}, T = {x:g}"][score] for x in xs]
    values, bars = zip(*((n.value, n.two_errors) for n in numbers), strict=True)
    ax.errorbar(xs, values, yerr=bars, fmt="o-", label="SGHMC")
    point = run.scores[f"{name}, {POINT}"][score].value
    ax.axhline(point, color="0.5", linestyle="--", label=POINT)

    for x in setting.checked:
        key = f"{name}, T = {x:g}, HMC"
        if key in run.result.scores:
            number = run.scores[key][score]
            bar = number.two_errors
            label = "HMC" if x == setting.checked[0] else None
            ax.errorbar(
                x, number.value, yerr=bar, fmt="s", color=COLORS[1], label=label
            )


def _add_notes(run: Run) -> None:
    """Say what was published, and what differs."""
    run.report.note(
        "Wenzel et al. (2020) find that a cold posterior predicts better. Izmailov et al. (2021, "
        "table 7) find this with augmented images (accuracy 85.47 at T = 1, 89.63 at T = 0.1) "
        "and the opposite without (84.27 and 80.84), for ResNet-20 with filter response "
        "normalisation and 50,000 images. The published differences are those of table 7."
    )
    run.report.note(
        "Here 500 digits are seen by a perceptron of 30 units, all at each step, and 5,000 "
        f"images of CIFAR-10, of {_SIZE} x {_SIZE} pixels, by ResNet-8 of width 8, in batches of "
        f"{_BATCH_SIZE}/T. Chains start at draws of the prior at their temperature, and half of "
        "their epochs are burn-in."
    )
    run.report.note(
        "A temperature that is stated is a share of the target's, 1 if the sampler is right. The "
        "noise of batches heats a cold chain most, because it does not shrink with the "
        "temperature: in batches of 128 the temperature 0.1 was 0.15, and 0.01 was 0.04 to 0.08. "
        "Larger batches cost steps, so that CIFAR-10 has no colder chain than 0.1."
    )
    run.report.note(
        "Errors are those of test images. That of 80 draws of HMC is about 0.003 nats besides."
    )
    run.report.note(
        "Augmented images have no posterior: a datum is another one in each pass, but counts as "
        "one, so that the likelihood is too weak for what has been seen."
    )


cold_posterior = Experiment(
    name="cold-posterior",
    question="does a posterior predict better when it is cold, with and without augmentation?",
    reference="How Good is the Bayes Posterior in Deep Neural Networks Really? (Wenzel et al., "
    "2020)",
    minutes=30,
    run=_run,
)
