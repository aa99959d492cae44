"""Every experiment from end to end, with a few steps for each fit, on data of noise."""

import json
import math
import sys
from dataclasses import replace

import cases
import pytest
import torch
from PIL import Image

from zoo import datasets, experiments, likelihoods, metrics, priors
from zoo.command.choices import EXPERIMENTS
from zoo.datasets import Dataset, Split, Units
from zoo.datasets.images import IMAGENET
from zoo.experiments import Run, nodes_cifar10
from zoo.experiments.parts import (
    class_scores,
    fast_network,
    gan_fits,
    gan_labels,
    gan_pictures,
    gan_synthetic,
    imagenet_scores,
    minima_cases,
    minima_scores,
    node_chains,
    pruning_curves,
    scored_images,
    streamed_scores,
    tail_settings,
    temperature_curve,
    trained_resnets,
)
from zoo.experiments.parts.imagenet_networks import TrainedNetwork, in_evaluation
from zoo.experiments.parts.surroundings import Look
from zoo.experiments.running import planning, step_cost
from zoo.experiments.running.method import Method
from zoo.landscape.minima import level
from zoo.networks import ResNet
from zoo.predictive.prediction import Prediction
from zoo.pruning import moments
from zoo.streams import typicality
from zoo.stress.corruptions import COLOURED

SHAPES = {
    "camvid": (3, 12, 16),
    "mnist": (1, 28, 28),
    "fashion_mnist": (1, 28, 28),
    "cifar10": (3, 16, 16),
    "ecg5000": (1, 140),
    "emoji": (3, 32, 32),
}
UNITS = Units(torch.full((1, 1, 1), 0.5), torch.full((1, 1, 1), 0.25))


def module_of(experiment):
    """Return the module of an experiment, whose name in the package is the experiment's."""
    return sys.modules[experiment.run.__module__]


def untrained(run, depth):
    """Return a smaller network in place of a trained one."""
    return ResNet(8, num_classes=10)


def small_imagenet_network(run):
    """Return a small network in place of one trained on ImageNet."""
    network = in_evaluation(ResNet(8, num_classes=1000))
    return TrainedNetwork("ResNet-8", network, IMAGENET, "bilinear", size=28)


def few_scores(_end, _train, _number):
    """Return numbers in place of the scores of a minimum, which have a test of their own."""
    return {score.name: torch.rand(()).item() for score in minima_scores.SCORES}


IMAGENET_SIZE = replace(module_of(experiments.nodes_imagenet)._SMALL, corrupted=3)
REFERRED = module_of(experiments.referral_cifar10)._CONTESTANTS
AROUND = module_of(experiments.weights_cifar10)._CONTESTANTS
ASKING = module_of(experiments.active_mnist)


def fewer_labels(learners):
    """Return two learners, which ask for a few labels."""
    return {
        name: replace(
            learner, most=40, each=10, first_steps=2, num_steps=2, num_samples=2
        )
        for name, learner in learners.items()
        if name in ("BALD", "random")
    }


SAMPLED = module_of(experiments.sgmcmc_cifar10)._CONTESTANTS
TEMPERED = {
    name: replace(
        setting,
        temperatures=(1.0, 0.1),
        checked=setting.checked[1:],
        num_samples=2,
    )
    for name, setting in module_of(experiments.cold_posterior)._SETTINGS.items()
    if name != "CIFAR-10"
}
TAILS = {"MNIST-LT": replace(tail_settings.SETTINGS["MNIST-LT"], augments=True)}
STREAMS = {
    name: replace(
        setting,
        sizes=replace(setting.sizes, layers=1, hidden=4, steps=2),
        batches=replace(setting.batches, size=2, number=1),
        num_seeds=2,
        has_other_writers=name == "digits",  # MNIST has too few data of noise
    )
    for name, setting in module_of(experiments.hcl_mnist)._SETTINGS.items()
}
LEARNED = {
    name: replace(
        setting,
        stream=lambda data, make=setting.stream: make(data)[:2],
        width=4,
        num_core=3,
    )
    for name, setting in module_of(experiments.vcl_mnist)._SETTINGS.items()
    if name != "split, one head"
}
LONGER = {  # whose parts other experiments have as well
    "bbb-mnist",
    "connect-cifar10",
    "dropout-lenet-mnist",
    "hcl-mnist",
    "hmc-resnet-nodes",
    "long-tail",
    "nodes-lenet-width",
    "prune-cifar10",
    "weights-cifar10",
}
OFTEN = [name for name in EXPERIMENTS if name not in LONGER]
FLATNESS = sys.modules["zoo.landscape.spectra.flatness"]


def spectrum(self, num_products):
    """Return an eigenvalue and a direction in place of those of twenty products."""
    return 1.0, torch.ones_like(self.at.q) / len(self.at.q) ** 0.5, None


CHECKPOINTS = {20: "resnet20-12fca82f.th"}
SMALLER = [  # what would take too long in a test
    (trained_resnets, "CHECKPOINTS", CHECKPOINTS),
    (module_of(experiments.nodes_cifar10), "CHECKPOINTS", CHECKPOINTS),
    (module_of(experiments.nodes_cifar10), "_COMPONENTS", (4,)),
    (
        module_of(experiments.nodes_imagenet),
        "load_imagenet_network",
        small_imagenet_network,
    ),
    (module_of(experiments.nodes_imagenet), "_COMPONENTS", (4,)),
    (module_of(experiments.nodes_imagenet), "_TREATMENTS", {"frozen": priors.Frozen()}),
    (module_of(experiments.nodes_imagenet), "_SMALL", IMAGENET_SIZE),
    (streamed_scores, "COLOURED", COLOURED[:2]),
    (imagenet_scores, "NUM_FAMILIES", 2),
    (module_of(experiments.bayes_cifar10), "_PHASES", (0.5,)),
    (module_of(experiments.nodes_lenet_width), "_WIDTHS", (50, 100, 150)),
    (pruning_curves, "_FRACTIONS", (0.0, 0.9)),
    (module_of(experiments.bbb_mnist), "_SEEDS", {"Gaussian": 2}),
    (planning, "_SHORTEST_TRIAL", 2),
    (moments, "_NUM_SAMPLES", 20),
    (fast_network, "_WIDTHS", (4, 4, 4)),
    (module_of(experiments.fast_cifar10), "_WIDTHS", (4, 4, 4)),
    (module_of(experiments.fast_cifar10), "_SMALL", 16),
    (module_of(experiments.weights_cifar10), "_NUM_CHOSEN", 5),
    (module_of(experiments.swag_cifar10), "_NUM_CHOSEN", 5),
    (module_of(experiments.swag_cifar10), "_NUM_RUNS", 2),
    (module_of(experiments.swag_cifar10), "load_trained", untrained),
    (module_of(experiments.swag_cifar10), "_NUM_FEWER", 2),
    (scored_images, "COLOURED", COLOURED[:2]),
    (module_of(experiments.long_tail), "_NUM_MEMBERS", 2),
    (module_of(experiments.long_tail), "SETTINGS", TAILS),
    (tail_settings, "RATIO", 3.0),
    (class_scores, "TAIL_SHARE", 0.6),
    (
        module_of(experiments.weights_cifar10),
        "_CONTESTANTS",
        dict(list(AROUND.items())[::2]),
    ),
    (ASKING, "_LEARNERS", fewer_labels(ASKING._LEARNERS)),
    (ASKING, "_DIGITS", fewer_labels(ASKING._DIGITS)),
    (ASKING, "_NUM_SEEDS", 2),
    (ASKING, "_NUMBERS", (30, 40)),
    (module_of(experiments.people_cifar10), "_CHECKPOINTS", CHECKPOINTS),
    (module_of(experiments.segnet_camvid), "_WIDTH", 4),
    (module_of(experiments.segnet_camvid), "_KERNEL", 3),
    (module_of(experiments.connect_cifar10), "_NUM_POINTS", 2),
    (module_of(experiments.connect_cifar10), "_EPOCHS", 1),
    (module_of(experiments.connect_lenet), "_NUM_POINTS", 3),
    (module_of(experiments.connect_lenet), "_EPOCHS", {"curve": 1, "vertex": 1}),
    (module_of(experiments.ood_mnist), "_NUM_RESAMPLED", 5),
    (module_of(experiments.hcl_mnist), "_SETTINGS", STREAMS),
    (typicality, "_NUM_RESAMPLED", 100),
    (module_of(experiments.surface_skips), "_DEPTHS", {8: 0.5}),
    (FLATNESS._Neighbourhood, "spectrum", spectrum),
    (FLATNESS, "_NUM_ASCENTS", 1),
    (module_of(experiments.surface_skips), "_LOOK", Look(4, 4, (3, 3), (3, 3), 1)),
    (
        module_of(experiments.bayesian_gan),
        "_NUM_SEEDS",
        {"synthetic": 2, "labels": 2},
    ),
    (module_of(experiments.bayesian_gan), "_NUM_SYNTHETIC", 60),
    (module_of(experiments.bayesian_gan), "_PICTURES", {"emoji": (60, 2)}),
    (
        module_of(experiments.bayesian_gan),
        "_EPOCHS",
        dict.fromkeys(("synthetic", "semi", "supervised"), 2),
    ),
    (gan_fits, "_NUM_MADE", 20),
    (gan_synthetic, "NUM_CHAINS", 2),
    (gan_pictures, "_NUM_CHAINS", 2),
    (gan_labels, "_NUM_ALONE", 2),
    (gan_pictures, "_WIDTH", 2),
    (module_of(experiments.bad_minima), "_NUM_SEEDS", 2),
    (module_of(experiments.bad_minima), "_MODE_STEPS", 3),
    (module_of(experiments.bad_minima), "scores_of", few_scores),
    (minima_cases, "_NUM_RIGHT", 20),
    (minima_cases, "_HIDDEN", (8,)),
    (minima_cases, "_EPOCHS", {"MNIST": (2, 1), "moons": (2, 1)}),
    (level, "_LONGEST", 5),
    (module_of(experiments.pattern_mnist), "_MINUTES", 60),
    (module_of(experiments.vcl_mnist), "_MINUTES", 30_000),
    (module_of(experiments.vcl_mnist), "_SETTINGS", LEARNED),
    (
        module_of(experiments.sgmcmc_cifar10),
        "_CONTESTANTS",
        {name: SAMPLED[name] for name in ("MAP", "SGHMC")},
    ),
    (module_of(experiments.cold_posterior), "_SETTINGS", TEMPERED),
    (node_chains, "_FULL", (2, 4)),
    (module_of(experiments.hmc_resnet_nodes), "load_trained", untrained),
    (module_of(experiments.hmc_resnet_nodes), "_NUM_TRAIN", 20),
    (module_of(experiments.hmc_lenet_nodes), "_NUM_TRAIN", 10),
    (temperature_curve, "_NUM_DRAWS", 2),
    (temperature_curve, "_MAX_STEPS", 2),
    (
        module_of(experiments.referral_cifar10),
        "_CONTESTANTS",
        dict(list(REFERRED.items())[::4]),
    ),
]


def pairs_of_images(_path, _name="Set5", *, factor):
    """Return two small and large images of noise."""
    generator = torch.Generator().manual_seed(0)
    images = {}
    for name in ("butterfly", "other"):
        x = torch.rand(1, 1, 8, 9, generator=generator)
        images[name] = Split(
            x, x.repeat_interleave(factor, -1).repeat_interleave(factor, -2)
        )

    return images


def known_cost(_fits, _rate, _budget):
    """Return a cost in place of one that is measured, which has tests of its own."""
    return step_cost.StepCost(step=1e-3, start=0.0)


def patches(**_options):
    """Return small and large patches of noise."""
    x = torch.rand(20, 1, 5, 5)
    y = x.repeat_interleave(3, -1).repeat_interleave(3, -2)
    part = Split(x, y)

    return Dataset("T91, x3", part, part, UNITS, UNITS, validation=part)


class Small(Run):
    """A run on a few data of noise, whose fits take a step or two."""

    def dataset(self, load, **options):
        name = load.__name__
        if name == "super_resolution":
            return patches(**options)

        num_classes = {"ecg5000": 5, "camvid": 11}.get(name, 10)
        shape = SHAPES[name]
        generator = torch.Generator().manual_seed(0)  # a run started again has the same

        def part(number):
            y = torch.arange(number) % num_classes
            brightness = (1 + y) / num_classes
            pixels = torch.rand(number, *shape, generator=generator)
            pixels = pixels * brightness.reshape(-1, *[1] * len(shape))
            if name == "camvid":  # each pixel has a class
                y = (y.reshape(-1, 1, 1) + torch.arange(16) // 4) % num_classes
                y = y.expand(number, *shape[1:])

            return Split(UNITS.standardise(pixels), y)

        return Dataset(name, part(60), part(20), UNITS, validation=part(20))

    def fit(self, name, build, data, method, **options):
        epochs = max(1, method.min_epochs)
        rates = (min(1e-3, *method.rates),)
        short = replace(method, epochs=epochs, published_epochs=None, rates=rates)
        return super().fit(name, build, data, short, **options)


def checkpoints(folder):
    """Write untrained networks in place of the trained ones."""
    for depth, name in trained_resnets.CHECKPOINTS.items():
        network = ResNet(depth, num_classes=10)
        state = {f"module.{key}": value for key, value in network.state_dict().items()}
        torch.save({"state_dict": state}, folder / name)


def imagenet(folder):
    """Write a few images of three classes of ImageNet."""
    for part, number in (("train", 6), ("val", 4)):
        for index in range(number):
            path = folder / "imagenet" / part / f"{5 * (index % 3)}" / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = torch.randint(10 + 30 * index, (32, 40, 3), dtype=torch.uint8)
            Image.fromarray(pixels.numpy()).save(path)


@pytest.fixture
def small(tmp_path, monkeypatch):
    for experiment in EXPERIMENTS.values():
        module = module_of(experiment)
        number = module._NUM_SAMPLES
        fewer = dict.fromkeys(number, 2) if isinstance(number, dict) else 2
        monkeypatch.setattr(module, "_NUM_SAMPLES", fewer)
    for module, name, value in SMALLER:
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(planning, "measure_step_cost", known_cost)

    def temperature_scaling(logits, y):
        return torch.tensor(1.5)  # an untrained network has no best temperature

    def kmnist_test(path):
        return Split(torch.randn(20, 1, 28, 28), torch.zeros(20))

    def cifar10h(path, **options):
        counts = torch.randint(
            1, 9, (20, 10), generator=torch.Generator().manual_seed(0)
        )
        return Split(torch.randn(20, 3, 16, 16), counts)

    monkeypatch.setattr(metrics, "temperature_scaling", temperature_scaling)
    monkeypatch.setattr(datasets, "kmnist_test", kmnist_test)
    monkeypatch.setattr(datasets, "super_resolution_images", pairs_of_images)
    monkeypatch.setattr(datasets, "cifar10h", cifar10h)
    checkpoints(tmp_path)
    imagenet(tmp_path)
    return lambda experiment, **options: Small(
        experiment,
        path=tmp_path,
        out=tmp_path / "out",
        minutes=30,
        progress=False,
        **options,
    )


@pytest.mark.filterwarnings("ignore:the bad weights have .* wrong")
@pytest.mark.filterwarnings("ignore:the training loss came down to")
@pytest.mark.parametrize("name", cases.first(EXPERIMENTS, OFTEN))
def test_an_experiment_runs_and_writes_what_it_found(name, small, tmp_path):
    result = small(EXPERIMENTS[name]).run()
    assert len(result.findings) >= 3
    assert result.scores
    assert result.fits or result.kept
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
        "hmc-resnet-nodes",
    ],
)
def test_an_experiment_runs_on_a_gpu(name, small):
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
        match=r"with minutes 30, seed 0, .* has minutes 30, seed 1, .* another --out",
    ):
        small(experiment, seed=1).run()


def test_a_posterior_is_as_good_as_itself(small):
    run = small(EXPERIMENTS["prune-ecg"])
    y = torch.arange(20) % 5
    before = torch.get_rng_state()
    for name in ("one", "other"):
        run.scores.add(
            name,
            lambda: Prediction(likelihoods.Categorical(), torch.randn(2, 20, 5)),
            y,
        )
    assert run.scores.difference("one", "other")["nll"].value == 0
    assert torch.equal(torch.get_rng_state(), before)


def test_without_the_trained_networks_there_is_a_sentence(tmp_path, small):
    for path in tmp_path.glob("*.th"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="akamaster/pytorch_resnet_cifar10"):
        small(nodes_cifar10).run()


def test_an_experiment_without_its_data_says_so(tmp_path):
    run = Run(
        EXPERIMENTS["bbb-mnist"], path=tmp_path, out=tmp_path / "out", progress=False
    )
    with pytest.raises(FileNotFoundError, match="lacks files of MNIST"):
        run.run()


def test_data_without_a_validation_part_get_a_sentence(tmp_path):
    run = Run(EXPERIMENTS["bbb-mnist"], out=tmp_path, progress=False)
    part = Split(torch.rand(4, 2), torch.arange(4))
    data = Dataset("four", part, part)
    with pytest.raises(ValueError, match=r"four has no validation part; load it with"):
        run.fit("a", lambda: None, data, Method(1), share=1)


@pytest.mark.parametrize("minutes", [0, -1.0])
def test_a_budget_is_positive(minutes, tmp_path):
    with pytest.raises(
        ValueError, match="a budget must be a number of minutes above zero"
    ):
        Run(EXPERIMENTS["bbb-mnist"], out=tmp_path, minutes=minutes)
