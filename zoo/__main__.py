"""The command line, `zoo` or `python -m zoo`: a command's module is imported when it runs."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

COMMANDS = {  # name: (module, help)
    "compare": (
        "zoo.command.compare",
        "fit guides and NUTS to one data set; print a table, write results and a figure",
    ),
    "fit": (
        "zoo.command.fit",
        "fit one network, prior, guide or engine; save the posterior, scores and a figure",
    ),
    "sweep": (
        "zoo.command.sweep",
        "fit every combination of a plan, in processes; print one table",
    ),
    "reference": (
        "zoo.command.reference",
        "show how well a reference posterior is known, or sample it again",
    ),
    "reproduce": (
        "zoo.command.reproduce",
        "run an experiment of the literature and compare it with the published numbers",
    ),
    "explore": (
        "zoo.command.explore",
        "write a page on which fits move next to the true posterior",
    ),
    "hub": (
        "zoo.command.hub",
        "list fitted posteriors that can be loaded, or make one",
    ),
    "card": ("zoo.command.card", "print the card of a fitted posterior"),
    "nodes": ("zoo.command.nodes", "count weights and input nodes of the networks"),
    "list": (
        "zoo.command.listing",
        "list networks, priors, likelihoods, guides, engines and data",
    ),
    "docs": (
        "zoo.command.docs",
        "open the documentation in a browser, where it is built",
    ),
}
_INTERRUPTED = 130  # the exit status of a program that Ctrl-C has ended
EXAMPLES = """
examples:
  zoo compare                                 the yacht data, five guides and NUTS
  zoo compare --guides MeanField,LocalReparam --hidden 20 --steps 5000
  zoo compare --data energy --split 3 --max-tree-depth 9 --draws 1000
  zoo fit --data digits --guide LocalReparam  one posterior, its scores and a figure
  zoo fit --data mnist --path data --guide NodeMixture --set num_components=8
  zoo fit --data sinusoid --engine NUTS --prior nodes_and_weights
  zoo sweep plan.yaml --workers 4             every combination of a plan, in one table
  zoo reference moons --show                  how well a stored posterior is known
  zoo reproduce bbb-mnist --budget 20         an experiment of the literature
  zoo explore --out page.html                 a page with pictures that move
  zoo card digits-mlp-mean-field              what a fitted posterior is, and how good
  zoo list                                    everything that can be combined
  zoo docs                                    the documentation, after `make docs`
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; after a mistake in its arguments print an error and return 2."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser, module = _parser(words)
    arguments = parser.parse_args(words)
    assert module is not None  # the parser exits without a command

    from zoo.runtime.subnormals import flush_subnormals

    try:
        with flush_subnormals():  # before PyTorch starts threads
            module.run(arguments)
            sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe has stopped, e.g. `zoo list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError, ImportError) as error:
        print(f"{parser.prog} {arguments.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{parser.prog} {arguments.command}: interrupted", file=sys.stderr)
        return _INTERRUPTED
    return 0


def _parser(words: Sequence[str]) -> tuple[argparse.ArgumentParser, ModuleType | None]:
    """Build the parser, and import the module of the command that the words name."""
    parser = argparse.ArgumentParser(
        prog="zoo" if Path(sys.argv[0]).stem == "zoo" else "python -m zoo",
        description="Bayesian neural networks built from parts that you can exchange.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, dest="command"
    )
    chosen = next((word for word in words if not word.startswith("-")), None)
    module = None

    for name, (module_name, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text)
        if name == chosen:
            module = importlib.import_module(module_name)
            module.add_arguments(command)
    return parser, module


class _Version(argparse.Action):
    """Print the version and exit."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(
            option_strings, dest, nargs=0, help="print the version and exit"
        )

    def __call__(self, parser: argparse.ArgumentParser, *_arguments: object) -> None:
        import zoo

        print(f"zoo {zoo.__version__}")
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
