"""`python -m zoo reproduce`: run an experiment of the literature, and put its numbers beside the published ones."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from zoo.command.names import EXPERIMENTS, device, one_of
from zoo.experiments import Run


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command with its arguments to the parser."""
    reproduce = commands.add_parser(
        "reproduce",
        help="run an experiment of the literature, and put its numbers beside the published ones",
        description="Run an experiment: fits within a budget, each beside its frequentist twin, and write NAME.json and "
        "NAME.png. What is fitted is kept, and a run that is started again goes on where it ended.\n\n"
        + "\n".join(
            f"  {name:<22}{make.minutes:>3} min  {make.question}"
            for name, make in EXPERIMENTS.items()
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    argument = reproduce.add_argument
    argument(
        "name",
        type=one_of(EXPERIMENTS, "experiment"),
        metavar="NAME",
        help="an experiment",
    )
    budget = "minutes for all fits together, or 'full' for the published number of epochs (as stands beside the name)"
    argument("--budget", type=minutes, metavar="MINUTES", help=budget)
    argument("--path", type=Path, default=Path("data"), help="where the files of all data sets are, or a folder for "
             "each by its name, cifar10 say (data)")  # fmt: skip
    argument(
        "--out",
        type=Path,
        default=Path("reproduce"),
        metavar="FOLDER",
        help="where results go (reproduce)",
    )
    argument(
        "--device",
        type=device,
        default="cpu",
        help="where to compute, cuda for a GPU (cpu)",
    )
    argument("--seed", type=int, default=0, help="seed of everything random (0)")
    argument("--no-progress", action="store_true", help="no progress bars")
    reproduce.set_defaults(run=run)


def minutes(text: str) -> float:
    """Read a budget."""
    try:
        return math.inf if text == "full" else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"a budget is a number of minutes or 'full', not {text!r}"
        ) from None


def run(arguments: argparse.Namespace) -> None:
    """Run the experiment and print what was found."""
    import matplotlib

    matplotlib.use("Agg")  # this is a program: the figure goes to a file
    experiment = EXPERIMENTS[arguments.name]
    print(
        f"{experiment.name}: {experiment.question}\n{experiment.reference}\n",
        flush=True,
    )
    begun = Run(
        experiment, path=arguments.path, out=arguments.out, minutes=arguments.budget, device=arguments.device,
        seed=arguments.seed, progress=not arguments.no_progress,
    )  # fmt: skip
    try:
        result = begun.run()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{error}; --path says where they are, now {str(arguments.path)!r}"
        ) from error
    print(f"{result.table}\n")
    for note in result.notes:
        print(note)
    print(
        f"written: {arguments.out / experiment.name}.json, {arguments.out / experiment.name}.png"
    )
