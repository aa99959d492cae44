"""A step of stochastic variational inference beside the same work by hand, in stock Pyro, and without a posterior."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import partial

from torch import nn

import guides
import zoo
from benchmarks.speed import problems
from benchmarks.speed.by_hand import LR, Deterministic, MeanField, plain_pyro, stepping
from benchmarks.speed.clock import Beside, Side
from benchmarks.speed.row import Facts, Row, Settings, Target
from zoo import inference

LENET, RESNET = "SVI step, LeNet-5", "SVI step, ResNet-20"
BY_HAND, TRACED = Target(1.25, 1.05), Target(0.8, 0.6)
DETERMINISTIC = {
    "MeanField": Target(1.6, 1.3),
    "LocalReparam": Target(3.0, 2.2),
    "MCDropout": Target(1.3, 1.1),
    "NodeMixture": Target(1.3, 1.1),
}
RESNET_TARGETS = {8: Target(0.7, 0.5), 128: Target(0.95, 0.9)}
REPAID = Target(None, 50)


def beside(
    model: zoo.BayesianNetwork,
    guide: Callable[..., object],
    data: problems.Images,
    batch_size: int,
    rivals: Mapping[str, Side],
    settings: Settings,
    compile: str = "auto",
    scale: float = 1.0,
) -> tuple[dict[str, float], object]:
    """Fit with `inference.SVI`, rivals between its steps: median seconds of a step of each side, and the fit's info.

    The fit is told of 20,000 steps (2000 in a hurry), so that "auto" decides as it does
    for such a fit.
    """
    block, blocks = (
        max(2, int(scale * settings.pick(10, 25))),
        int(settings.pick(5, 15)),
    )
    clock = Beside(rivals, block, blocks)
    total = int(settings.pick(2000, 20000))
    engine = inference.SVI(
        model,
        guide,
        num_steps=total,
        lr=LR,
        scheduler=clock,
        compile=compile,
        progress=False,
    )
    posterior = engine.fit(data, batch_size=batch_size)
    return clock.medians(), posterior.info


def facts_of(times: Mapping[str, float], info: object) -> Facts:
    """Return milliseconds of a step of each side, and how ours was run."""
    facts: Facts = {
        f"{name} ms": round(1e3 * seconds, 3) for name, seconds in times.items()
    }
    return facts | {"run": info.compiled, "tracing s": round(info.seconds_tracing, 1)}


def lenet_by_hand(settings: Settings) -> list[Row]:
    """Beside the same estimator by hand, and by hand without any posterior."""
    rows = []
    for batch_size in (128, 16):
        network, data = problems.lenet(settings.device)
        model = problems.over_weights(network)
        rivals = {
            name: side(network, data, batch_size)
            for name, side in hands(settings).items()
        }
        times, info = beside(
            model, guides.MeanField(model), data, batch_size, rivals, settings
        )
        facts, other = facts_of(times, info), "by hand"
        if info.compiled == "compiled":
            other = "by hand, compiled" if "by hand, compiled" in times else other
        ratio = times["ours"] / times[other]
        rows.append(
            Row(
                f"{LENET}, batch {batch_size}", f"ours / {other}", ratio, BY_HAND, facts
            )
        )
        if batch_size == 128:
            rows.append(without(times, "MeanField", facts))
    return rows


def hands(settings: Settings) -> dict[str, Callable[..., Side]]:
    """Return what makes the rivals by hand; compiled ones where there is time for a compiler."""

    def by_hand(
        network: nn.Module, data: problems.Images, batch_size: int, compiled: bool
    ) -> Side:
        return stepping(MeanField(network, len(data[0])), data, batch_size, compiled)

    def bare(
        network: nn.Module, data: problems.Images, batch_size: int, compiled: bool
    ) -> Side:
        return stepping(Deterministic(network), data, batch_size, compiled)

    sides = {
        "by hand": partial(by_hand, compiled=False),
        "deterministic": partial(bare, compiled=False),
    }
    if not settings.quick:
        sides["by hand, compiled"] = partial(by_hand, compiled=True)
        sides["deterministic, compiled"] = partial(bare, compiled=True)
    return sides


def without(times: Mapping[str, float], name: str, facts: Facts) -> Row:
    """Make the row of a guide beside the network without a posterior."""
    note = ""
    if "deterministic, compiled" in times:
        note = f"Beside the deterministic step compiled: {times['ours'] / times['deterministic, compiled']:.2f}."
    ratio = times["ours"] / times["deterministic"]
    return Row(
        f"{LENET}, batch 128, {name}",
        "ours / deterministic",
        ratio,
        DETERMINISTIC[name],
        facts,
        note,
    )


def lenet_guides(settings: Settings) -> list[Row]:
    """Beside the deterministic step: guides that draw more than once, or less."""
    rows = []
    for name in ("LocalReparam", "MCDropout", "NodeMixture"):
        network, data = problems.lenet(settings.device)
        model = (
            problems.over_nodes(network)
            if name == "NodeMixture"
            else problems.over_weights(network)
        )
        rivals = {"deterministic": stepping(Deterministic(network), data, 128)}
        times, info = beside(
            model, getattr(guides, name)(model), data, 128, rivals, settings
        )
        rows.append(without(times, name, facts_of(times, info)))
    return rows


def lenet_traced(settings: Settings) -> list[Row]:
    """Beside stock Pyro, as it is where there is no compiler."""
    rows = []
    for batch_size in (128, 16):
        network, data = problems.lenet(settings.device)
        model = problems.over_weights(network)
        guide = guides.MeanField(model)
        rivals = {
            "Pyro": plain_pyro(model, guide, data, batch_size),
            "Pyro, validation off": plain_pyro(
                model, guide, data, batch_size, validate=False
            ),
        }
        times, info = beside(
            model, guide, data, batch_size, rivals, settings, compile="traced"
        )
        ratio = times["ours"] / times["Pyro"]
        note = f"Pyro's validation switched off: {times['ours'] / times['Pyro, validation off']:.2f}."
        work = f"{LENET}, batch {batch_size}, no C++ compiler"
        rows.append(
            Row(work, "ours traced / Pyro", ratio, TRACED, facts_of(times, info), note)
        )
    return rows


def resnet(settings: Settings) -> list[Row]:
    """Beside stock Pyro on a deeper network, and when tracing has repaid itself."""
    rows = []
    for batch_size, target in RESNET_TARGETS.items():
        network, data = problems.resnet(settings.device)
        model = problems.over_weights(network)
        guide = guides.MeanField(model)
        rivals = {"Pyro": plain_pyro(model, guide, data, batch_size)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of normalisation, the same on both sides
            scale = 0.3 if batch_size == 8 else 0.15
            # compiling takes minutes, and the row is about tracing
            times, info = beside(
                model, guide, data, batch_size, rivals, settings, "traced", scale
            )
        facts = facts_of(times, info)
        work = f"{RESNET}, batch {batch_size}"
        rows.append(
            Row(work, "ours / Pyro", times["ours"] / times["Pyro"], target, facts)
        )
        saved = times["Pyro"] - times["ours"]
        steps = info.seconds_tracing / saved if saved > 0 else None
        note = f"{info.seconds_tracing:.1f} s of tracing" + (
            f", {1e3 * saved:.1f} ms saved a step."
            if saved > 0
            else ", and nothing is saved."
        )
        rows.append(
            Row(
                work,
                "steps until tracing has repaid itself",
                steps,
                REPAID,
                facts,
                note,
            )
        )
    return rows
