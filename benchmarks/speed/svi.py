"""A step of variational inference against steps by hand, in Pyro, and without a posterior."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import partial

from torch import nn

import guides
import zoo
from benchmarks.speed import problems
from benchmarks.speed.by_hand import LR, Deterministic, MeanField, plain_pyro, stepping
from benchmarks.speed.clock import Side, StepClock
from benchmarks.speed.row import Facts, Row, Settings, Target
from zoo import inference
from zoo.posterior.info import SVIInfo
from zoo.runtime.programs import PyroProgram

LENET = "SVI step, LeNet-5"
RESNET = "SVI step, ResNet-20"
BY_HAND = Target(1.25, 1.05)
TRACED = Target(0.8, 0.6)
DETERMINISTIC = {
    "MeanField": Target(1.6, 1.3),
    "LocalReparam": Target(3.0, 2.2),
    "MCDropout": Target(1.3, 1.1),
    "NodeMixture": Target(1.3, 1.1),
}
RESNET_TARGETS = {8: Target(0.7, 0.5), 128: Target(0.95, 0.9)}
REPAID = Target(None, 50)


def timed_fit(
    model: zoo.BayesianNetwork,
    guide: PyroProgram,
    data: problems.Images,
    batch_size: int,
    rivals: Mapping[str, Side],
    settings: Settings,
    compile: str = "auto",
    scale: float = 1.0,
    precision: str = "float32",
) -> tuple[dict[str, float], SVIInfo]:
    """Fit with `inference.SVI`, with steps of rivals between its own.

    The fit has 20,000 steps (2000 for quick measurements) and is interrupted, so that
    "auto" decides as for a fit of this length.

    Arguments:
        model: The model.
        guide: The guide.
        data: Images and labels.
        batch_size: Size of a batch.
        rivals: Functions that take one step, by name.
        settings: The settings of the measurement.
        compile: As for `inference.SVI`.
        scale: A factor of the number of steps in a block.
        precision: As for `inference.SVI`.

    Returns:
        The median seconds of a step of each side, and the info of the fit.
    """
    block = max(2, int(scale * settings.pick(10, 25)))
    blocks = int(settings.pick(5, 15))
    clock = StepClock(rivals, block, blocks)
    total = int(settings.pick(2000, 20000))
    engine = inference.SVI(
        model,
        guide,
        num_steps=total,
        lr=LR,
        scheduler=clock,
        compile=compile,
        precision=precision,
        progress=False,
    )
    posterior = engine.fit(data, batch_size=batch_size)

    return clock.medians(), posterior.info


def facts_of(times: Mapping[str, float], info: SVIInfo) -> Facts:
    """Return milliseconds of a step of each side, and how ours was run."""
    facts: Facts = {}
    for name, seconds in times.items():
        facts[f"{name} ms"] = round(1e3 * seconds, 3)

    facts["run"] = info.compiled
    facts["tracing s"] = round(info.seconds_tracing, 1)

    return facts


def lenet_by_hand(settings: Settings) -> list[Row]:
    """Compare with the same estimator by hand, and by hand without a posterior."""
    rows = []
    for batch_size in (128, 16):
        network, data = problems.lenet(settings.device)
        model = problems.over_weights(network)
        rivals = {}
        for name, side in hands(settings).items():
            rivals[name] = side(network, data, batch_size)

        times, info = timed_fit(
            model, guides.MeanField(model), data, batch_size, rivals, settings
        )
        facts = facts_of(times, info)
        other = "by hand"
        if info.compiled == "compiled" and "by hand, compiled" in times:
            other = "by hand, compiled"

        ratio = times["ours"] / times[other]
        work = f"{LENET}, batch {batch_size}"
        rows.append(Row(work, f"ours / {other}", ratio, BY_HAND, facts))
        if batch_size == 128:
            rows.append(without(times, "MeanField", facts))
    return rows


def hands(settings: Settings) -> dict[str, Callable[..., Side]]:
    """Return functions that make the rivals by hand; compiled ones unless quick."""

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
    """Return the row that compares a guide with the network without a posterior."""
    note = ""
    if "deterministic, compiled" in times:
        compiled = times["ours"] / times["deterministic, compiled"]
        note = f"Against the compiled deterministic step: {compiled:.2f}."

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
    """Compare other guides with the deterministic step."""
    rows = []
    for name in ("LocalReparam", "MCDropout", "NodeMixture"):
        network, data = problems.lenet(settings.device)
        over_nodes = name == "NodeMixture"
        make_model = problems.over_nodes if over_nodes else problems.over_weights
        model = make_model(network)

        rivals = {"deterministic": stepping(Deterministic(network), data, 128)}
        times, info = timed_fit(
            model, getattr(guides, name)(model), data, 128, rivals, settings
        )
        rows.append(without(times, name, facts_of(times, info)))
    return rows


def lenet_traced(settings: Settings) -> list[Row]:
    """Compare with stock Pyro, without a compiler."""
    rows = []
    for batch_size in (128, 16):
        network, data = problems.lenet(settings.device)
        model = problems.over_weights(network)
        guide = guides.MeanField(model)
        unvalidated = plain_pyro(model, guide, data, batch_size, validate=False)
        rivals = {
            "Pyro": plain_pyro(model, guide, data, batch_size),
            "Pyro, validation off": unvalidated,
        }
        times, info = timed_fit(
            model, guide, data, batch_size, rivals, settings, compile="traced"
        )
        ratio = times["ours"] / times["Pyro"]
        without_validation = times["ours"] / times["Pyro, validation off"]
        note = f"Without Pyro's validation: {without_validation:.2f}."
        facts = facts_of(times, info)
        work = f"{LENET}, batch {batch_size}, no C++ compiler"
        rows.append(Row(work, "ours traced / Pyro", ratio, TRACED, facts, note))
    return rows


def resnet(settings: Settings) -> list[Row]:
    """Compare with stock Pyro on a deeper network, and count the steps that pay for tracing."""
    rows = []
    for batch_size, target in RESNET_TARGETS.items():
        network, data = problems.resnet(settings.device)
        model = problems.over_weights(network)
        guide = guides.MeanField(model)
        rivals = {"Pyro": plain_pyro(model, guide, data, batch_size)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of normalisations, the same on both sides
            scale = 0.3 if batch_size == 8 else 0.15
            # "traced", because compiling takes minutes, and the row is about tracing.
            times, info = timed_fit(
                model, guide, data, batch_size, rivals, settings, "traced", scale
            )

        facts = facts_of(times, info)
        work = f"{RESNET}, batch {batch_size}"
        ratio = times["ours"] / times["Pyro"]
        rows.append(Row(work, "ours / Pyro", ratio, target, facts))
        rows.append(repaid(work, times, info))
    return rows


def repaid(work: str, times: Mapping[str, float], info: SVIInfo) -> Row:
    """Return the row of the number of steps after which tracing has saved time."""
    tracing = info.seconds_tracing
    saved = times["Pyro"] - times["ours"]
    if saved > 0:
        steps = tracing / saved
        note = f"{tracing:.1f} s of tracing, {1e3 * saved:.1f} ms saved a step."
    else:
        steps = None
        note = f"{tracing:.1f} s of tracing, and nothing is saved."

    compared = "steps until tracing has repaid itself"
    return Row(work, compared, steps, REPAID, facts_of(times, info), note)
