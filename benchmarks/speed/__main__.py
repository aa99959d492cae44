"""What the zoo costs against its peers, after `pip install -e ".[peers]"`.

    python -m benchmarks.speed
    python -m benchmarks.speed --quick
    python -m benchmarks.speed --rows gradients

The first command takes an hour, and writes RESULTS.md, results/speed.json and
docs/speed.png. The second measures every row in minutes. The third measures some parts
and prints them; with `--out` they replace those of an earlier run. The row of a peer that
is not installed says so.
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
    drawing,
    gpu,
    gradients,
    growth,
    half,
    importing,
    jax_problem,
    peers_svi,
    predicting,
    report,
    svi,
)
from benchmarks.speed.row import Row, Settings

ROOT = Path(__file__).parents[2]
ROWS: dict[str, Callable[[Settings], list[Row]]] = {
    "imports": importing.imports,
    "gradients": gradients.gradients,
    "prediction": predicting.prediction,
    "swag-draws": drawing.swag_draws,
    "svi-by-hand": svi.lenet_by_hand,
    "svi-guides": svi.lenet_guides,
    "svi-traced": svi.lenet_traced,
    "svi-peers": peers_svi.lenet_peers,
    "svi-resnet": svi.resnet,
    "svi-half": half.half,
    "growth": growth.growth,
    "gpu": gpu.gpu,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure one part after the other, print each, and write all."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="every row in minutes, with few repetitions",
    )
    parser.add_argument(
        "--rows",
        nargs="+",
        choices=list(ROWS),
        help="only these parts; with --out they replace those of an earlier run",
    )
    parser.add_argument("--threads", type=int, default=1, help="threads of both sides")
    parser.add_argument(
        "--out",
        type=Path,
        help="folder for RESULTS.md, results/speed.json and speed.png",
    )
    chosen = parser.parse_args(arguments)

    folder, figure = places(chosen)
    settings = Settings(quick=chosen.quick, threads=chosen.threads, figure=figure)
    prepare(settings)
    print(report.machine(settings), flush=True)

    parts: dict[str, list[Row]] = {}
    if chosen.rows and folder is not None:
        parts = report.load(folder, settings)
    for name in chosen.rows or ROWS:
        began = time.perf_counter()
        parts[name] = attempt(name, settings)
        seconds = time.perf_counter() - began
        print(f"\n{name}, {seconds:.0f} s\n{report.show(parts[name])}", flush=True)

        if folder is not None:
            in_order = {known: parts[known] for known in ROWS if known in parts}
            report.save(folder, in_order, settings)


def places(chosen: argparse.Namespace) -> tuple[Path | None, Path | None]:
    """Return the folder of the results and the file of the figure; None if nothing is written."""
    if chosen.out is not None:
        return chosen.out, chosen.out / "speed.png"
    if chosen.rows:
        return None, None
    return ROOT / "benchmarks", ROOT / "docs" / "speed.png"


def attempt(name: str, settings: Settings) -> list[Row]:
    """Measure one part; if it fails, return a row with the error."""
    try:
        with warnings.catch_warnings(), pyro.get_param_store().scope():
            # Short runs do not converge, and other libraries warn of their dependencies.
            warnings.simplefilter("ignore")
            return ROWS[name](settings)
    except Exception as error:  # the other rows, an hour of work, are not lost
        logging.getLogger(__name__).exception("%s failed", name)
        note = f"{type(error).__name__}: {error}"
        return [Row(name, "was not measured", None, note=note)]


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
