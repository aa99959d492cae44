"""A step with products in bfloat16 against one by hand, and against one in single precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

import guides
from benchmarks.speed import problems
from benchmarks.speed.by_hand import Deterministic, LocalReparamInHalf, stepping
from benchmarks.speed.clock import Side
from benchmarks.speed.row import Facts, Row, Settings, Target
from benchmarks.speed.svi import LENET, RESNET, facts_of, timed_fit

MLP = "SVI step, 784-400-400-10, LocalReparam, batch 512"
SIZES = [784, 400, 400, 10]
BY_HAND = Target(1.15, 1.0)
MLP_GAIN = Target(0.5, 1 / 3)
CONVOLUTIONS = Target(0.95, 0.7)
Problem = Callable[[str], tuple[nn.Module, problems.Images]]


def half(settings: Settings) -> list[Row]:
    """Measure a multilayer perceptron and two convolutional networks."""
    rows = perceptron(settings)
    rows.append(convolutional(LENET, problems.lenet, 0.5, settings))
    rows.append(convolutional(RESNET, problems.resnet, 0.15, settings))

    return rows


def perceptron(settings: Settings) -> list[Row]:
    """Compare with the step by hand, which is the clock of both precisions as well."""
    network, data = problems.digits_in_vectors(settings.device)
    by_hand = LocalReparamInHalf(SIZES, data, 512)
    rivals = {"by hand, bf16": by_hand.step}
    times, facts = both("LocalReparam", network, data, 512, rivals, settings)

    against_hand = times["bf16"] / times["by hand, bf16"]
    return [
        Row(MLP, "ours bf16 / by hand bf16", against_hand, BY_HAND, facts),
        gain(MLP, times, MLP_GAIN, facts),
    ]


def convolutional(work: str, problem: Problem, scale: float, settings: Settings) -> Row:
    """Compare both precisions on images, with the deterministic step as the clock."""
    network, data = problem(settings.device)
    rivals = {"deterministic": stepping(Deterministic(network), data, 128)}
    times, facts = both("MeanField", network, data, 128, rivals, settings, scale)

    return gain(f"{work}, MeanField, batch 128", times, CONVOLUTIONS, facts)


def both(
    guide: str,
    network: nn.Module,
    data: problems.Images,
    batch_size: int,
    rivals: Mapping[str, Side],
    settings: Settings,
    scale: float = 1.0,
) -> tuple[dict[str, float], Facts]:
    """Return the seconds of a step in both precisions, by the clock of the first rival.

    The two fits are not at the same time, but each has the rival between its own steps. The
    seconds in single precision are scaled by those of the rival in the two fits.
    """
    clock = next(iter(rivals))
    found = {}
    facts: Facts = {}
    for precision in ("bf16", "float32"):
        model = problems.over_weights(network)
        made = getattr(guides, guide)(model)
        compile = "auto" if guide == "LocalReparam" else "traced"
        times, info = timed_fit(
            model, made, data, batch_size, rivals, settings, compile, scale, precision
        )
        found[precision] = times
        for name, value in facts_of(times, info).items():
            facts[f"{precision}: {name}"] = value

    half_precision, single = found["bf16"], found["float32"]
    slower = single[clock] / half_precision[clock]
    seconds = {**half_precision, "bf16": half_precision["ours"]}
    seconds["float32"] = single["ours"] / slower

    return seconds, facts


def gain(work: str, times: Mapping[str, float], target: Target, facts: Facts) -> Row:
    """Return the row that compares the two precisions."""
    ratio = times["bf16"] / times["float32"]

    return Row(work, "ours bf16 / ours float32", ratio, target, facts)
