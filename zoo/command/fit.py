"""`python -m zoo fit`: one network, prior, guide or engine and data set; a posterior, a result file and a figure."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyro
import torch

import guides
import zoo
from zoo import inference, metrics, plots
from zoo.command import names
from zoo.datasets import Dataset
from zoo.experiments.record import about, run_facts, settings
from zoo.posterior.info import MCMCInfo
from zoo.posterior.posterior import Posterior
from zoo.predictive.prediction import Prediction
from zoo.reports.comparison import accuracy_scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MANY = 2000  # data beyond which a fit takes batches, if nothing is said


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command with its arguments to the parser."""
    fit = commands.add_parser(
        "fit",
        help="fit one network, prior, guide or engine and data set; save the posterior, results and a figure",
        description="Infer the posterior of one network on one data set, score it on the test part, and write "
        "posterior.safetensors (zoo.load reads it), results.json and fit.png.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    for flag, kind, choices in (
        ("data", "data set", names.DATA),
        ("network", "network", names.NETWORKS),
        ("prior", "prior", list(names.PRIORS)),
        ("guide", "guide", names.GUIDES),
        ("engine", "engine", names.ENGINES),
    ):
        default = {"data": "yacht", "guide": "MeanField", "engine": "SVI"}.get(flag)
        rest = "" if default else "; by default one that fits the data and the guide"
        argument = {
            "type": names.one_of(choices, kind),
            "default": default or argparse.SUPPRESS,
            "metavar": "NAME",
        }
        fit.add_argument(f"--{flag}", **argument, help=", ".join(choices) + rest)
    argument = fit.add_argument
    argument("--set", type=names.setting, action="append", default=[], metavar="NAME=VALUE",
             help="an argument of the guide or else of the engine, num_components=8 say; may be repeated")  # fmt: skip
    argument(
        "--path",
        help=f"where the files of {', '.join(names.BY_FOLDER)} are",
        default=argparse.SUPPRESS,
    )
    argument(
        "--num-train",
        type=int,
        default=argparse.SUPPRESS,
        metavar="N",
        help="size of the training part; all",
    )
    argument(
        "--split",
        type=int,
        default=0,
        metavar="K",
        help="one of Gal's 20 splits of a UCI table, 0 to 19",
    )
    argument(
        "--hidden",
        type=int,
        default=50,
        metavar="H",
        help="units of an MLP's hidden layer",
    )
    argument(
        "--noise",
        type=float,
        default=0.0,
        metavar="SCALE",
        help="noise of regression; 0 infers it",
    )
    argument(
        "--steps",
        type=int,
        default=2000,
        metavar="T",
        help="gradient steps of SVI, and of Laplace to the mode",
    )
    argument(
        "--lr",
        type=float,
        default=1e-2,
        metavar="RATE",
        help="learning rate; falls to zero as a cosine under SVI",
    )
    argument("--batch-size", type=int, default=argparse.SUPPRESS, metavar="B",
             help=f"data in a batch; by default all, 128 of more than {MANY}")  # fmt: skip
    argument("--chains", type=int, default=2, metavar="C", help="chains of a sampler")
    argument(
        "--warmup",
        type=int,
        default=300,
        metavar="W",
        help="draws per chain in which a sampler adapts",
    )
    argument(
        "--draws",
        type=int,
        default=300,
        metavar="S",
        help="draws that are stored, per chain of a sampler",
    )
    argument(
        "--num-samples",
        type=int,
        default=50,
        metavar="S",
        help="draws behind the predictions",
    )
    argument("--seed", type=int, default=0, help="seed of everything random")
    argument(
        "--device",
        type=names.device,
        default="cpu",
        help="where to compute, cuda for a GPU",
    )
    argument(
        "--out",
        type=Path,
        default=Path("fit"),
        metavar="FOLDER",
        help="where the three files go",
    )
    argument("--no-progress", action="store_true", help="no progress bar")
    fit.set_defaults(
        run=run, network=None, prior=None, path=None, num_train=None, batch_size=None
    )


def run(arguments: argparse.Namespace) -> None:
    """Fit, score, and write the three files."""
    import matplotlib

    matplotlib.use("Agg")  # this is a program: the figure goes to a file
    pyro.set_rng_seed(arguments.seed)
    data = names.load_data(
        arguments.data,
        split=arguments.split,
        path=arguments.path,
        num_train=arguments.num_train,
    )
    model, engine = put_together(arguments, data)
    print(f"{data!r}\n{model.summary()}\n{engine!r}\n", flush=True)

    size = arguments.batch_size or (128 if len(data.train.x) > MANY else None)
    posterior = engine.fit(data.train, **names.accepted(engine.fit, batch_size=size))
    count = posterior.num_available(arguments.num_samples)
    prediction = posterior.predict(data.test.x, count)
    scores = accuracy_scores(prediction, data.test.y, data)
    if isinstance(posterior.info, MCMCInfo):
        print(f"the chains have {zoo.convergence(posterior, data.test.x)}")

    arguments.out.mkdir(parents=True, exist_ok=True)
    paths = [
        arguments.out / name
        for name in ("posterior.safetensors", "results.json", "fit.png")
    ]
    posterior.save(paths[0])
    facts = {
        "scores": scores,
        "run": run_facts(posterior.info),
        "data": repr(data),
        "prior": repr(model.prior),
        "likelihood": repr(model.likelihood),
        "settings": settings(arguments),
        **about(arguments.device),
    }
    paths[1].write_text(json.dumps(facts, indent=2) + "\n")
    picture(posterior, prediction, data).savefig(paths[2], dpi=150)
    print(
        ", ".join(f"{name} {value:.4g}" for name, value in scores.items()),
        f"in {posterior.info.seconds:.1f} s",
    )
    print(f"written: {', '.join(map(str, paths))}")


def put_together(
    arguments: argparse.Namespace, data: Dataset
) -> tuple[zoo.BayesianNetwork, object]:
    """Make the model and the engine from names, and pass on the settings that each has an argument for."""
    network = names.make_network(arguments.network, data, arguments.hidden).to(
        arguments.device
    )
    likelihood = names.make_likelihood(data, arguments.noise, network)
    make_engine, make_guide = (
        getattr(inference, arguments.engine),
        getattr(guides, arguments.guide),
    )
    guided = bool(names.accepted(make_engine, guide=make_guide))
    wrong = names.unknown(
        dict(arguments.set), *([make_guide, make_engine] if guided else [make_engine])
    )
    if wrong:
        raise ValueError(f"--set: {wrong}")

    def build(prior: object) -> zoo.BayesianNetwork:
        return zoo.BayesianNetwork(network, prior, likelihood)

    usual = "normal" if data.train.x.dim() == 2 else "fan_in"
    own = names.accepted(make_guide, **dict(arguments.set)) if guided else {}
    rest = {name: value for name, value in arguments.set if name not in own}
    given = {"progress": not arguments.no_progress} | rest
    if guided:
        model, guide = names.make_guide(
            arguments.guide, own, arguments.prior, usual, build
        )
        decay = partial(
            torch.optim.lr_scheduler.CosineAnnealingLR, T_max=arguments.steps
        )
        common = {"num_steps": arguments.steps, "lr": arguments.lr, "scheduler": decay}
        return model, make_engine(
            model, guide, **names.accepted(make_engine, **common) | given
        )
    model = build(names.PRIORS[arguments.prior or usual]())
    common = {
        "num_chains": arguments.chains,
        "warmup_steps": arguments.warmup,
        "num_samples": arguments.draws,
    }
    if names.accepted(
        make_engine, lr=arguments.lr
    ):  # steps are gradient steps there, and not those of a trajectory
        common |= {"num_steps": arguments.steps, "lr": arguments.lr}
    return model, make_engine(model, **names.accepted(make_engine, **common) | given)


def picture(posterior: Posterior, prediction: Prediction, data: Dataset) -> Figure:
    """Draw how the fit went, where it has losses, beside what came of it on the test data."""
    from matplotlib import pyplot as plt

    losses = getattr(posterior.info, "losses", None)
    panels: list[Callable[[Axes], object]] = (
        [lambda ax: plots.training_curve(losses, ax=ax)] if losses is not None else []
    )
    panels.append(lambda ax: verdict(posterior, prediction, data, ax))
    figure, axes = plt.subplots(
        1,
        len(panels),
        figsize=(5 * len(panels), 4.2),
        layout="constrained",
        squeeze=False,
    )
    for ax, panel in zip(axes[0], panels, strict=True):
        panel(ax)
    return figure


def verdict(
    posterior: Posterior, prediction: Prediction, data: Dataset, ax: Axes
) -> None:
    """Draw a reliability diagram for classes, a band for one input, else predictions against targets."""
    x, y = data.test
    if prediction.likelihood.discrete:
        plots.reliability_diagram(
            *metrics.reliability(prediction.probs.cpu(), y), ax=ax
        )
    elif x.shape[1:].numel() == 1 and y.shape[-1] == 1:
        low, high = float(data.train.x.min()), float(data.train.x.max())
        line = torch.linspace(
            low - 0.3 * (high - low), high + 0.3 * (high - low), 150
        ).unsqueeze(-1)
        functions = posterior.predict(line, len(prediction.outputs)).functions[..., 0]
        plots.predictive_band(
            line[:, 0],
            draws=functions,
            observed=(data.train.x[:, 0], data.train.y[:, 0]),
            ax=ax,
        )
        ax.set(xlabel="x", ylabel="f(x)")
    else:
        original = data.in_original_units(prediction)
        mean, (low, high) = (
            original.mean.cpu(),
            (end.cpu() for end in original.interval(0.9)),
        )
        target = data.y_units.restore(y)
        below, above = (mean - low).clamp_min(0)[:, 0], (high - mean).clamp_min(0)[:, 0]
        ax.errorbar(
            target[:, 0],
            mean[:, 0],
            yerr=torch.stack([below, above]),
            fmt=".",
            elinewidth=0.5,
        )
        ax.axline(
            (float(target.mean()),) * 2,
            slope=1,
            color="black",
            linestyle=":",
            linewidth=1,
        )
        ax.set(xlabel="target", ylabel="mean and 90 % interval")
