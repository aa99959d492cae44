"""Which sampler has the most effective draws a second and a gradient, ours or another?

    python -m benchmarks.samplers --rows 20

measures the next 20 rows, each one a run of a sampler on a posterior with a number of chains
and a seed, appends them to `results/samplers.jsonl`, and writes the tables and a figure of
all rows so far. The same command goes on where the last one ended.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from benchmarks.samplers.figure import draw
from benchmarks.samplers.plan import ORDER, Key, keys
from benchmarks.samplers.posteriors import POSTERIORS
from benchmarks.samplers.rows import append, measure, missing, read
from benchmarks.samplers.table import ratio_table, sampler_table
from zoo.experiments.running.record import processor_name

OUT = Path(__file__).parents[1] / "results"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.samplers")
    parser.add_argument("--rows", type=int, default=20, help="rows to measure now")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the rows")
    parser.add_argument("--posteriors", nargs="+", choices=POSTERIORS)
    parser.add_argument("--samplers", nargs="+", choices=ORDER)
    parser.add_argument("--chains", nargs="+", type=int)
    parser.add_argument("--seeds", nargs="+", type=int)
    parser.add_argument(
        "--share", type=float, default=1.0, help="of the budget; 0.001 to try"
    )
    parser.add_argument(
        "--seconds", type=float, help="limit of the seconds of sampling of a row"
    )

    return parser.parse_args()


def is_asked_for(key: Key, options: argparse.Namespace) -> bool:
    """Return whether the command line asks for a row."""
    asked = (
        (options.posteriors, key.posterior),
        (options.samplers, key.sampler),
        (options.chains, key.chains),
        (options.seeds, key.seed),
    )
    return all(values is None or value in values for values, value in asked)


def main() -> None:
    """Measure rows, and write tables and figure."""
    options = arguments()
    torch.set_num_threads(1)
    path = options.out / "samplers.jsonl"
    asked = [key for key in keys() if is_asked_for(key, options)]
    left = missing(path, asked)
    print(f"{len(asked)} rows are asked for, {len(left)} are missing", flush=True)

    for key in left[: options.rows]:
        began = time.perf_counter()
        row = measure(key, options.share, options.seconds)
        row["took"] = round(time.perf_counter() - began, 1)
        row["processor"] = processor_name()
        append(path, row)
        print(json.dumps(row), flush=True)

    rows = read(path)
    text = f"{sampler_table(rows)}\n\n{ratio_table(rows)}\n"
    (options.out / "samplers.txt").write_text(text)
    draw(rows, options.out / "samplers.png")
    print(text)


if __name__ == "__main__":
    main()
