"""`zoo sweep`: every combination of a plan, fitted, scored and kept; one table."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import zoo
from zoo.command.arguments import HelpWithDefaults, count, count_or_none
from zoo.command.building import load_data, make_likelihood, make_network
from zoo.command.output import as_json, write_files
from zoo.command.plan_file import (
    SweepPlan,
    engine_of,
    guide_of,
    network_of,
    prior_of,
    read_plan,
)
from zoo.datasets import Dataset

TABLE = "table.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.formatter_class = HelpWithDefaults
    parser.description = (
        "Fit every combination that a plan names, and print one table. A fit that is in the "
        "folder of the results is not made again."
    )
    add = parser.add_argument
    add("plan", type=Path, metavar="PLAN", help="a .yaml or .toml file")
    add(
        "--cell",
        type=count_or_none,
        metavar="K",
        help="fit this cell alone, from 0 on, e.g. as one job of a cluster",
    )
    add(
        "--workers",
        type=count,
        metavar="W",
        help="number of processes; by default that of the plan",
    )
    add(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="where results are kept; by default that of the plan, or its name",
    )
    add("--no-progress", action="store_true", help="no progress bar")


def run(arguments: argparse.Namespace) -> None:
    """Read the plan, run what is missing, print the table."""
    plan = read_plan(arguments.plan)
    folder = arguments.out or Path(plan.out or arguments.plan.stem)
    data = None if plan.reference else _data(plan)
    table = zoo.sweep(
        _axes(plan, data),
        data,
        **_fixed(plan, data),
        reference=plan.reference,
        seeds=plan.seeds,
        workers=arguments.workers or plan.workers,
        out=folder,
        num_samples=plan.num_samples,
        cell=arguments.cell,
        progress=not arguments.no_progress,
        **plan.options,
    )

    print(table, flush=True)
    if arguments.cell is None:
        write_files({folder / TABLE: as_json({"table": table.to_dicts()})})


def _data(plan: SweepPlan) -> Dataset:
    """Load the data set of a plan."""
    return load_data(
        plan.data or "yacht",
        split=plan.split,
        path=plan.path,
        num_train=plan.num_train,
        target=plan.target,
        task=plan.task,
    )


def _axes(plan: SweepPlan, data: Dataset | None) -> dict[str, Any]:
    """Return the axes of a plan, with objects for the names."""
    readers: dict[str, Callable[[Any], tuple[str, Any]]] = {
        "prior": prior_of,
        "guide": guide_of,
        "engine": engine_of,
    }
    axes: dict[str, Any] = {}
    for name, values in plan.sweep.items():
        if not isinstance(values, list):
            raise ValueError(
                f"the axis {name!r} of the plan must be a list, not {values!r}"
            )

        if name in readers:
            axes[name] = dict(map(readers[name], values))
        elif name == "network":
            names = map(network_of, values)
            axes[name] = {each: _network(each, plan, data) for each in names}
        else:
            axes[name] = values

    return axes


def _fixed(plan: SweepPlan, data: Dataset | None) -> dict[str, Any]:
    """Return the parts that all cells share; those of a reference are its own."""
    fixed = {"guide": guide_of(plan.guide)[1], "engine": engine_of(plan.engine)[1]}
    if plan.prior is not None:
        fixed["prior"] = prior_of(plan.prior)[1]
    if data is None:
        return fixed

    make = _network(plan.network, plan, data)
    default_prior = "normal" if data.train.x.dim() == 2 else "fan_in"
    fixed.setdefault("prior", prior_of(default_prior)[1])
    likelihood = make_likelihood(data, plan.noise, make())

    return {**fixed, "network": make, "likelihood": likelihood}


def _network(
    name: str | None, plan: SweepPlan, data: Dataset | None
) -> Callable[[], Any]:
    """Return what makes a network for the data."""
    if data is None:
        raise ValueError("a reference has a network of its own; omit the axis network")

    return partial(make_network, name, data, plan.hidden)
