"""What the zoo costs beside its peers: `python -m benchmarks.speed`, after `pip install -e ".[peers]"`.

    python -m benchmarks.speed                       an hour; writes RESULTS.md, results/speed.json, docs/speed.png
    python -m benchmarks.speed --quick               every row in minutes
    python -m benchmarks.speed --rows gradients      some parts, printed; by --out put into a run there

A peer that is not installed has a row that says so.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import pyro
import torch

from benchmarks.speed import (
    gpu,
    gradients,
    growth,
    importing,
    jax_problem,
    peers_svi,
    predicting,
    report,
    sampling,
    svi,
)
from benchmarks.speed.row import Row, Settings

ROOT = Path(__file__).parents[2]
ROWS: dict[str, Callable[[Settings], list[Row]]] = {
    "imports": importing.imports,
    "gradients": gradients.gradients,
    "prediction": predicting.prediction,
    "svi-by-hand": svi.lenet_by_hand,
    "svi-guides": svi.lenet_guides,
    "svi-traced": svi.lenet_traced,
    "svi-peers": peers_svi.lenet_peers,
    "svi-resnet": svi.resnet,
    "samplers": sampling.samplers_of_all,
    "growth": growth.growth,
    "gpu": gpu.gpu,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure part by part, print what is found, and write all of it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "--quick", action="store_true", help="every row in minutes, with few counts"
    )
    parser.add_argument(
        "--rows",
        nargs="+",
        choices=list(ROWS),
        help="these parts, printed; by --out put into a run there",
    )
    parser.add_argument("--threads", type=int, default=1, help="threads of both sides")
    parser.add_argument(
        "--out",
        type=Path,
        help="folder for RESULTS.md, results/speed.json and speed.png",
    )
    chosen = parser.parse_args(arguments)
    folder = chosen.out or (None if chosen.rows else ROOT / "benchmarks")
    figure = None if folder is None else (chosen.out or ROOT / "docs") / "speed.png"
    settings = Settings(quick=chosen.quick, threads=chosen.threads, figure=figure)
    prepare(settings)
    print(report.machine(settings), flush=True)
    parts = report.load(folder, settings) if chosen.rows and folder is not None else {}
    for name in chosen.rows or ROWS:
        began = time.perf_counter()
        parts[name] = attempt(name, settings)
        print(
            f"\n{name}, {time.perf_counter() - began:.0f} s\n{report.show(parts[name])}",
            flush=True,
        )
        if folder is not None:
            report.save(
                folder, {name: parts[name] for name in ROWS if name in parts}, settings
            )


def attempt(name: str, settings: Settings) -> list[Row]:
    """Measure one part; what goes wrong in it is its row, and the others go on."""
    try:
        with warnings.catch_warnings(), pyro.get_param_store().scope():
            warnings.simplefilter(
                "ignore"
            )  # short runs do not converge, and other people's libraries warn of others
            return ROWS[name](settings)
    except Exception as error:  # an hour of other rows is not to be lost
        logging.getLogger(__name__).exception("%s failed", name)
        return [
            Row(name, "was not measured", None, note=f"{type(error).__name__}: {error}")
        ]


def prepare(settings: Settings) -> None:
    """Give torch and, before it is imported, JAX the same number of threads."""
    torch.set_num_threads(settings.threads)
    os.environ["OMP_NUM_THREADS"] = str(settings.threads)
    try:
        jax_problem.load(settings.threads)
    except ImportError:
        print("JAX is not installed: its rows say so", file=sys.stderr)


if __name__ == "__main__":
    main()
