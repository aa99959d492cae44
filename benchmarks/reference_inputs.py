"""What three references hold of data and networks that do not ship: features, means, weights.

    python -m benchmarks.reference_inputs --path FOLDER

It takes a minute and writes three files to zoo/references/trained/: the features of CIFAR-10's
test images before the last layer of a trained ResNet-20 (`cifar-last-layer`), means of seven
samples of ECG5000 (`ecg`), and the weights of a small network trained on digits
(`digits-nodes`). FOLDER holds cifar10/, ecg5000/ and resnet20-12fca82f.th.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo import datasets, metrics
from zoo.datasets.images import IMAGENET
from zoo.experiments.parts.trained_resnets import CHECKPOINTS, resnet
from zoo.posterior.storage import write_file
from zoo.references.problems import cifar_last_layer, digits_nodes, ecg

STEPS = 2000  # of Adam on the digits
RATE = 3e-3


def features_of(network: nn.Module, x: Tensor) -> Tensor:
    """Return the inputs (N, 64) of the last layer for images (N, 3, 32, 32)."""
    found = []
    handle = network.linear.register_forward_hook(
        lambda layer, inputs, output: found.append(inputs[0])
    )
    with torch.no_grad():
        network.eval()(x)

    handle.remove()
    return found[0]


def write_cifar_features(folder: Path) -> None:
    """Write features of test images, and of rotated ones."""
    network = resnet(folder / CHECKPOINTS[20], 20)
    num_plain = cifar_last_layer.NUM_TRAIN + cifar_last_layer.NUM_TEST
    num_images = num_plain + cifar_last_layer.NUM_AWAY
    data = datasets.cifar10(folder / "cifar10", units=IMAGENET, num_test=num_images)

    x, y = data.test
    rotated = x[num_plain:].rot90(dims=(-2, -1))
    tensors = {
        "x": features_of(network, x[:num_plain]).half(),
        "y": y[:num_plain].to(torch.uint8),
        "rotated": features_of(network, rotated).half(),
    }
    with torch.no_grad():
        probs = network.linear(tensors["x"].float()).softmax(-1)
    accuracy = float(metrics.accuracy(probs, y[:num_plain]))

    write(cifar_last_layer.FEATURES, tensors, {"accuracy": round(accuracy, 4)})


def write_ecg_means(folder: Path) -> None:
    """Write means of training beats, test beats, and others to be played backwards."""
    data = datasets.ecg5000(folder / "ecg5000")
    num_test = ecg.NUM_TEST
    # the test part is in the order of its classes
    order = torch.randperm(len(data.test.x), generator=torch.Generator().manual_seed(0))
    test = data.test.take(order[: num_test + ecg.NUM_AWAY])

    means = means_of(test.x)
    tensors = {
        "train/x": means_of(data.train.x).half(),
        "train/y": data.train.y.to(torch.uint8),
        "test/x": means[:num_test].half(),
        "test/y": test.y[:num_test].to(torch.uint8),
        "away/x": means[num_test:].half(),
    }
    write(ecg.MEANS, tensors, {"window": ecg.WINDOW})


def means_of(x: Tensor) -> Tensor:
    """Return means (N, 20) of neighbouring samples of beats (N, 1, 140)."""
    return F.avg_pool1d(x, ecg.WINDOW).squeeze(1)


def write_digits_cnn() -> None:
    """Train the network on the digits that its nodes are not inferred from, and write it."""
    torch.manual_seed(0)
    network = digits_nodes.digits_cnn()
    data = datasets.digits()
    x = data.train.x[: -digits_nodes.NUM_HELD_OUT]
    y = data.train.y[: -digits_nodes.NUM_HELD_OUT]

    optimizer = torch.optim.Adam(network.parameters(), RATE)
    for _ in range(STEPS):
        rows = torch.randint(len(x), (100,))
        optimizer.zero_grad()
        F.cross_entropy(network(x[rows]), y[rows]).backward()
        optimizer.step()

    with torch.no_grad():
        probs = network(data.test.x).softmax(-1)
    accuracy = float(metrics.accuracy(probs, data.test.y))
    state = dict(network.state_dict())

    write(digits_nodes.TRAINED, state, {"accuracy": round(accuracy, 4)})


def write(
    path: Path, tensors: dict[str, Tensor], description: dict[str, object]
) -> None:
    """Write a file and print what is in it."""
    write_file(path, tensors, {"trained": json.dumps(description)})
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB, {description}")


def main() -> None:
    """Write the three files."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reference_inputs",
        description=__doc__.splitlines()[0],
    )
    parser.add_argument(
        "--path", type=Path, required=True, help="folder of the data sets"
    )
    arguments = parser.parse_args()

    write_digits_cnn()
    write_ecg_means(arguments.path)
    write_cifar_features(arguments.path)


if __name__ == "__main__":
    main()
