"""`python -m zoo compare`: guides beside NUTS on a UCI table; a table, a result file and a figure."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pyro
import pyro.distributions as dist

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, priors, references
from zoo.command.names import GUIDES, REFERENCES, device, make_guide, one_of
from zoo.datasets.uci import EMBEDDED
from zoo.experiments.record import about, settings

USUAL = ["Delta", "MeanField", "LocalReparam", "MCDropout", "NodeMixture"]
OPTIONS = {
    "MCDropout": {"p": 0.05}
}  # ten units of a hidden layer do not spare one in ten
INPUTS = {
    "yacht": [
        "longitudinal position", "prismatic coefficient", "length-displacement ratio", "beam-draught ratio",
        "length-beam ratio", "Froude number",
    ]
}  # fmt: skip


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command with its arguments to the parser."""
    guide = one_of(GUIDES, "guide")
    compare = commands.add_parser(
        "compare",
        help="fit every guide beside NUTS; print a table, write results.json and a figure",
        description="Fit guides to a UCI data set, sample the truth with NUTS on the same small network, and say how "
        f"far each guide is from it. Guides: {', '.join(GUIDES)}.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    argument = compare.add_argument
    argument(
        "--reference",
        type=one_of(REFERENCES, "reference"),
        metavar="NAME",
        help="compare with a reference posterior that ships, and run no sampler: "
        + ", ".join(REFERENCES),
    )
    argument(
        "--data",
        type=one_of(EMBEDDED, "data set"),
        default="yacht",
        metavar="NAME",
        help=", ".join(EMBEDDED),
    )
    argument(
        "--split",
        type=int,
        default=0,
        metavar="K",
        help="one of Gal's 20 splits, 0 to 19",
    )
    argument(
        "--hidden", type=int, default=10, metavar="H", help="units of the hidden layer"
    )
    argument(
        "--noise",
        type=float,
        default=0.2,
        metavar="SCALE",
        help="noise in standardised units; 0 infers it",
    )
    argument(
        "--guides",
        type=lambda text: [guide(name.strip()) for name in text.split(",")],
        default=USUAL,
        metavar="A,B",
        help="guides to fit",
    )
    argument(
        "--steps",
        type=int,
        default=3000,
        metavar="T",
        help="gradient steps of each guide",
    )
    argument(
        "--lr",
        type=float,
        default=1e-2,
        metavar="RATE",
        help="learning rate of each guide",
    )
    argument(
        "--batch-size",
        type=int,
        metavar="B",
        help="rows of a batch for the guides; all at once where none is said",
    )
    argument("--chains", type=int, default=2, metavar="C", help="chains of NUTS")
    argument(
        "--warmup",
        type=int,
        default=300,
        metavar="W",
        help="draws per chain in which NUTS adapts",
    )
    argument(
        "--draws",
        type=int,
        default=700,
        metavar="S",
        help="draws per chain that are kept",
    )
    argument(
        "--max-tree-depth",
        type=int,
        default=7,
        metavar="J",
        help="a trajectory has at most 2^J - 1 steps",
    )
    argument("--seed", type=int, default=0, help="seed of everything random")
    argument(
        "--device", type=device, default="cpu", help="where to compute, cuda for a GPU"
    )
    argument(
        "--out",
        type=Path,
        default=Path(),
        metavar="FOLDER",
        help="where results.json and zoo.png go",
    )
    argument("--no-progress", action="store_true", help="no progress bars")
    compare.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Compare guides with NUTS and write table, results and figure."""
    import matplotlib

    matplotlib.use("Agg")  # this is a program: the figure goes to a file
    pyro.set_rng_seed(arguments.seed)
    if arguments.reference:
        against_reference(arguments)
        return
    progress = not arguments.no_progress
    data = datasets.uci(arguments.data, split=arguments.split)
    network = networks.MLP(data.train.x.shape[1], 1, hidden=[arguments.hidden]).to(
        arguments.device
    )
    likelihood = likelihoods.Gaussian(arguments.noise or dist.HalfNormal(1.0))
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihood
    )
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

    def build(prior: object) -> zoo.BayesianNetwork:
        return zoo.BayesianNetwork(network, prior, likelihood)

    chosen = {
        name: make_guide(name, OPTIONS.get(name, {}), None, "normal", build)
        for name in dict.fromkeys(arguments.guides)
    }
    comparison = zoo.compare(model, chosen, truth, data, **fitting(arguments))
    arguments.out.mkdir(parents=True, exist_ok=True)
    figure, results = arguments.out / "zoo.png", arguments.out / "results.json"
    comparison.plot(names=INPUTS.get(arguments.data)).savefig(figure, dpi=150)
    facts = {
        "table": comparison.table.to_dicts(),
        "truth": str(zoo.convergence(truth, data.test.x)),
        "settings": settings(arguments),
        **about(arguments.device),
    }
    results.write_text(json.dumps(facts, indent=2) + "\n")
    print(f"\n{comparison}\n")
    print(
        "rmse and nll (nats per point) in original units; coverage of the 90 % interval on test targets; distance"
    )
    print(
        "from the truth in mean, in spread and in distribution (Wasserstein-1), in units of the truth's spread;"
    )
    print(
        f"the truth's row has what its own chains score against each other.\nwritten: {results} and {figure}"
    )


def against_reference(arguments: argparse.Namespace) -> None:
    """Compare guides with a reference posterior: a table, results, and a card of each guide."""
    reference = references.load(REFERENCES[arguments.reference])
    model = reference.model.to(arguments.device)
    print(f"{reference.data!r}\n{model.summary()}\n\n{reference!r}\n", flush=True)

    def build(prior: object) -> zoo.BayesianNetwork:
        return zoo.BayesianNetwork(model.network, prior, model.likelihood)

    chosen = {}
    for name in dict.fromkeys(arguments.guides):
        try:
            chosen[name] = model, getattr(guides, name)(model, **OPTIONS.get(name, {}))
        except (
            ValueError
        ):  # it refuses the reference's prior, and is compared as a function
            chosen[name] = make_guide(
                name, OPTIONS.get(name, {}), None, "normal", build
            )
    comparison = zoo.compare(model, chosen, reference, **fitting(arguments))
    arguments.out.mkdir(parents=True, exist_ok=True)
    results = arguments.out / "results.json"
    facts = {
        "table": comparison.table.to_dicts(),
        "settings": settings(arguments),
        **about(arguments.device),
    }
    print(f"{comparison}\n")
    for name, card in comparison.fidelities.items():
        path = arguments.out / f"{arguments.reference}-{name}.png"
        card.plot().savefig(path, dpi=150)
        print(f"{name}: {card.verdict} ({path})")
    results.write_text(json.dumps(facts, indent=2) + "\n")
    print(
        f"\nthe truth's row has what its own chains score against each other.\nwritten: {results}"
    )


def fitting(arguments: argparse.Namespace) -> dict[str, object]:
    """Return how the guides are fitted."""
    given = {
        "num_steps": arguments.steps,
        "lr": arguments.lr,
        "batch_size": arguments.batch_size,
    }
    return given | {"progress": not arguments.no_progress}
