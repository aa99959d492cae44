"""Emoji: pictures cut out of one sheet, in the units of a generator; refused files."""

import numpy as np
import pytest
import torch
from PIL import Image

from zoo.datasets import emoji


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("emoji")
    sheet = np.full((63, 32, 63, 32, 3), 255, dtype=np.uint8)
    row, column = np.meshgrid(np.arange(63), np.arange(63), indexing="ij")
    sheet[:, 1, :, 2, 0], sheet[:, 1, :, 2, 1] = row, column
    whole = Image.fromarray(sheet.reshape(63 * 32, 63 * 32, 3))
    whole.save(path / "emoji.webp", lossless=True)
    return path


def test_pictures_are_cut_out_row_by_row_between_minus_one_and_one(folder):
    x, y = emoji(folder).train
    assert x.shape == (3916, 3, 32, 32)
    assert x[:, 2].min() == x.max() == 1
    places = (x[:, :2, 1, 2] + 1) * 127.5
    index = places[:, 0] * 63 + places[:, 1]
    torch.testing.assert_close(index, torch.arange(3916.0), rtol=0, atol=1e-2)
    assert not y.any()


def test_parts_are_the_same_in_every_call(folder):
    data = emoji(folder, num_train=50, num_test=20)
    again = emoji(folder, num_test=20)
    assert (len(data.train.x), len(again.train.x)) == (50, 3896)
    torch.testing.assert_close(data.test.x, again.test.x)


def test_missing_and_wrong_files_are_refused(folder, tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"has no file emoji\.webp; put the 3,916"
    ):
        emoji(tmp_path)
    Image.new("RGB", (64, 32)).save(tmp_path / "emoji.webp")
    with pytest.raises(ValueError, match="is a sheet of 32x64x3 values; put the 3,916"):
        emoji(tmp_path)
    (tmp_path / "emoji.webp").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="is no image"):
        emoji(tmp_path)
