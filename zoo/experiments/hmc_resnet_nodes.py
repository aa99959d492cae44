"""hmc-resnet-nodes: chains over the nodes of a trained ResNet-20, and how near guides are."""

from __future__ import annotations

from dataclasses import replace

from zoo.datasets import Split
from zoo.experiments.parts.node_panels import draw_nodes
from zoo.experiments.parts.node_truth import REFERENCE, NodeSetting, NodeTruth
from zoo.experiments.parts.trained_resnets import load_cifar10, load_trained
from zoo.experiments.running.method import Method
from zoo.experiments.running.run import Experiment, Run

_NUM_TRAIN = 1_000
_NUM_TEST = 1_000
_NUM_SAMPLES = 60  # of a guide
_SETTING = NodeSetting(
    name="ResNet-20",
    scale=0.1,
    num_chains=2,
    num_steps=8,
    chains_share=0.78,
    guide_share=0.06,
    method=Method(40, rates=(1e-2,), batch_size=100),
    learns_mass=False,
)


def _run(run: Run) -> None:
    """Fit the guides, sample, compare, and draw."""
    data = load_cifar10(run)
    test = data.test
    data = replace(
        data,
        train=Split(data.train.x[:_NUM_TRAIN], data.train.y[:_NUM_TRAIN]),
        test=test if run.full else Split(test.x[:_NUM_TEST], test.y[:_NUM_TEST]),
    )
    network = load_trained(run, 20)
    NodeTruth(run, _SETTING, network, data, _NUM_SAMPLES).measure()
    draw_nodes(run, _SETTING.name)
    _add_notes(run)


def _add_notes(run: Run) -> None:
    """Say what the numbers are of."""
    run.report.note(
        f"The posterior is that of {_NUM_TRAIN:,} of the images that the network was trained on, "
        "without augmentation; its 269,722 weights are frozen, and its 691 nodes have the prior "
        f"N(1, {_SETTING.scale}²)."
    )


hmc_resnet_nodes = Experiment(
    name="hmc-resnet-nodes",
    question="what does HMC say of the nodes of a trained ResNet-20, and how near do guides come?",
    reference=REFERENCE,
    minutes=40,
    run=_run,
)
