"""`python -m zoo reproduce`: run an experiment of the literature, and put its numbers beside the published ones."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from zoo.command.names import RECIPES, device, one_of
from zoo.experiments import Run


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command with its arguments to the parser."""
    reproduce = commands.add_parser(
        "reproduce",
        help="run an experiment of the literature, and put its numbers beside the published ones",
        description="Run a recipe: fits within a budget, each beside its frequentist twin, and write NAME.json and "
        "NAME.png. What is fitted is kept, and a run that is started again goes on where it ended.\n\n"
        + "\n".join(f"  {name:<22}{make.minutes:>3} min  {make.question}" for name, make in RECIPES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    argument = reproduce.add_argument
    argument("name", type=one_of(RECIPES, "recipe"), metavar="NAME", help="a recipe")
    budget = "minutes for all fits together, or 'full' for the published number of epochs (as stands beside the name)"
    argument("--budget", type=minutes, metavar="MINUTES", help=budget)
    argument("--folder", type=Path, default=Path("data"), help="where the files of all data sets are, or a folder for "
             "each by its name, cifar10 say (data)")  # fmt: skip
    argument("--out", type=Path, default=Path("reproduce"), metavar="FOLDER", help="where results go (reproduce)")
    argument("--device", type=device, default="cpu", help="where to compute, cuda for a GPU (cpu)")
    argument("--seed", type=int, default=0, help="seed of everything random (0)")
    argument("--no-progress", action="store_true", help="no progress bars")
    reproduce.set_defaults(run=run)


def minutes(text: str) -> float:
    """Read a budget."""
    try:
        return math.inf if text == "full" else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a budget is a number of minutes or 'full', not {text!r}") from None


def run(arguments: argparse.Namespace) -> None:
    """Run the recipe and print what was found."""
    import matplotlib

    matplotlib.use("Agg")  # this is a program: the figure goes to a file
    recipe = RECIPES[arguments.name]
    print(f"{recipe.name}: {recipe.question}\n{recipe.reference}\n", flush=True)
    begun = Run(
        recipe, folder=arguments.folder, out=arguments.out, minutes=arguments.budget, device=arguments.device,
        seed=arguments.seed, progress=not arguments.no_progress,
    )  # fmt: skip
    try:
        result = begun.cook()
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error}; --folder says where they are, now {str(arguments.folder)!r}") from error
    print(f"{result.table}\n")
    for note in result.notes:
        print(note)
    print(f"written: {arguments.out / recipe.name}.json, {arguments.out / recipe.name}.png")
