"""The trained network and the images that the reference `lenet-nodes` rests on.

    python -m benchmarks.lenet --fashion FOLDER       two minutes: zoo/references/trained/lenet.safetensors

LeNet-5 learns from 55,000 of Fashion-MNIST's training images, ten epochs of Adam with a
rate that falls as a cosine. A thousand of the 5,000 kept aside are what its nodes are
inferred from, the first test images where functions are kept.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.pretrained import lenet
from zoo import datasets, metrics
from zoo.datasets.fashion_mnist import UNITS
from zoo.posterior.storage import write_file
from zoo.references.lenet_nodes import NUM_AWAY, NUM_TEST, TRAINED

NUM_TRAIN = 1000


def bytes_of(x: Tensor) -> Tensor:
    """Return the pixels that standardised images (N, 1, H, W) were."""
    return (UNITS.restore(x) * 255).round().to(torch.uint8)


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
    train, test = (part.x[:NUM_TRAIN] for part in (task.held_out, task.test))
    test = test[: NUM_TEST + NUM_AWAY]
    tensors = {
        f"network/{name}": value for name, value in task.network.state_dict().items()
    }
    tensors |= {
        "train/x": bytes_of(train),
        "train/y": task.held_out.y[:NUM_TRAIN].to(torch.uint8),
    }
    tensors |= {
        "test/x": bytes_of(test),
        "test/y": task.test.y[: len(test)].to(torch.uint8),
    }
    with torch.no_grad():
        right = metrics.accuracy(task.network(task.test.x).softmax(-1), task.test.y)
    said = {"task": task.name, "accuracy": round(float(right), 4)}
    TRAINED.parent.mkdir(exist_ok=True)
    write_file(TRAINED, tensors, {"trained": json.dumps(said)})
    print(f"{said}: {TRAINED}")


if __name__ == "__main__":
    main()
