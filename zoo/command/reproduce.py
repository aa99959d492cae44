"""`zoo reproduce`: an experiment of the literature, compared with its published numbers."""

from __future__ import annotations

import argparse
from pathlib import Path

from zoo.command.arguments import add_common, minutes, one_of
from zoo.command.choices import EXPERIMENTS
from zoo.command.shared import shared
from zoo.experiments import Run
from zoo.runtime.files.output_path import check_output_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    rows = []
    for name, experiment in EXPERIMENTS.items():
        rows.append(f"  {name:<22}{experiment.minutes:>3} min  {experiment.question}")
    parser.description = (
        "Run an experiment within a budget of time, compare each Bayesian fit with the same\n"
        "network without a posterior, and write NAME.json and NAME.png. Finished fits are kept:\n"
        "the same command continues where it stopped.\n\n" + "\n".join(rows)
    )
    add = parser.add_argument
    add(
        "name",
        type=one_of(EXPERIMENTS, "experiment"),
        metavar="NAME",
        help="an experiment",
    )
    add(
        "--budget",
        type=minutes,
        metavar="MINUTES",
        help="minutes for all fits together, by default those in the list above; "
        "'full' trains for the published number of epochs",
    )
    add(
        "--path",
        type=Path,
        default=Path("data"),
        help="folder with the files of all data sets, or with a folder for each, "
        "e.g. cifar10 (data)",
    )
    add_common(parser, out=Path("reproduce"), contents="the results (reproduce)")


def run(arguments: argparse.Namespace) -> None:
    """Run the experiment and print its findings; several processes share its fits."""
    import matplotlib

    matplotlib.use("Agg")  # the figure goes to a file
    check_output_folder(arguments.out, "--out")
    with shared(arguments.device) as ranks:
        _reproduce(arguments, progress=ranks.is_first and not arguments.no_progress)


def _reproduce(arguments: argparse.Namespace, *, progress: bool) -> None:
    """Run the experiment and print its findings."""
    experiment = EXPERIMENTS[arguments.name]
    print(
        f"{experiment.name}: {experiment.question}\n{experiment.reference}\n",
        flush=True,
    )
    begun = Run(
        experiment,
        path=arguments.path,
        out=arguments.out,
        minutes=arguments.budget,
        device=arguments.device,
        seed=arguments.seed,
        progress=progress,
    )
    try:
        result = begun.run()
    except FileNotFoundError as error:
        looked = f"write --path FOLDER; now it is {str(arguments.path)!r}"
        raise FileNotFoundError(f"{error}; {looked}") from error

    print(f"{result.table}\n")
    for note in result.notes:
        print(note)
    base = arguments.out / experiment.name
    print(f"written: {base}.json, {base}.png")
