"""A reference in the layout of posteriordb, which R, Julia and Python packages read."""

from __future__ import annotations

import inspect
import json
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

import zoo
from zoo.posterior.labelled import ess, rhat
from zoo.references.card import card, description_of
from zoo.references.exports.variables import (
    Variables,
    function_variables,
    weight_variables,
)
from zoo.references.how_made import how_made
from zoo.references.names import PROBLEMS
from zoo.references.reference import Reference
from zoo.runtime.files.atomic import atomically

_ADDED_BY = "zoo"


def write_posteriordb(reference: Reference, folder: Path) -> list[Path]:
    """Write data, model and draws of a reference to a database, and return the paths.

    The posterior NAME holds function values `f[input,output]` at the inputs `x_new` of
    the data, with the noise; NAME-weights holds the few draws of the weights. Both have
    the model NAME, whose code is the problem's file and whose text is the card.

    Arguments:
        reference: The reference.
        folder: The database, `posterior_database` in posteriordb; others' entries stay.
    """
    name = reference.name
    files: dict[str, Any] = {
        f"data/data/{name}.json.zip": _data(reference),
        f"data/info/{name}.info.json": _data_info(reference),
        f"models/info/{name}.info.json": _model_info(reference),
        f"models/pyro/{name}.py": _code(reference),
        f"models/card/{name}.md": card(reference),
    }
    files |= _posterior_files(reference, name, function_variables(reference))
    weights = weight_variables(reference)
    files |= _posterior_files(reference, f"{name}-weights", weights)

    paths = []
    for place, contents in files.items():
        path = folder / place
        _write(path, contents)
        paths.append(path)

    return paths


def _posterior_files(
    reference: Reference, name: str, variables: Variables
) -> dict[str, Any]:
    """Return the description of a posterior, its draws, and how they were made."""
    first = next(iter(variables.values()))
    chains = []
    for chain in range(len(first)):
        chains.append(
            {key: values[chain].tolist() for key, values in variables.items()}
        )

    dimensions: dict[str, int] = {}
    for key in variables:
        site = key.partition("[")[0]
        dimensions[site] = dimensions.get(site, 0) + 1

    posterior = {
        "name": name,
        "keywords": ["neural network"],
        "model_name": reference.name,
        "reference_posterior_name": name,
        "data_name": reference.name,
        "dimensions": dimensions,
        **_added(),
    }
    draws = "reference_posteriors/draws"
    return {
        f"posteriors/{name}.json": posterior,
        f"{draws}/draws/{name}.json.zip": chains,
        f"{draws}/info/{name}.info.json": _draws_info(reference, name, variables),
    }


def _draws_info(
    reference: Reference, name: str, variables: Variables
) -> dict[str, Any]:
    """Return how draws were made, with R-hat and ESS if they are of several chains.

    The package for R wants exactly these keys in this order, and as versions only R's.
    """
    made = reference.made or how_made(reference.problem, seed=0)
    stacked = np.stack(list(variables.values()), -1)  # (C, S, P)
    num_chains, num_samples, _ = stacked.shape
    diagnostics: dict[str, Any] = {
        "diagnostic_information": {"names": list(variables)},
        "ndraws": num_chains * num_samples,
        "nchains": num_chains,
    }
    if num_chains > 1:
        diagnostics["effective_sample_size_bulk"] = ess(stacked).tolist()
        diagnostics["r_hat"] = rhat(stacked).tolist()

    arguments = {"command": made["command"], **made["samplers"]}
    arguments["versions"] = made["versions"] if reference.made else "zoo 0.8 or earlier"
    return {
        "name": name,
        "inference": {"method": "zoo", "method_arguments": arguments},
        "diagnostics": diagnostics,
        "checks_made": {"evidence": reference.evidence},
        "comments": "draws are thinned; the evidence is of all draws",
        **_added(),
        "versions": None,
    }


def _data(reference: Reference) -> dict[str, Any]:
    """Return the data and the inputs of the functions as lists of rows."""
    x, y = reference.data.train
    arrays = {"x": x, "y": y, "x_new": reference.inputs}
    found: dict[str, Any] = {"N": len(x), "M": len(reference.inputs)}
    for key, value in arrays.items():
        found[key] = value.detach().cpu().numpy().tolist()

    found["away"] = reference.away.int().tolist()
    return found


def _data_info(reference: Reference) -> dict[str, Any]:
    """Return what the data are."""
    problem = reference.problem
    return {
        "name": problem.name,
        "keywords": ["neural network"],
        "title": repr(problem.data),
        "description": "x and y as the model takes them; x_new are the inputs of f. "
        f"Source and licence: {problem.source or 'not stated'}",
        "data_file": f"data/data/{problem.name}.json",
        **_added(),
    }


def _model_info(reference: Reference) -> dict[str, Any]:
    """Return what the model is."""
    name = reference.name
    return {
        "name": name,
        "keywords": ["neural network"],
        "title": repr(reference.model),
        "description": description_of(reference.problem),
        "model_implementations": {"pyro": {"model_code": f"models/pyro/{name}.py"}},
        **_added(),
    }


def _code(reference: Reference) -> str:
    """Return the file of the problem; the model's text if the problem is the user's own."""
    make = PROBLEMS.get(reference.name)
    if make is None:
        return f"# {reference.model!r}\n"

    return inspect.getsource(inspect.getmodule(make))


def _added() -> dict[str, str]:
    """Return who added an entry, and when."""
    return {
        "added_by": f"{_ADDED_BY} {zoo.__version__}",
        "added_date": date.today().isoformat(),
    }


def _write(path: Path, contents: Any) -> None:
    """Write text, or JSON, which is zipped if the name ends so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = contents if isinstance(contents, str) else json.dumps(contents)
    with atomically(path) as new:
        if path.suffix != ".zip":
            new.write_text(text, encoding="utf-8")
            return

        with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(path.stem, text)
