"""Every experiment from end to end, a step or two of each fit on data of noise; and the table that sums them up."""

import dataclasses
import json
import math
import sys

import pytest
import torch

from zoo import datasets, experiments, likelihoods, metrics
from zoo.command.choices import EXPERIMENTS
from zoo.datasets import Dataset, Split, Units
from zoo.experiments import Run, nodes_cifar10
from zoo.networks import ResNet
from zoo.predictive.prediction import Prediction

SHAPES = {
    "mnist": (1, 28, 28),
    "fashion_mnist": (1, 28, 28),
    "cifar10": (3, 32, 32),
    "ecg5000": (1, 140),
}
REFERRED = sys.modules[experiments.referral_cifar10.run.__module__].POSTERIORS
UNITS = Units(torch.full((1, 1, 1), 0.5), torch.full((1, 1, 1), 0.25))
SMALLER = [  # what would take a test's time
    (experiments.nodes_cifar10, "CHECKPOINTS", {20: "resnet20-12fca82f.th"}),
    (experiments.nodes_cifar10, "COMPONENTS", (4,)),
    (experiments.bayes_alexnet_cifar10, "PHASES", (0.5,)),
    (experiments.nodes_lenet_width, "WIDTHS", (50, 100, 150)),
    (experiments.prune_mnist, "FRACTIONS", (0.0, 0.9)),
    (experiments.dropout_nin_cifar10, "WIDTH", 6),
    (experiments.ood_mnist, "RESAMPLED", 5),
    (experiments.referral_cifar10, "POSTERIORS", dict(list(REFERRED.items())[::4])),
]


class Small(Run):
    """A run on a few data of noise, whose fits take a step or two."""

    def dataset(self, load, **options):
        name = load.__name__
        classes = 5 if name == "ecg5000" else 10

        def part(number):
            y = torch.arange(number) % classes
            pixels = (
                torch.rand(number, *SHAPES[name])
                * (1 + y.reshape(-1, *[1] * len(SHAPES[name])))
                / classes
            )
            return Split(UNITS.standardise(pixels), y)

        return Dataset(name, part(60), part(20), UNITS, validation=part(20))

    def fit(self, name, build, data, *, share, epochs, **options):
        options = {key: value for key, value in options.items() if key != "train"}
        return super().fit(
            name,
            build,
            data,
            share=share,
            epochs=1,
            **options | {"rates": (1e-3,), "least": 1},
        )


def checkpoints(folder):
    """Write untrained networks where the trained ones would be."""
    for depth, name in sys.modules[nodes_cifar10.run.__module__].CHECKPOINTS.items():
        state = {
            f"module.{key}": value for key, value in ResNet(depth).state_dict().items()
        }
        torch.save({"state_dict": state}, folder / name)


@pytest.fixture
def small(tmp_path, monkeypatch):
    for experiment in EXPERIMENTS.values():
        module = sys.modules[experiment.run.__module__]
        draws = getattr(module, "DRAWS", 0)
        monkeypatch.setattr(
            module,
            "DRAWS",
            dict.fromkeys(draws, 2) if isinstance(draws, dict) else 2,
            raising=False,
        )
    for experiment, name, value in SMALLER:
        monkeypatch.setattr(sys.modules[experiment.run.__module__], name, value)
    monkeypatch.setattr(
        metrics, "temperature_scaling", lambda logits, y: torch.tensor(1.5)
    )  # untrained: none is best
    monkeypatch.setattr(
        datasets,
        "kmnist_test",
        lambda path: Split(torch.randn(20, 1, 28, 28), torch.zeros(20)),
    )
    checkpoints(tmp_path)
    return lambda experiment, **options: Small(
        experiment,
        path=tmp_path,
        out=tmp_path / "out",
        minutes=30,
        progress=False,
        **options,
    )


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_recipe_runs_and_writes_what_it_found(name, small, tmp_path):
    result = small(EXPERIMENTS[name]).run()
    assert len(result.findings) >= 3
    assert result.scores
    assert result.fits
    assert all(math.isfinite(finding.ours.value) for finding in result.findings)
    known = experiments.read(tmp_path / "out" / f"{name}.json")
    assert known.findings == result.findings
    assert known.scores == result.scores
    facts = json.loads((tmp_path / "out" / f"{name}.json").read_text())
    assert facts["versions"]["torch"] == torch.__version__
    assert (tmp_path / "out" / f"{name}.png").stat().st_size > 5_000


@pytest.mark.gpu
@pytest.mark.parametrize(
    "name",
    [
        "bayes-lenet-mnist",
        "ood-mnist",
        "prune-ecg",
        "referral-cifar10",
        "corrupt-mnist",
    ],
)
def test_a_recipe_runs_on_a_gpu(name, small):
    result = small(EXPERIMENTS[name], device="cuda").run()
    assert result.settings["device"] == torch.cuda.get_device_name()
    assert all(math.isfinite(finding.ours.value) for finding in result.findings)


def test_a_run_that_is_started_again_fits_nothing_anew(small, tmp_path, monkeypatch):
    experiment = EXPERIMENTS["prune-ecg"]
    first = small(experiment).run()
    monkeypatch.setattr("zoo.inference.SVI.fit", None)
    again = small(experiment).run()
    assert again.scores == first.scores
    assert again.fits == first.fits
    assert again.tables["curve"][0].keys() == first.tables["curve"][0].keys()
    with pytest.raises(
        ValueError,
        match=r"with minutes 30, seed 0, .* is with minutes 30, seed 1, .* another --out",
    ):
        small(experiment, seed=1).run()


def test_a_posterior_is_as_good_as_itself(small):
    run, y = small(EXPERIMENTS["prune-ecg"]), torch.arange(20) % 5
    before = torch.get_rng_state()
    for name in ("one", "other"):
        run.score(
            name,
            lambda: Prediction(likelihoods.Categorical(), torch.randn(2, 20, 5)),
            y,
        )
    assert run.difference("one", "other")["nll"].value == 0
    assert torch.equal(torch.get_rng_state(), before)


def test_without_the_trained_networks_there_is_a_sentence(tmp_path, small):
    run = dataclasses.replace(nodes_cifar10)
    for path in tmp_path.glob("*.th"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="akamaster/pytorch_resnet_cifar10"):
        small(run).run()


def test_without_its_data_a_recipe_says_so(tmp_path):
    run = Run(
        EXPERIMENTS["bbb-mnist"], path=tmp_path, out=tmp_path / "out", progress=False
    )
    with pytest.raises(FileNotFoundError, match="does not hold the files of MNIST"):
        run.run()


@pytest.mark.parametrize("minutes", [0, -1.0])
def test_a_budget_is_positive(minutes, tmp_path):
    with pytest.raises(ValueError, match="a budget is a number of minutes above zero"):
        Run(EXPERIMENTS["bbb-mnist"], out=tmp_path, minutes=minutes)
