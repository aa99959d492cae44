"""People's labels of CIFAR-10: counts in the order of the images, and refused files."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from zoo.datasets import Split, cifar10h
from zoo.datasets.cifar10 import CHANNELS

REAL = Path(__file__).parents[3] / "shared" / "data"
COUNTS = np.arange(40, dtype=np.uint8).reshape(4, 10)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Write counts of four images, and let CIFAR-10 be four images."""
    np.savez(tmp_path / "cifar10h.npz", counts=COUNTS)
    asked = {}

    class Four:
        test = Split(torch.rand(4, 3, 32, 32), torch.arange(4))

    def cifar10(path, **options):
        asked.update(options, path=path)
        return Four

    monkeypatch.setattr(sys.modules["zoo.datasets.cifar10h"], "cifar10", cifar10)
    return tmp_path, asked


def test_counts_stand_beside_the_images(folder):
    path, asked = folder
    x, counts = cifar10h(path, images="elsewhere")
    assert x.shape == (4, 3, 32, 32)
    assert counts.dtype == torch.int64
    assert torch.equal(counts, torch.arange(40).reshape(4, 10))
    assert asked == {"path": "elsewhere", "num_train": 1, "units": CHANNELS}
    cifar10h(path)
    assert asked["path"] == path


@pytest.mark.parametrize("counts", [COUNTS[:3], COUNTS[:, :9], COUNTS.ravel()])
def test_other_counts_get_a_sentence(folder, counts):
    path, _ = folder
    np.savez(path / "cifar10h.npz", counts=counts)
    sentence = re.escape(f"have shape {counts.shape}, not (4, 10), a number of people")
    with pytest.raises(ValueError, match=sentence):
        cifar10h(path)


def test_missing_files_get_a_sentence(folder):
    path, _ = folder
    (path / "cifar10h.npz").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"has no file cifar10h\.npz; put the counts of github"
    ):
        cifar10h(path)


def test_missing_images_get_a_sentence(tmp_path):
    np.savez(tmp_path / "cifar10h.npz", counts=COUNTS)
    with pytest.raises(
        FileNotFoundError, match=r"lacks files of CIFAR10.*unpack cifar"
    ):
        cifar10h(tmp_path)


def test_another_name_leads_to_it():
    from zoo import datasets

    with pytest.raises(AttributeError, match=r"write datasets\.cifar10h\(path\)"):
        _ = datasets.CIFAR10H


@pytest.mark.skipif(
    not (REAL / "cifar10h" / "cifar10h.npz").is_file(), reason="no CIFAR-10H"
)
def test_the_real_counts_are_of_511_000_answers():
    with np.load(REAL / "cifar10h" / "cifar10h.npz") as file:
        counts = file["counts"].astype(int)
    assert counts.shape == (10_000, 10)
    people = counts.sum(1)
    assert (people.sum(), people.min(), people.max()) == (511_000, 47, 63)
