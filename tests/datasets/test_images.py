"""Image sets: divided into fixed parts, standardised by channel, refused without files."""

import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from zoo import datasets
from zoo.datasets import cifar10, fashion_mnist, kmnist_test, mnist
from zoo.datasets.images import IMAGENET, held_out
from zoo.runtime.torchvision_shim import load_torchvision

REAL = Path(__file__).parents[3] / "shared" / "data"
GREY = {"MNIST": mnist, "FashionMNIST": fashion_mnist}


def write_idx(path, values):
    """Write an array of bytes in the format of MNIST."""
    shape = struct.pack(f">{values.ndim}i", *values.shape)
    path.write_bytes(bytes([0, 0, 8, values.ndim]) + shape + values.tobytes())


def grey_folder(path, name):
    """Write 30 training and 20 test images; pixels are the row number, labels it modulo ten."""
    raw = path / name / "raw"
    raw.mkdir(parents=True)
    for part, size in (("train", 30), ("t10k", 20)):
        rows = np.arange(size, dtype=np.uint8)
        images = np.tile(rows[:, None, None], (1, 28, 28))
        write_idx(raw / f"{part}-images-idx3-ubyte", images)
        write_idx(raw / f"{part}-labels-idx1-ubyte", rows % 10)
    return path


def colour_folder(path, monkeypatch):
    """Write six batches of four images: a first row of red pixels, everything else black."""
    kind = load_torchvision().datasets.CIFAR10
    folder = path / kind.base_folder
    folder.mkdir(parents=True)
    image = np.zeros((3, 32, 32), dtype=np.uint8)
    image[0, 0] = 255
    for name, _ in kind.train_list + kind.test_list:
        batch = {"data": np.tile(image.reshape(1, -1), (4, 1)), "labels": [0, 1, 2, 3]}
        (folder / name).write_bytes(pickle.dumps(batch))
    names = pickle.dumps({"label_names": list("abcdefghij")})
    (folder / "batches.meta").write_bytes(names)
    # torchvision knows the checksums of the real files.
    monkeypatch.setattr(kind, "_check_integrity", lambda self: True)
    monkeypatch.setattr(kind, "_load_meta", lambda self: None)
    return path


@pytest.mark.parametrize("name", GREY)
def test_grey_images_are_standardised_in_the_order_of_the_files(name, tmp_path):
    data = GREY[name](grey_folder(tmp_path, name))
    assert data.train.x.shape == (30, 1, 28, 28)
    assert data.test.x.shape == (20, 1, 28, 28)
    assert data.train.x.dtype == torch.float32
    assert data.train.y.tolist() == [row % 10 for row in range(30)]
    assert data.train.y.dtype == torch.int64
    assert data.validation is None
    pixels = 255 * data.x_units.restore(data.train.x)[:, 0, 0, 0]
    assert torch.allclose(pixels, torch.arange(30.0), atol=1e-3)
    assert f"{name!r}, train=30, test=20, inputs=1x28x28, classes=10" in repr(data)


def test_colours_come_first_and_each_has_its_units(tmp_path, monkeypatch):
    data = cifar10(colour_folder(tmp_path, monkeypatch), units=IMAGENET)
    assert data.train.x.shape == (20, 3, 32, 32)
    assert data.test.y.tolist() == [0, 1, 2, 3]
    red, green = torch.zeros(32, 32), torch.zeros(32, 32)
    red[0] = 1
    assert torch.allclose(data.train.x[0, 0], (red - 0.485) / 0.229)
    assert torch.allclose(data.train.x[0, 1], (green - 0.456) / 0.224)


def test_parts_are_always_the_same_and_nested(tmp_path):
    path = grey_folder(tmp_path, "MNIST")
    small = mnist(path, num_train=5, num_validation=8, num_test=3)
    large = mnist(path, num_train=15, num_validation=8)
    whole = mnist(path, num_validation=8)
    assert rows_of(small.train) < rows_of(large.train) < rows_of(whole.train)
    aside = rows_of(whole.validation)
    assert rows_of(small.validation) == rows_of(large.validation) == aside
    assert not rows_of(whole.train) & aside
    assert len(whole.train.x) == 22
    assert len(small.test.x) == 3
    assert "train=5, validation=8, test=3" in repr(small)


def rows_of(part):
    return set(part.x[:, 0, 0, 0].tolist())


def test_parts_do_not_depend_on_the_seed():
    rows, aside = held_out("images", 1000, 10, 3)
    torch.manual_seed(5)
    again, aside_again = held_out("images", 1000, 10, 3)
    assert torch.equal(rows, again)
    assert torch.equal(aside, aside_again)


@pytest.mark.parametrize("sizes", [(31, 0), (25, 6), (0, 0), (5, -1)])
def test_parts_larger_than_the_set_are_refused(sizes, tmp_path):
    path = grey_folder(tmp_path, "MNIST")
    with pytest.raises(
        ValueError, match="there are 30 training images of MNIST, not enough for"
    ):
        mnist(path, num_train=sizes[0], num_validation=sizes[1])


@pytest.mark.parametrize(
    ("load", "source"),
    [
        (mnist, "MNIST/raw"),
        (fashion_mnist, "dataset-fashion-mnist"),
        (cifar10, "kriz/cifar"),
    ],
)
def test_missing_files_are_answered_with_their_source(load, source, tmp_path):
    with pytest.raises(
        FileNotFoundError, match=f"lacks files of .*{source}.*download=True"
    ):
        load(tmp_path)


@pytest.mark.skipif(
    not (REAL / "mnist").is_dir(), reason="needs MNIST in ../shared/data/mnist"
)
def test_the_real_mnist_has_the_documented_units():
    data = datasets.mnist(
        REAL / "mnist", num_train=20_000, num_validation=10_000, num_test=1_000
    )
    assert data.train.x.mean().abs() < 5e-3
    assert (data.train.x.std() - 1).abs() < 5e-3
    assert data.train.y.unique().tolist() == list(range(10))


def test_letters_are_standardised_like_digits(tmp_path):
    ones = np.ones((3, 28, 28), dtype=np.uint8)
    pixels = np.arange(3, dtype=np.uint8)[:, None, None] * ones
    np.savez(tmp_path / "kmnist-test-imgs.npz", pixels)
    np.savez(tmp_path / "kmnist-test-labels.npz", np.array([9, 0, 2], dtype=np.uint8))
    away, digits = kmnist_test(tmp_path), mnist(grey_folder(tmp_path, "MNIST"))
    assert torch.equal(away.x, digits.train.x[:3])
    assert away.y.tolist() == [9, 0, 2]
    assert away.y.dtype == torch.int64
    units = digits.x_units._replace(scale=torch.ones(1, 1, 1))
    other = kmnist_test(tmp_path, units=units)
    assert torch.allclose(other.x, away.x * digits.x_units.scale)


def test_a_folder_without_letters_is_refused(tmp_path):
    with pytest.raises(
        FileNotFoundError,
        match=r"has no file kmnist-test-imgs.npz; put .* codh.rois.ac.jp/kmnist",
    ):
        kmnist_test(tmp_path)
    (tmp_path / "kmnist-test-imgs.npz").write_bytes(b"<html>")
    with pytest.raises(ValueError, match="is not an archive of the arrays arr_0; put"):
        kmnist_test(tmp_path)


@pytest.mark.skipif(
    not (REAL / "kmnist_test").is_dir(),
    reason="needs KMNIST's test part in ../shared/data/kmnist_test",
)
def test_the_real_letters_have_a_thousand_of_each():
    away = datasets.kmnist_test(REAL / "kmnist_test")
    assert away.x.shape == (10_000, 1, 28, 28)
    assert away.y.bincount().tolist() == [1000] * 10
