"""The animals of the package by name, and how one is made: seed, fit, scores, card."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import pyro

from zoo.hub.animals.animal import Fit
from zoo.hub.animals.ecg import ecg_pruned
from zoo.hub.animals.lenet import LENETS
from zoo.hub.animals.resnet import RESNETS
from zoo.hub.animals.segnet import segnet_mc_dropout
from zoo.hub.animals.small import (
    concrete_low_rank,
    digits_cnn_nodes,
    digits_mlp_mean_field,
)
from zoo.hub.entry import PACKAGED
from zoo.hub.pushing import push
from zoo.hub.reference_entry import REFERENCES, make_reference

ANIMALS: Mapping[str, Fit] = {
    "concrete-low-rank": concrete_low_rank,
    "digits-cnn-nodes": digits_cnn_nodes,
    "digits-mlp-mean-field": digits_mlp_mean_field,
    "ecg-pruned": ecg_pruned,
    **LENETS,
    **RESNETS,
    "segnet-camvid-mc-dropout": segnet_mc_dropout,
}


def made_names() -> list[str]:
    """Return the names of the entries that `make` makes."""
    return sorted([*ANIMALS, *REFERENCES])


def make(
    name: str, hub: str | Path = PACKAGED, path: str | Path | None = None, seed: int = 0
) -> Path:
    """Fit an animal, and write its entry.

    Arguments:
        name: One of `made_names()`.
        hub: The hub's folder; by default that of the package.
        path: The folder of data that are not in the package.
        seed: Seed of all random numbers.

    Raises:
        ValueError: There is no animal of this name, or it needs data.
    """
    if name in REFERENCES:
        return make_reference(name, Path(hub))
    if name not in ANIMALS:
        known = ", ".join(made_names())
        raise ValueError(f"there is no animal {name!r}; write one of: {known}")

    pyro.set_rng_seed(seed)
    start = time.process_time()
    made = ANIMALS[name](None if path is None else Path(path))
    minutes = (time.process_time() - start) / 60
    given = [f"python -m zoo hub --make {name}"]
    if path is not None:
        given.append("--path FOLDER")
    if seed:
        given.append(f"--seed {seed}")

    entry = push(
        made.posterior,
        name,
        hub,
        made.data,
        num_samples=made.num_samples,
        engine=made.engine,
        seed=seed,
        command=" ".join(given),
        minutes=minutes,
        **{"licence": "apache-2.0", **made.story},
    )
    return Path(entry)
