"""CamVid: label maps beside images, a smaller size without mixed labels, and refused files."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from zoo.datasets import camvid
from zoo.datasets.images import per_channel

REAL = Path(__file__).parents[3] / "shared" / "data" / "camvid"
PLAIN = per_channel([0.0] * 3, [1.0] * 3)


def write(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(
        path, **({"lossless": True} if path.suffix == ".webp" else {})
    )


def fill(folder, layout="beside", size=(4, 6)):
    """Write five images of each part, whose rows of pixels are numbered, and labels of columns."""
    rows = np.arange(size[0], dtype=np.uint8)[:, None, None] * np.ones(
        (*size, 3), np.uint8
    )
    columns = np.arange(size[1], dtype=np.uint8)[None] * np.ones((size[0], 1), np.uint8)
    for part in ("train", "val", "test"):
        for number in range(5):
            if layout == "beside":
                image, labels = f"{part}/{number}.webp", f"{part}/{number}.png"
            else:
                image, labels = f"{part}/{number}.png", f"{part}annot/{number}.png"
            write(folder / image, rows + 10 * np.uint8(number))
            write(folder / labels, columns)
    return folder


@pytest.mark.parametrize("layout", ["beside", "annot"])
def test_each_image_has_its_label_map(tmp_path, layout):
    data = camvid(fill(tmp_path, layout), units=PLAIN)
    assert data.train.x.shape == (5, 3, 4, 6)
    assert data.train.y.shape == (5, 4, 6)
    assert data.train.y.dtype == torch.int64
    assert (255 * data.test.x[2, 0, :, 0]).round().tolist() == [20, 21, 22, 23]
    assert data.validation.y[4, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert data.classes[8] == "car"
    assert len(data.classes) == 11
    assert repr(data).endswith("inputs=3x4x6, classes=11)")


def test_a_smaller_image_has_means_and_the_labels_of_centres(tmp_path):
    data = camvid(fill(tmp_path), size=(2, 3), num_images=2, units=PLAIN)
    assert data.train.x.shape == (2, 3, 2, 3)
    assert (255 * data.train.x[0, 0, :, 0]).tolist() == pytest.approx([0.5, 2.5])
    assert data.train.y[0, 0].tolist() == [1, 3, 5]  # and not 0.5, 2.5, 4.5
    assert (255 * data.train.x[1, 0, 0, 0]).item() == pytest.approx(20.5)
    with pytest.raises(
        ValueError, match="at most the 4x6 pixels of the files, not 5x6"
    ):
        camvid(tmp_path, size=(5, 6))
    with pytest.raises(ValueError, match="num_images must be 1 to 5, not 6"):
        camvid(tmp_path, num_images=6)


def test_files_that_lack_or_do_not_fit_get_a_sentence(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"has no images; put the folder CamVid of"
    ):
        camvid(tmp_path)
    fill(tmp_path)
    labels = tmp_path / "val" / "3.png"
    write(labels, np.zeros((4, 5), np.uint8))
    with pytest.raises(
        ValueError, match=r"3\.png' has 4x5 pixels, but its image has 4x6"
    ):
        camvid(tmp_path)
    write(labels, np.full((4, 6), 12, np.uint8))
    with pytest.raises(ValueError, match=r"holds 12, but labels are 0 to 10"):
        camvid(tmp_path)
    labels.write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"3\.png' is no image, or it is damaged"):
        camvid(tmp_path)
    labels.unlink()
    with pytest.raises(
        FileNotFoundError, match=r"3\.webp' has no label map '.*3\.png'"
    ):
        camvid(tmp_path)


@pytest.mark.skipif(not REAL.is_dir(), reason="needs ../shared/data/camvid")
def test_the_published_images():
    data = camvid(REAL, size=(45, 60))
    assert (len(data.train.x), len(data.validation.x)) == (367, 101)
    assert len(data.test.x) == 233
    share = torch.bincount(data.train.y.flatten(), minlength=12) / data.train.y.numel()
    published = [16.9, 23.3, 1.0, 31.5, 4.5, 9.7, 1.2, 1.1, 5.9, 0.64, 0.29, 3.9]
    torch.testing.assert_close(
        100 * share, torch.tensor(published), atol=0.05, rtol=0.03
    )
    assert data.train.x.mean((0, 2, 3)).abs().max() < 0.01
    assert data.train.x.std((0, 2, 3)).min() > 0.9
