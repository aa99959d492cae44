"""The command line, `python -m zoo`: fit one posterior, compare guides with the truth, list the menus."""

from __future__ import annotations

import argparse
import sys

from zoo.command import compare, fit, menus, nodes, reference, reproduce
from zoo.runtime.subnormals import flush_subnormals

EPILOG = """
examples:
  python -m zoo compare                                 the yacht data, every guide, under five minutes
  python -m zoo compare --guides MeanField,LocalReparam --hidden 20 --steps 5000
  python -m zoo compare --data energy --split 3 --max-tree-depth 9 --draws 1000
  python -m zoo fit --data digits --guide LocalReparam  one posterior, saved with its scores and a figure
  python -m zoo fit --data mnist --path data --guide NodeMixture --set num_components=8
  python -m zoo fit --data sinusoid --engine NUTS --prior nodes_and_weights
  python -m zoo reference moons --show                  how well a posterior is known that ships with the package
  python -m zoo reproduce bbb-mnist --budget 20         an experiment of the literature, beside its published numbers
  python -m zoo nodes                                   weights and nodes of every network, counted
  python -m zoo list                                    what can be put together, and from where it comes
"""


def parser() -> argparse.ArgumentParser:
    """Build the parser, whose help reads like a manual page."""
    top = argparse.ArgumentParser(
        prog="python -m zoo",
        description="Bayesian neural networks as Pyro programs that can be taken apart.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(
        title="commands", metavar="COMMAND", required=True, dest="command"
    )
    for command in (compare, fit, reference, reproduce, nodes, menus):
        command.add(commands)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run a command; a mistake of the user's ends in a sentence, not in a traceback."""
    arguments = parser().parse_args(argv)
    try:
        with flush_subnormals():  # before PyTorch starts threads
            arguments.run(arguments)
    except (ValueError, FileNotFoundError, ImportError) as error:
        print(f"python -m zoo {arguments.command}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
