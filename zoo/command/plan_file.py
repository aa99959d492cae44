"""The plan of a sweep: a YAML or TOML file with names, as the command line takes them."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

import pyro.distributions as dist

import guides
from zoo import inference, priors
from zoo.command.arguments import one_of
from zoo.command.choices import ENGINES, GUIDES, NETWORKS, PRIORS
from zoo.sweeps.labels import label_of

_WEIGHT_LAWS = ("Cauchy", "Laplace", "Normal", "StudentT")  # of Pyro, for `WeightPrior`


@dataclass(frozen=True, kw_only=True)
class SweepPlan:
    """What a plan file says, as it is written there; the names of the fields are its keys.

    Arguments:
        sweep: The axes: lists of names, or of NAME: ARGUMENTS.
        data: Name of a data set or a CSV file; none for a reference.
        reference: Name of one of `zoo.references`.
        network: Name of the network; by default one for the data.
        prior: The prior, if it is no axis.
        guide: The guide, if it is no axis.
        engine: The engine, if it is no axis.
        hidden: Units of an MLP's hidden layer.
        noise: Standard deviation of the noise of a regression; 0 infers it.
        split: One of Gal's splits, or the seed of the split of a file.
        path: Folder with the files of data that do not ship.
        num_train: Size of the training part.
        target: The column of a CSV file to predict.
        task: "regression" or "classification", for a CSV file.
        seeds: Number of fits of each cell.
        workers: Number of processes.
        num_samples: Draws for each prediction.
        out: Folder of the results.
        options: Arguments of guides, engines and `fit`.
    """

    sweep: dict[str, list[Any]]
    data: str | None = None
    reference: str | None = None
    network: str | None = None
    prior: Any = None
    guide: Any = "MeanField"
    engine: Any = "SVI"
    hidden: int = 50
    noise: float = 0.0
    split: int = 0
    path: str | None = None
    num_train: int | None = None
    target: str | None = None
    task: str | None = None
    seeds: int = 1
    workers: int = 1
    num_samples: int = 100
    out: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


def read_plan(path: Path) -> SweepPlan:
    """Read a plan.

    Raises:
        ValueError: There is no such file, it is none, or it has a key that plans lack.
        ImportError: A YAML file where PyYAML is not installed.
    """
    if not path.is_file():
        raise ValueError(f"there is no plan {path}; give a .yaml or a .toml file")

    found = _parsed(path)
    if not isinstance(found, dict) or not isinstance(found.get("sweep"), dict):
        raise ValueError(
            f"{path} has no axes; write them under the key sweep, such as sweep: "
            "{guide: [Delta, MeanField]}"
        )

    known = [part.name for part in fields(SweepPlan)]
    for key in found:
        if key not in known:
            nearest = difflib.get_close_matches(str(key), known, n=1, cutoff=0.0)[0]
            raise ValueError(
                f"{path} has the key {key!r}, which plans do not have; the nearest is {nearest!r}"
            )

    return SweepPlan(**found)


def _parsed(path: Path) -> Any:
    """Return what a YAML or TOML file holds."""
    if path.suffix == ".toml":
        try:
            return tomllib.loads(path.read_text())
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{path} is no TOML: {error}") from error

    try:
        import yaml
    except ImportError as error:
        raise ImportError(
            f"reading {path} needs PyYAML; write pip install pyyaml, or write the plan as TOML"
        ) from error

    try:
        return yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        line = " ".join(str(error).split())
        raise ValueError(f"{path} is no YAML: {line}") from error


def guide_of(written: Any) -> tuple[str, Callable[..., Any]]:
    """Return the label of a guide and what makes it, from NAME or {NAME: ARGUMENTS}."""
    name, arguments = _name_and_arguments(written, GUIDES, "guide")
    return _made(getattr(guides, name), arguments)


def engine_of(written: Any) -> tuple[str, Callable[..., Any]]:
    """Return the label of an engine and what makes it, from NAME or {NAME: ARGUMENTS}."""
    name, arguments = _name_and_arguments(written, ENGINES, "engine")
    return _made(getattr(inference, name), arguments)


def prior_of(written: Any) -> tuple[str, Any]:
    """Return the label of a prior and the prior, from NAME or {DISTRIBUTION: [NUMBERS]}.

    NAME is one that the command line has; a distribution is that of all weights.
    """
    if not isinstance(written, Mapping):
        name, _ = _name_and_arguments(written, list(PRIORS), "prior")
        return name, PRIORS[name]()

    name, arguments = _name_and_arguments(written, list(_WEIGHT_LAWS), "distribution")
    law = getattr(dist, name)
    if isinstance(arguments, Mapping):
        prior = priors.WeightPrior(law(**arguments))
    else:
        prior = priors.WeightPrior(law(*map(float, arguments)))

    return label_of(prior), prior


def network_of(written: Any) -> str:
    """Return the name of a network."""
    name, _ = _name_and_arguments(written, NETWORKS, "network")
    return name


def _made(maker: Callable[..., Any], arguments: Any) -> tuple[str, Callable[..., Any]]:
    """Return the label of a class with some of its arguments, and the class with them."""
    if not isinstance(arguments, Mapping):
        raise ValueError(
            f"the arguments of {maker.__name__} in a plan have names, such as "
            f"{{{maker.__name__}: {{NAME: VALUE}}}}, not {arguments!r}"
        )

    made = partial(maker, **arguments) if arguments else maker
    return label_of(made), made


def _name_and_arguments(written: Any, names: list[str], kind: str) -> tuple[str, Any]:
    """Return the name and the arguments of what a plan has written."""
    arguments: Any = {}
    if isinstance(written, Mapping) and len(written) == 1:
        ((written, arguments),) = written.items()

    if not isinstance(written, str):
        raise ValueError(
            f"a {kind} of a plan is a name, or NAME: ARGUMENTS, not {written!r}"
        )

    try:
        return one_of(names, kind)(written), arguments or {}
    except Exception as error:  # argparse's own class
        raise ValueError(str(error)) from error
