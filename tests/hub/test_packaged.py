"""The posteriors of the package and of the repository: each loads, and has its card's scores."""

import json
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import zoo.hub.entry
from zoo import datasets, hub, references
from zoo.datasets import Dataset, Split
from zoo.datasets.images import IMAGENET
from zoo.experiments.parts.scene_batches import of_equal_contrast
from zoo.hub.index import check_files, read_index
from zoo.hub.making import made_names
from zoo.hub.reference_entry import REFERENCES
from zoo.hub.scores import score

PACKAGED = zoo.hub.entry.PACKAGED
BESIDE = Path(__file__).parents[2] / "hub"  # large, or under another licence
SHARED = Path(__file__).parents[3] / "shared" / "data"
MOST_BYTES = {PACKAGED: 6e6, BESIDE: 25e6}
FOLDERS = {name: folder for folder in MOST_BYTES for name in hub.list(path=folder)}
PARTS_OF = {  # how many test data of the large sets are scored; more take seconds
    "MNIST": 500,
    "CIFAR10": 50,
    "ECG5000": 1500,
    "CamVid": 6,
}
WHOLES = {  # how many test data the scores of the cards are of
    "MNIST": 10_000,
    "CIFAR10": 2_000,
    "ECG5000": 4_500,
    "CamVid": 233,
}
FAR = 5  # standard errors
DATA = {
    "digits-mlp-mean-field": lambda: datasets.digits(flatten=True),
    "digits-cnn-nodes": datasets.digits,
    "concrete-low-rank": lambda: datasets.uci("concrete"),
}
PARTS = ["prior", "data", "licence", "command", "scores", "What it gets wrong", "seed"]


@cache
def mnist():
    return datasets.mnist(SHARED / "mnist", num_train=1000, num_test=PARTS_OF["MNIST"])


@cache
def ecg5000():
    data = datasets.ecg5000(SHARED / "ecg")
    rows = torch.randperm(4500, generator=torch.Generator().manual_seed(0))
    test = data.test.take(rows[: PARTS_OF["ECG5000"]])  # the file is sorted by class
    return Dataset("ECG5000", data.train, test)


@cache
def cifar10():
    """Return the first test images of a sheet of 100 x 100, from left to right."""
    sheet, labels = SHARED / "cifar10/test_batch.webp", SHARED / "cifar10/labels.npy"
    if not (sheet.is_file() and labels.is_file()):
        raise FileNotFoundError(f"there is no {sheet}")

    rows = Image.open(sheet).convert("RGB").crop((0, 0, 3200, 32))
    pixels = torch.from_numpy(np.asarray(rows).copy()).unflatten(1, (100, 32))
    images = pixels.permute(1, 3, 0, 2) / 255  # (100, 3, 32, 32)
    x = IMAGENET.standardise(images)[: PARTS_OF["CIFAR10"]]
    y = torch.from_numpy(np.load(labels)[50_000 : 50_000 + len(x)]).long()

    return Dataset("CIFAR10", Split(x, y), Split(x, y))


@cache
def camvid():
    number = PARTS_OF["CamVid"]  # evenly spaced: neighbours are frames of one film
    scenes = datasets.camvid(SHARED / "camvid", size=(90, 120), num_images=number)
    return of_equal_contrast(scenes)


LARGE = {
    "lenet5-mnist": mnist,
    "resnet20-cifar10": cifar10,
    "ecg-pruned": ecg5000,
    "segnet-camvid": camvid,
}


def large_of(name):
    found = [load for start, load in LARGE.items() if name.startswith(start)]
    return found[0] if found else None


def data_of(name):
    if name in REFERENCES:
        return references.load(REFERENCES[name]).data
    try:
        load = large_of(name) or DATA[name]
        return load()
    except FileNotFoundError as error:
        pytest.skip(f"{name}: {error}")


def loaded(name):
    return hub.load(name, path=FOLDERS[name])


def recipe_of(name):
    return json.loads((FOLDERS[name] / name / "build.json").read_text())


def test_every_posterior_that_a_command_makes_is_in_one_of_two_folders():
    assert hub.list() == hub.list(path=PACKAGED)
    assert set(FOLDERS) == set(made_names())


@pytest.mark.parametrize("folder", MOST_BYTES, ids=lambda folder: folder.name)
def test_a_folder_is_whole_and_small(folder):
    facts = read_index(folder)
    check_files(folder, facts)
    assert sum(fact.size for fact in facts.values()) < MOST_BYTES[folder]

    files = [file for file in folder.rglob("*") if file.is_file()]
    listed = {folder / name for name in facts} | {folder / "index.json"}
    assert set(files) == listed


@pytest.mark.parametrize("name", FOLDERS)
def test_a_card_says_what_matters(name):
    card = hub.card(name, path=FOLDERS[name])
    missing = [part for part in PARTS if part not in card and name not in REFERENCES]
    assert not missing
    assert "licence" in card
    assert "not stated" not in card
    assert " at 0x" not in card  # an address
    assert not re.search(r"\| seconds \| \d", card)  # they depend on the machine
    assert not re.search(r"\| bound \| (True|False|None)", card)
    assert re.search(r"!\[.*\]\(calibration.png\)", card)
    head = card.split("---")[1]
    assert json.loads(re.search(r"model-index: (.*)", head)[1])[0]["name"] == name


def distances(posterior, name, data):
    """Return by score how far it is from that of the card, in standard errors of the part.

    The part is n of the N test data of the card. A mean over n of N data, drawn without
    replacement, has the standard error s sqrt(1/n - 1/N), and the card's error is s / sqrt(N).
    The part's own error is no measure: fifty data without a large loss have a small mean and a
    small spread together. Of 2,000 random parts of ECG5000 and of MNIST under each of its
    guides, at most 3 had a score that is more than 5 such errors away (a calibration error,
    which is larger in small parts); so had the NLL of at most 14 of 4,000 parts of 50 images,
    and no score of 2,000 parts of six street scenes.
    """
    recipe = recipe_of(name)
    again = score(posterior, data, recipe["num_samples"]).scores
    ratio = 1.0
    if large_of(name):
        ratio = (WHOLES[data.name] / PARTS_OF[data.name] - 1) ** 0.5

    found = {}
    for key, stored in recipe["scores"].items():
        error = ratio * stored["error"]
        found[key] = abs(again[key].value - stored["value"]) / error

    return found


@pytest.mark.parametrize("name", FOLDERS)
def test_it_loads_and_has_the_scores_of_its_card(name):
    found = distances(loaded(name), name, data_of(name))
    most = FAR if large_of(name) else 0.02  # the whole test part has the same numbers
    assert max(found.values()) <= most, found


@pytest.mark.parametrize("name", ["lenet5-mnist-nodes", "resnet20-cifar10-nodes"])
def test_scattered_weights_have_other_scores(name):
    posterior = hub.load(name)
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in [*posterior.guide.parameters(), *posterior.state.values()]:
            if value.dim() > 1:
                noise = torch.randn(value.shape, generator=random)
                value.add_(0.5 * value.std() * noise)

    found = distances(posterior, name, data_of(name))
    assert max(found.values()) > FAR, found


def test_another_posterior_has_other_scores():
    data = datasets.digits(flatten=True)
    posterior = hub.load("digits-mlp-mean-field")
    stored = recipe_of("digits-mlp-mean-field")
    other = score(posterior, data, stored["num_samples"], seed=1).scores["nll"]
    assert other.value != pytest.approx(stored["scores"]["nll"]["value"], rel=1e-4)
