"""Images in folders of classes: which number a folder has, how images are prepared."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from zoo.datasets.images import IMAGENET
from zoo.experiments.parts.class_folders import read_class_folders
from zoo.experiments.parts.imagenet_networks import TrainedNetwork
from zoo.experiments.parts.streamed_scores import predict_batches

TRAINED = TrainedNetwork("none", nn.Identity(), IMAGENET, "bilinear", size=28)


def write(folder, *names, size=(50, 40)):
    """Write an image into each folder of a class."""
    for number, name in enumerate(names):
        (folder / name).mkdir(parents=True, exist_ok=True)
        pixels = np.full((*size[::-1], 3), 40 + number, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name / f"{number}.png")


def read(folder, num_train=None, num_test=None):
    return read_class_folders(folder, TRAINED, num_train, num_test)


def labels(images):
    return [label for _, label in images.files]


def test_a_folder_has_the_number_that_is_its_name(tmp_path):
    write(tmp_path / "train", "2", "10", "999")
    write(tmp_path / "val", "10", "7")
    folders = read(tmp_path)
    assert sorted(labels(folders.train)) == [2, 10, 999]  # not 10, 2, 999 as 0, 1, 2
    assert sorted(labels(folders.test)) == [7, 10]
    assert not folders.is_divided


def test_names_of_wordnet_count_only_if_all_are_there(tmp_path):
    names = [f"n{number:08d}" for number in range(1000)]
    for name in names:
        (tmp_path / name).mkdir()
    write(tmp_path, names[3], names[998])
    found = labels(read(tmp_path).train) + labels(read(tmp_path).test)
    assert found == [3, 998]
    (tmp_path / names[0]).rmdir()
    with pytest.raises(ValueError, match=r"n00000001' is no class; lay the images out"):
        read(tmp_path)


def test_one_folder_is_divided(tmp_path):
    write(tmp_path, "0", "1", "2", "3", "4")
    folders = read(tmp_path)
    assert labels(folders.train) == [0, 2, 4]
    assert labels(folders.test) == [1, 3]
    assert folders.is_divided
    assert labels(read(tmp_path, num_train=2).train) == [0, 4]
    few = folders.in_memory(2, 1, TRAINED)
    assert few.test.x.shape == (1, 3, 28, 28)
    assert few.validation.y.tolist() == [0, 4]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "there is no folder .*; lay the images out as folders train and val"),
        (("cat",), "cat' is no class; lay"),
        (("1000",), "1000' is no class; lay"),
        (("5",), "has only one image; lay"),
    ],
)
def test_another_layout_gets_a_sentence(names, message, tmp_path):
    write(tmp_path / "imagenet", *names)
    with pytest.raises((FileNotFoundError, ValueError), match=message):
        read(tmp_path / "imagenet")


def test_empty_folders_get_a_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match="has no folder of a class"):
        read(tmp_path)
    (tmp_path / "3").mkdir()
    with pytest.raises(FileNotFoundError, match="are empty"):
        read(tmp_path)


def test_an_image_is_resized_before_its_centre_is_cropped(tmp_path):
    (tmp_path / "0").mkdir()
    ramp = np.tile(np.arange(64, dtype=np.uint8)[None, :, None] * 2, (64, 1, 3))
    for name in ("a.png", "b.png"):
        Image.fromarray(ramp).save(tmp_path / "0" / name)
    x, label = read(tmp_path).test[0]
    assert label == 0
    pixels = IMAGENET.restore(x) * 255  # (3, 28, 28)
    row = pixels[0, 14]
    assert row[1:-1].diff().mean() == pytest.approx(2 * 64 / 32, abs=0.1)
    assert row.mean() == pytest.approx(63, abs=1)  # the middle of 0 to 126
    assert row[0] > 4  # two columns of 32 are cropped; all would begin at 1.5
    torch.manual_seed(0)
    train = read(tmp_path).train
    assert not torch.equal(train[0][0], train[0][0])  # at random


def test_draws_are_averaged_as_probabilities(tmp_path):
    write(tmp_path, "0", "1", "2", "3", "4", "5")
    test = read(tmp_path).test
    logits = torch.randn(4, 3, 10)
    asked = iter(logits.split(2, dim=1))
    prediction = predict_batches(lambda x: next(asked), test.batches(2))
    mean = logits.softmax(-1).mean(0)
    assert torch.allclose(prediction.probs, mean, atol=1e-6)
    of_mean_logits = logits.mean(0).softmax(-1)
    assert not torch.allclose(prediction.probs, of_mean_logits, atol=1e-2)
