"""The command line, `python -m zoo`: compare guides with the truth, list the menus."""

from __future__ import annotations

import argparse
import difflib
import inspect
import json
import platform
import shutil
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pyro
import pyro.distributions as dist
import torch

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, priors

DATA = {"yacht": datasets.uci, "energy": datasets.uci, "concrete": datasets.uci}
MENUS = {
    "networks": networks,
    "priors": priors,
    "likelihoods": likelihoods,
    "guides": guides,
    "engines": inference,
    "data sets": datasets,
}
LEFT_OUT = {"Dataset", "Split", "Units", "EarlyStopping"}  # parts of members, no members
INPUTS = {
    "yacht": [
        "longitudinal position", "prismatic coefficient", "length-displacement ratio", "beam-draught ratio",
        "length-beam ratio", "Froude number",
    ]
}  # fmt: skip

EPILOG = """
examples:
  python -m zoo compare                                 the yacht data, every guide, under five minutes
  python -m zoo compare --guides MeanField,LocalReparam --hidden 20 --steps 5000
  python -m zoo compare --data energy --split 3 --max-tree-depth 9 --draws 1000
  python -m zoo list                                    what can be put together, and from where it comes
"""


def make_guides(model: zoo.BayesianNetwork) -> dict[str, Callable[[], object]]:
    """Name every guide of the comparison; the one over nodes brings a node prior on the same network."""
    prior = priors.NodePrior(dist.Normal(1.0, 0.3), weights=priors.Point(dist.Normal(0.0, 1.0)))
    nodes = zoo.BayesianNetwork(model.network, prior, model.likelihood)
    return {
        "Delta": lambda: guides.Delta(model),
        "MeanField": lambda: guides.MeanField(model),
        "LocalReparam": lambda: guides.LocalReparam(model),
        "MCDropout": lambda: guides.MCDropout(model, p=0.05),
        "NodeMixture": lambda: (nodes, guides.NodeMixture(nodes)),
    }


def run_compare(arguments: argparse.Namespace) -> None:
    """Compare guides with NUTS and write table, results and figure."""
    import matplotlib

    matplotlib.use("Agg")  # this is a program: the figure goes to a file
    pyro.set_rng_seed(arguments.seed)
    progress = not arguments.no_progress
    data = datasets.uci(arguments.data, split=arguments.split)
    network = networks.MLP(data.train.x.shape[1], 1, hidden=[arguments.hidden]).to(arguments.device)
    likelihood = likelihoods.Gaussian(arguments.noise or dist.HalfNormal(1.0))
    model = zoo.BayesianNetwork(network, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihood)
    print(f"{data!r}\n{model.summary()}\n", flush=True)

    sampler = inference.NUTS(
        model,
        num_chains=arguments.chains,
        warmup_steps=arguments.warmup,
        num_samples=arguments.draws,
        max_tree_depth=arguments.max_tree_depth,
        target_accept_prob=0.9,
        full_mass=True,
        progress=progress,
    )
    truth = sampler.fit(data.train)
    print(f"the truth has {zoo.convergence(truth, data.test.x)}\n", flush=True)

    chosen = {name: make() for name, make in make_guides(model).items() if name in arguments.guides}
    comparison = zoo.compare(model, chosen, truth, data, num_steps=arguments.steps, lr=arguments.lr, progress=progress)
    arguments.out.mkdir(parents=True, exist_ok=True)
    figure, results = arguments.out / "zoo.png", arguments.out / "results.json"
    comparison.plot(names=INPUTS.get(arguments.data)).savefig(figure, dpi=150)
    settings = {key: str(value) if isinstance(value, Path) else value for key, value in vars(arguments).items()}
    facts = {
        "table": comparison.table.to_dicts(),
        "truth": str(zoo.convergence(truth, data.test.x)),
        "settings": {key: value for key, value in settings.items() if key != "run"},
        "machine": {"processor": platform.processor() or platform.machine(), "device": arguments.device},
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "pyro": pyro.__version__},
    }
    results.write_text(json.dumps(facts, indent=2) + "\n")
    print(f"\n{comparison}\n")
    print("rmse and nll (nats per point) in original units; coverage of the 90 % interval on test targets; distance")
    print("from the truth in mean, in spread and in distribution (Wasserstein-1), in units of the truth's spread;")
    print(f"the truth's row has what its own chains score against each other.\nwritten: {results} and {figure}")


def run_list(arguments: argparse.Namespace) -> None:
    """Print the menus: one sentence and a reference each."""
    width = shutil.get_terminal_size((100, 24)).columns
    for title, folder in MENUS.items():
        print(title)
        for name, member in members(folder):
            sentence, reference = described(member)
            lines = textwrap.wrap(sentence, width - 26) + textwrap.wrap(f"-- {reference}", width - 26)
            for index, line in enumerate(lines):
                print(f"  {name if index == 0 else '':22s}  {line}")
        print()


def members(folder: object) -> list[tuple[str, object]]:
    """Return the members of a menu by name; a module among them gives its own."""
    found = []
    for name in folder.__all__:
        member = getattr(folder, name)
        if inspect.ismodule(member):
            found += [(f"{name}.{own}", getattr(member, own)) for own in member.__all__ if own.islower()]
        elif name not in LEFT_OUT:
            found.append((name, member))
    return found


def described(member: object) -> tuple[str, str]:
    """Return the first sentence of a docstring, and its first reference in short."""
    text = inspect.getdoc(member) or ""
    sentence = " ".join(text.split("\n\n")[0].split())
    reference = text.partition("References:")[2].split("\n\n")[0]
    lines = " ".join(reference.split())
    return sentence, lines[: lines.index(")") + 1] if ")" in lines else lines


def one_of(names: list[str], what: str) -> Callable[[str], str]:
    """Make an argument type that takes one of some names, and answers a wrong one with the nearest."""

    def check(name: str) -> str:
        by_lower = {known.lower(): known for known in names}
        if name.lower() in by_lower:
            return by_lower[name.lower()]
        near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.0)[0]
        raise argparse.ArgumentTypeError(
            f"there is no {what} {name!r}; the nearest is {by_lower[near]!r} (all: {', '.join(names)})"
        )

    return check


def parser() -> argparse.ArgumentParser:
    """Build the parser, whose help reads like a manual page."""
    top = argparse.ArgumentParser(
        prog="python -m zoo",
        description="Bayesian neural networks as Pyro programs that can be taken apart.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True, dest="command")
    names = ["Delta", "MeanField", "LocalReparam", "MCDropout", "NodeMixture"]
    guide = one_of(names, "guide")
    compare = commands.add_parser(
        "compare",
        help="fit every guide beside NUTS; print a table, write results.json and a figure",
        description="Fit guides to a UCI data set, sample the truth with NUTS on the same small network, and say how "
        "far each guide is from it.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = compare.add_argument
    add("--data", type=one_of(list(DATA), "data set"), default="yacht", metavar="NAME", help=", ".join(DATA))
    add("--split", type=int, default=0, metavar="K", help="one of Gal's 20 splits, 0 to 19")
    add("--hidden", type=int, default=10, metavar="H", help="units of the hidden layer")
    add("--noise", type=float, default=0.2, metavar="SCALE", help="noise in standardised units; 0 infers it")
    add(
        "--guides",
        type=lambda text: [guide(name.strip()) for name in text.split(",")],
        default=names,
        metavar="A,B",
        help="guides to fit",
    )
    add("--steps", type=int, default=3000, metavar="T", help="gradient steps of each guide")
    add("--lr", type=float, default=1e-2, metavar="RATE", help="learning rate of each guide")
    add("--chains", type=int, default=2, metavar="C", help="chains of NUTS")
    add("--warmup", type=int, default=300, metavar="W", help="draws per chain in which NUTS adapts")
    add("--draws", type=int, default=700, metavar="S", help="draws per chain that are kept")
    add("--max-tree-depth", type=int, default=7, metavar="J", help="a trajectory has at most 2^J - 1 steps")
    add("--seed", type=int, default=0, help="seed of everything random")
    add("--device", default="cpu", help="where to compute, cuda for a GPU")
    add("--out", type=Path, default=Path(), metavar="FOLDER", help="where results.json and zoo.png go")
    add("--no-progress", action="store_true", help="no progress bars")
    compare.set_defaults(run=run_compare)
    menus = commands.add_parser("list", help="print the menus, one sentence and a reference each")
    menus.set_defaults(run=run_list)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run a command; a mistake of the user's ends in a sentence, not in a traceback."""
    arguments = parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (ValueError, FileNotFoundError) as error:
        print(f"python -m zoo {arguments.command}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
