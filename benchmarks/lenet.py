"""The trained layers and the features of the reference `lenet-nodes`.

    python -m benchmarks.lenet --fashion FOLDER

It takes two minutes and writes zoo/references/trained/lenet.safetensors.

LeNet-5 is trained on 55,000 of Fashion-MNIST's training images, ten epochs of Adam with a
learning rate that falls as a cosine. The nodes of its linear layers are inferred from what its
convolutions give for 300 of the 5,000 held-out images; functions are kept at the first
test images.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.trained_networks import lenet
from zoo import datasets, metrics
from zoo.datasets import Split
from zoo.posterior.storage import write_file
from zoo.references.problems.lenet_nodes import (
    NUM_AWAY,
    NUM_TEST,
    NUM_TRAIN,
    TRAINED,
)

LAYERS = {"1": "layer1", "3": "layer2", "5": "layer3"}  # of LeNet5's classifier


def tensors_of(network: nn.Module, held_out: Split, test: Split) -> dict[str, Tensor]:
    """Return the weights of the linear layers, and the features of both parts in half precision.

    Arguments:
        network: The trained LeNet-5.
        held_out: Images (N, 1, 28, 28) from which the nodes are inferred.
        test: Test images; those after the first are rotated.
    """
    tensors = {}
    for name, value in network.classifier.state_dict().items():
        number, _, kind = name.partition(".")
        tensors[f"network/{LAYERS[number]}.{kind}"] = value

    images = {
        "train": held_out.x[:NUM_TRAIN],
        "test": test.x[:NUM_TEST],
        "rotated": test.x[NUM_TEST : NUM_TEST + NUM_AWAY].rot90(dims=(-2, -1)),
    }
    with torch.no_grad():
        for part, x in images.items():
            tensors[f"{part}/x"] = network.features(x).flatten(1).half()

    tensors["train/y"] = held_out.y[:NUM_TRAIN].to(torch.uint8)
    tensors["test/y"] = test.y[:NUM_TEST].to(torch.uint8)
    return tensors


def main() -> None:
    """Train, and write layers and features."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.lenet", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--fashion", type=Path, required=True, help="folder with FashionMNIST/raw"
    )
    parser.add_argument("--epochs", type=int, default=10, help="epochs of training")
    arguments = parser.parse_args()

    task = lenet(
        "Fashion-MNIST",
        datasets.fashion_mnist,
        arguments.fashion,
        arguments.epochs,
        num_steps=0,
    )
    tensors = tensors_of(task.network, task.held_out, task.test)

    with torch.no_grad():
        probs = task.network(task.test.x).softmax(-1)
    accuracy = float(metrics.accuracy(probs, task.test.y))
    description = {"task": task.name, "accuracy": round(accuracy, 4)}

    TRAINED.parent.mkdir(exist_ok=True)
    write_file(TRAINED, tensors, {"trained": json.dumps(description)})
    print(f"{description}: {TRAINED}")


if __name__ == "__main__":
    main()
