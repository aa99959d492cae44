"""The trained network and the images of the reference `lenet-nodes`.

    python -m benchmarks.lenet --fashion FOLDER

It takes two minutes and writes zoo/references/trained/lenet.safetensors.

LeNet-5 is trained on 55,000 of Fashion-MNIST's training images, ten epochs of Adam with a
learning rate that falls as a cosine. Its nodes are inferred from a thousand of the 5,000
held-out images; functions are kept at the first test images.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.trained_networks import lenet
from zoo import datasets, metrics
from zoo.datasets.fashion_mnist import UNITS
from zoo.posterior.storage import write_file
from zoo.references.problems.lenet_nodes import NUM_AWAY, NUM_TEST, TRAINED

NUM_TRAIN = 1000


def bytes_of(x: Tensor) -> Tensor:
    """Return standardised images (N, 1, H, W) as pixels in bytes."""
    pixels = 255 * UNITS.restore(x)
    return pixels.round().to(torch.uint8)


def main() -> None:
    """Train, and write network and images."""
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
    num_test = NUM_TEST + NUM_AWAY
    tensors = {}
    for name, value in task.network.state_dict().items():
        tensors[f"network/{name}"] = value

    tensors["train/x"] = bytes_of(task.held_out.x[:NUM_TRAIN])
    tensors["train/y"] = task.held_out.y[:NUM_TRAIN].to(torch.uint8)
    tensors["test/x"] = bytes_of(task.test.x[:num_test])
    tensors["test/y"] = task.test.y[:num_test].to(torch.uint8)

    with torch.no_grad():
        probs = task.network(task.test.x).softmax(-1)
    accuracy = float(metrics.accuracy(probs, task.test.y))
    description = {"task": task.name, "accuracy": round(accuracy, 4)}

    TRAINED.parent.mkdir(exist_ok=True)
    write_file(TRAINED, tensors, {"trained": json.dumps(description)})
    print(f"{description}: {TRAINED}")


if __name__ == "__main__":
    main()
