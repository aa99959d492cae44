"""hmc-lenet-nodes: chains over all nodes of a trained LeNet-5, and how near guides are."""

from __future__ import annotations

from dataclasses import replace

import pyro.distributions as dist
from torch import nn

import guides
from zoo import datasets, networks, priors
from zoo.datasets import Dataset, Split
from zoo.experiments.parts.node_panels import draw_nodes
from zoo.experiments.parts.node_truth import REFERENCE, NodeSetting, NodeTruth
from zoo.experiments.running.method import Method
from zoo.experiments.running.run import Experiment, Run
from zoo.model import BayesianNetwork

_NUM_VALIDATION = 5_000
_NUM_TRAIN = 1_000  # of them, for the nodes
_NUM_TEST = 2_000
_NUM_SAMPLES = 100  # of a guide
_WEIGHT = dist.Normal(0.0, 1.0)  # a weight decay in training
_TRAINED = Method(6, rates=(1e-3,), batch_size=128)
_SETTING = NodeSetting(
    name="LeNet-5",
    scale=0.3,
    num_chains=2,
    num_steps=10,
    chains_share=0.7,
    guide_share=0.05,
    method=Method(60, rates=(1e-2,), batch_size=100),
    learns_mass=True,
)


def _run(run: Run) -> None:
    """Train the network, fit the guides, sample, compare, and draw."""
    data = run.dataset(datasets.fashion_mnist, num_validation=_NUM_VALIDATION)
    network = _trained(run, data)
    NodeTruth(run, _SETTING, network, _held_out(run, data), _NUM_SAMPLES).measure()
    draw_nodes(run, _SETTING.name)
    run.report.note(
        f"The posterior is that of {_NUM_TRAIN:,} images of Fashion-MNIST that the network was "
        "not trained on; its weights are frozen, and its 611 nodes have the prior "
        f"N(1, {_SETTING.scale}²)."
    )


def _trained(run: Run, data: Dataset) -> nn.Module:
    """Return the network, trained by Adam with a rate that falls to zero."""

    def build() -> tuple[BayesianNetwork, guides.Delta]:
        prior = priors.WeightPrior(_WEIGHT)
        return run.build(networks.LeNet5(10), prior, guides.Delta)

    posterior = run.fit("training", build, data, _TRAINED, share=0.1)

    return posterior.network()


def _held_out(run: Run, data: Dataset) -> Dataset:
    """Return images that the network was not trained on as training part, and test images."""
    x, y = data.validation
    test = data.test
    few = Split(test.x[:_NUM_TEST], test.y[:_NUM_TEST])

    return replace(
        data,
        train=Split(x[:_NUM_TRAIN], y[:_NUM_TRAIN]),
        validation=Split(x[_NUM_TRAIN:], y[_NUM_TRAIN:]),
        test=test if run.full else few,
    )


hmc_lenet_nodes = Experiment(
    name="hmc-lenet-nodes",
    question="what does HMC say of all nodes of a trained LeNet-5, and how near do guides come?",
    reference=REFERENCE,
    minutes=6,
    run=_run,
)
