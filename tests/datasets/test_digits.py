"""The digits are images between 0 and 1, with a fixed split and every class in both parts."""

import numpy as np
import torch

from zoo import datasets


def test_shapes_ranges_and_labels():
    data = datasets.digits()
    assert data.train.x.shape == (1437, 1, 8, 8)
    assert data.test.x.shape == (360, 1, 8, 8)
    assert data.train.x.dtype == torch.float32
    assert data.train.x.min() == 0.0
    assert data.train.x.max() == 1.0
    assert data.train.y.dtype == data.test.y.dtype == torch.int64
    assert data.y_units is None


def test_flat_images_are_the_same_pixels():
    images, rows = datasets.digits(), datasets.digits(flatten=True)
    assert rows.test.x.shape == (360, 64)
    assert torch.equal(images.test.x.flatten(1), rows.test.x)
    assert torch.equal(images.test.y, rows.test.y)


def test_every_class_has_its_share():
    data = datasets.digits()
    train = data.train.y.bincount(minlength=10)
    test = data.test.y.bincount(minlength=10)
    whole = train + test
    assert (test / whole - 360 / 1797).abs().max() < 0.005

    # An unstratified split differs by more: its standard deviation is 0.03 a class.
    rows = torch.randperm(1797, generator=torch.Generator().manual_seed(0))[:360]
    shuffled = torch.cat([data.train.y, data.test.y])[rows]
    unstratified = shuffled.bincount(minlength=10)
    assert (unstratified / whole - 360 / 1797).abs().max() > 0.005


def test_no_image_is_in_both_parts():
    data = datasets.digits(flatten=True)
    rows = torch.cat([data.train.x, data.test.x]).numpy()
    assert len(np.unique(rows, axis=0)) == 1797


def test_the_split_is_always_the_same():
    assert torch.equal(datasets.digits().test.y, datasets.digits().test.y)
    assert datasets.digits().test.y[:10].tolist() == [7, 6, 3, 7, 7, 3, 2, 8, 9, 3]
