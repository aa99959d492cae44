"""nodes-imagenet: a network trained on ImageNet with random nodes, in the form of the paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader

from zoo import priors
from zoo.datasets import Dataset
from zoo.experiments.parts.class_folders import read_class_folders
from zoo.experiments.parts.imagenet_networks import load_imagenet_network
from zoo.experiments.parts.imagenet_scores import ImageNetScores
from zoo.experiments.parts.node_fits import NodeFit
from zoo.experiments.parts.scored_images import NUM_FAMILIES, under_corruption
from zoo.experiments.running.run import Experiment, Run
from zoo.posterior.posterior import Posterior

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COMPONENTS = (4, 8, 16)
_TREATMENTS: dict[str, priors.Frozen | priors.Point] = {  # of the weights
    "fine-tuned": priors.Point(),
    "frozen": priors.Frozen(),
}
_SHARE = 0.16  # of the budget, for each of six fits
_EPOCHS = 15
_NUM_SAMPLES = {"clean": 5, "corrupted": 1}  # of each component
_NUM_VALIDATION = 8  # images; nothing is chosen by them

# Error, NLL and calibration error of ResNet-50 by the number of components, one run each.
_PUBLISHED = {
    4: {"error %": 23.22, "nll": 0.9310, "ece": 0.0350},
    8: {"error %": 23.15, "nll": 0.9237, "ece": 0.0323},
    16: {"error %": 23.12, "nll": 0.9118, "ece": 0.0232},
}


@dataclass(frozen=True)
class _Size:
    """Numbers of images, None for all; sizes of batches; processes that read files."""

    train: int | None
    test: int | None
    corrupted: int
    batch: int
    workers: int


_FULL = _Size(train=None, test=None, corrupted=1000, batch=256, workers=8)
_SMALL = _Size(train=1000, test=250, corrupted=20, batch=32, workers=0)


@dataclass(frozen=True)
class RateOfNodes:
    """The learning rate of the nodes after some steps, as a share of the first one.

    It falls linearly to a quarter from the sixth to the tenth of fifteen epochs.
    """

    num_steps: int

    def __call__(self, step: int) -> float:
        """Return the share."""
        epoch = _EPOCHS * step / self.num_steps
        fallen = min(max((epoch - 6) / 4, 0.0), 1.0)

        return 1 - 0.75 * fallen


def _run(run: Run) -> None:
    """Score the trained network, and six posteriors over its nodes."""
    size = _FULL if run.full else _SMALL
    trained = load_imagenet_network(run)
    folder = run.data_path("imagenet")
    folders = read_class_folders(folder, trained, size.train, size.test)
    few = folders.in_memory(_NUM_VALIDATION, size.corrupted, trained)
    run.result.settings |= {
        "network": trained.name,
        "ImageNet": {"train": len(folders.train), "test": len(folders.test)},
    }

    scores = ImageNetScores(run, trained, folders, few, size.workers)
    scores.add_trained()
    _draw_figure(run, trained.name)

    batches = folders.train.batches(size.batch, shuffle=True, num_workers=size.workers)
    fits = _Fits(run, trained.network, few, batches, size.batch)
    num_samples = _NUM_SAMPLES if run.full else dict.fromkeys(_NUM_SAMPLES, 1)

    for treatment in _TREATMENTS:
        for number in _COMPONENTS:
            name = f"{trained.name}, K = {number}, {treatment}"
            posterior = fits.fit(name, number, treatment)
            draws = (number * num_samples["clean"], number * num_samples["corrupted"])
            published = _PUBLISHED[number] if treatment == "fine-tuned" else {}
            scores.add_posterior(name, posterior, draws, published)
            _draw_figure(run, trained.name)

    _add_notes(run, len(few.test.x), folders.is_divided)


@dataclass(frozen=True)
class _Fits:
    """Fits mixtures over the nodes of a network.

    Arguments:
        run: The run.
        network: The trained network.
        data: Some images in memory.
        batches: The training images.
        batch_size: Number of images in a batch.
    """

    run: Run
    network: nn.Module
    data: Dataset
    batches: DataLoader
    batch_size: int

    def fit(self, name: str, num_components: int, treatment: str) -> Posterior:
        """Fit a mixture, with frozen or fine-tuned weights."""
        weights = _TREATMENTS[treatment]
        fit = NodeFit(self.run, self.network, num_components, weights)
        method = fit.method(_EPOCHS, _published_rates, self.batch_size)

        return self.run.fit(
            name, fit.build, self.data, method, share=_SHARE, train=self.batches
        )


def _published_rates(optimizer: torch.optim.Optimizer, num_steps: int) -> LambdaLR:
    """Return the schedule of the rate of the nodes; that of the weights is constant."""
    return LambdaLR(optimizer, [RateOfNodes(num_steps), _constant])


def _constant(step: int) -> float:
    return 1.0


def _add_notes(run: Run, num_corrupted: int, is_divided: bool) -> None:
    """Say what the numbers are of."""
    note = run.report.note
    note(
        "The published numbers are of ResNet-50 and 50,000 test images, one run each. Batch "
        "normalisation has the statistics of the trained network here."
    )
    note(
        f"Corrupted are {num_corrupted:,} test images, by each of {NUM_FAMILIES} families at "
        "severity 3 with the constants for images of 32 x 32 pixels, which are not those of "
        "ImageNet-C."
    )
    if is_divided:
        note("Both parts are of one folder: every second image is a test image.")

    if not run.full:
        found = run.result.settings["ImageNet"]
        note(
            f"The fits have {found['train']:,} training images and the scores "
            f"{found['test']:,} test images, so this is no result on ImageNet."
        )


def _draw_figure(run: Run, network: str) -> None:
    """Draw the NLL over the number of components, of clean and of corrupted images."""
    with run.report.panels(columns=2, title=f"ImageNet, {network}") as axes:
        clean, corrupted = axes[0]
        clean.set_title("test images")
        corrupted.set_title("corrupted")
        _draw_nll(clean, run, network, "")
        _draw_nll(corrupted, run, network, under_corruption(""))


def _draw_nll(ax: Axes, run: Run, network: str, kind: str) -> None:
    """Draw the NLL of the posteriors, and a line for the network alone.

    Arguments:
        ax: The axis.
        run: The run.
        network: The name of the network.
        kind: What follows the name of a prediction.
    """
    from zoo.plots.canvas import color_of
    from zoo.plots.curves import marker

    scores = run.result.scores
    alone = scores[f"{network}{kind}"]["nll"].value
    ax.axhline(alone, color="black", linestyle="--", label="as it came")

    for number, treatment in enumerate(_TREATMENTS):
        places, values, bars = [], [], []
        for components in _COMPONENTS:
            name = f"{network}, K = {components}, {treatment}{kind}"
            if name in scores:
                nll = scores[name]["nll"]
                places.append(components)
                values.append(nll.value)
                bars.append(nll.two_errors)

        look = {"fmt": f"{marker(number)}-", "color": color_of(number)}
        ax.errorbar(places, values, yerr=bars, label=treatment, **look)

    ax.set(xlabel="components K", ylabel="NLL ± 2 standard errors, nats")
    ax.set_xticks(_COMPONENTS)
    ax.legend(frameon=False, fontsize="small")


nodes_imagenet = Experiment(
    name="nodes-imagenet",
    question="does a posterior over the nodes of a network trained on ImageNet lower its NLL and "
    "calibration error?",
    reference="Scalable Bayesian neural networks by layer-wise input augmentation (Trinh, Kaski, "
    "Heinonen, 2020)",
    minutes=120,
    run=_run,
)
