"""Weights and nodes are those of the talk's table, in its own rounding."""

import pytest

from zoo.command.nodes import count

TALK = {  # millions of weights, and nodes
    "AlexNet, torchvision": (61, 18_307),
    "VGG16, 32x32": (15, 5_251),
    "VGG16, torchvision": (138, 36_995),
    "ResNet-50, torchvision": (26, 24_579),
    "WRN-28-10": (36, 9_475),
}


@pytest.fixture(scope="module")
def rows():
    return {row["network"]: row for row in count().to_dicts()}


@pytest.mark.parametrize("name", TALK)
def test_counts_are_those_of_the_talk(rows, name):
    assert (round(rows[name]["weights"] / 1e6), rows[name]["nodes"]) == TALK[name]


def test_a_network_of_convolutions_has_no_other_nodes(rows):
    assert rows["NIN"]["nodes"] == rows["NIN"]["of convolutions"]
    assert rows["NIN"]["weights"] == 966_986  # as published for CIFAR-10
