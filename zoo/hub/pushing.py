"""Sharing a posterior: its file, its recipe, its card and its picture become an entry of a hub."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from zoo.datasets import Dataset
from zoo.hub.card_text import card_text
from zoo.hub.describing import NotDescribed
from zoo.hub.entry import CARD, PICTURE, POSTERIOR, RECIPE
from zoo.hub.facts import Facts, Story, facts_of
from zoo.hub.hugging_face import is_repository, uploaded
from zoo.hub.index import FORMAT, check_name, write_index
from zoo.hub.picture import calibration
from zoo.hub.recipe import build_guide, build_model, describe_guide, describe_model
from zoo.hub.scores import Scored, score
from zoo.plots.saving import save_figure
from zoo.posterior.loading import load as load_file
from zoo.posterior.posterior import Posterior
from zoo.posterior.storage import read_file
from zoo.runtime.caller import stack_level
from zoo.runtime.files.atomic import write_text
from zoo.runtime.files.output_path import check_output_folder

DPI = 80  # of the picture, which takes about 15 kB


def push(
    posterior: Posterior,
    name: str,
    path: str | Path | None = None,
    data: Dataset | None = None,
    *,
    num_samples: int = 100,
    private: bool = False,
    **story: Any,
) -> Path | str:
    """Write a posterior with its card as an entry of a hub, a folder or a repository.

    The card has the scores on the test part of the data, and what you say about it; what
    nobody has said is "not stated". A model or a guide that is not made of public classes
    of zoo, guides, `torch.nn` and `pyro.distributions` is pushed all the same: who loads it
    gives them.

    Arguments:
        posterior: The posterior.
        name: Name of the entry; or OWNER/NAME, a repository of Hugging Face.
        path: The hub's folder, made if it does not exist; None for a repository.
        data: The data set, for the scores and the picture.
        num_samples: Number of draws for the scores, at most.
        private: Whether only its owner sees a new repository.
        story: What the card says besides: `about`, `engine`, `seed`, `command`, `split`,
            `data_licence`, `licence`, `fidelity`, `use` and `limits`; see
            `zoo.hub.facts.Story`.

    Returns:
        The folder of the entry, or the address of the commit.

    Raises:
        ValueError: A name that cannot be one; a posterior whose file cannot be read again.
        TypeError: Another word of the story.
        ImportError: A repository, and huggingface_hub is not installed.

    Example:
        >>> from zoo import hub
        >>> hub.push(posterior, "yacht", path=folder, data=data, seed=0).name
        'yacht'
        >>> hub.load("yacht", path=folder)
        Posterior over 81 parameters at 4 sites: MeanField guide
    """
    told = Story(**story)
    with tempfile.TemporaryDirectory() as scratch:
        if path is None:
            if not is_repository(name):
                raise ValueError(
                    f"{name!r} needs a place; write path=FOLDER, or OWNER/NAME for a repository"
                )
            folder = Path(scratch)
            _write(folder, name, posterior, data, num_samples, told)
            files = sorted(file.name for file in folder.iterdir())
            write_index(folder, files, "")
            return uploaded(folder, name, private)

        check_name(name)
        hub = check_output_folder(path, "path")
        new = Path(scratch) / name
        new.mkdir()
        _write(new, name, posterior, data, num_samples, told)
        return moved(new, hub, name)


def _write(
    folder: Path,
    name: str,
    posterior: Posterior,
    data: Dataset | None,
    num_samples: int,
    story: Story,
) -> None:
    """Write the files of an entry."""
    file = folder / POSTERIOR
    posterior.save(file)
    recipe = _recipe(posterior, file)
    if recipe["why"]:
        warnings.warn(
            f"{name} cannot be loaded by its name alone, because {recipe['why']}; whoever loads "
            "it writes model=... and guide=... too",
            stacklevel=stack_level(),
        )

    scored = None if data is None else score(posterior, data, num_samples)
    facts = facts_of(name, posterior, recipe, data, scored, num_samples, story)

    text = json.dumps(recipe | _scores(facts, scored), indent=1)
    write_text(folder / RECIPE, text + "\n")
    write_text(folder / CARD, card_text(facts))
    if scored is not None and data is not None:
        save_figure(calibration(scored, data), folder / PICTURE, DPI)


def _scores(facts: Facts, scored: Scored | None) -> dict[str, Any]:
    """Return what a test needs to compute the scores again."""
    if scored is None:
        return {}

    scores = {name: asdict(number) for name, number in scored.scores.items()}
    return {"data": facts.data_name, "num_samples": facts.num_samples, "scores": scores}


def _recipe(posterior: Posterior, file: Path) -> dict[str, Any]:
    """Describe model and guide, and load the file by them; None of each that has no words."""
    recipe: dict[str, Any] = {"format": FORMAT, "model": None, "guide": None, "why": ""}
    try:
        recipe["model"] = describe_model(posterior.model)
    except NotDescribed as error:
        recipe["why"] = str(error)

    try:
        if posterior.guide is not None:
            recipe["guide"] = describe_guide(posterior.guide)
    except NotDescribed as error:
        recipe["why"] = recipe["why"] or str(error)

    if recipe["why"]:
        return recipe

    try:
        _try(posterior, file, json.loads(json.dumps(recipe)))
    except ValueError as error:
        why = f"its description makes another one: {error}"
        recipe |= {"model": None, "guide": None, "why": why}

    return recipe


def _try(posterior: Posterior, file: Path, recipe: dict[str, Any]) -> None:
    """Load the file with what its recipe builds, and compare a draw.

    Raises:
        ValueError: The model or the guide is another one.
    """
    _, tensors = read_file(file, "zoo")
    model = build_model(recipe["model"], tensors)
    guide = None
    if recipe["guide"] is not None:
        guide = build_guide(recipe["guide"], model)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            again = load_file(file, model, guide)
        except UserWarning as warning:
            raise ValueError(str(warning)) from warning

    first, second = _draw(posterior), _draw(again)
    for name, value in first.items():
        if not torch.allclose(value.cpu(), second[name].cpu(), equal_nan=True):
            raise ValueError(f"a draw of {name!r} is another one under the same seed")


def _draw(posterior: Posterior) -> dict[str, torch.Tensor]:
    """Return a draw of every site under a fixed seed."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return posterior.sample(1)


def moved(new: Path, hub: Path, name: str) -> Path:
    """Move the files of an entry into a hub's folder, and write them into its index."""
    entry = hub / name
    entry.mkdir(exist_ok=True)
    for earlier in (POSTERIOR, RECIPE, CARD, PICTURE):
        if not (new / earlier).is_file():
            (entry / earlier).unlink(missing_ok=True)

    names = []
    for file in sorted(new.iterdir()):
        beside = entry / f".{file.name}.new"  # on the disk of the hub
        beside.write_bytes(file.read_bytes())
        os.replace(beside, entry / file.name)
        names.append(f"{name}/{file.name}")

    write_index(hub, names, f"{name}/")
    return entry
