"""How the seconds of sampling grow with data, units, chains and draws, doubled four times."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyro
from matplotlib.figure import Figure

from benchmarks.speed import problems
from benchmarks.speed.row import Facts, Row, Settings, Target
from zoo import inference
from zoo.plots.canvas import COLORS

DOUBLINGS = 4
LEAPFROG_STEPS = 10
SIZES = {"data N": 500, "units H": 50, "chains C": 4, "draws S": 50}
LINEAR = Target(None, 1.0)


def growth(settings: Settings) -> list[Row]:
    """Sample at every size in turn, and fit and draw the slopes of log seconds."""
    medians = measured(settings)
    if settings.figure is not None:
        draw(medians, settings.figure)

    return [row_of(axis, sizes) for axis, sizes in medians.items()]


def measured(settings: Settings) -> dict[str, dict[int, float]]:
    """Return the median seconds at each size, by axis."""
    init = dict(SIZES)
    if settings.quick:
        init["draws S"] = 5
    doublings = int(settings.pick(2, DOUBLINGS))
    rounds = int(settings.pick(1, 3))

    times: dict[str, dict[int, list[float]]] = {axis: {} for axis in init}
    for _ in range(rounds):
        for axis, least in init.items():
            for power in range(doublings + 1):
                size = least * 2**power
                sizes = {**init, axis: size}
                found = times[axis].setdefault(size, [])
                found.append(seconds(settings, *sizes.values()))

    medians: dict[str, dict[int, float]] = {axis: {} for axis in init}
    for axis, by_size in times.items():
        for size, found in by_size.items():
            medians[axis][size] = statistics.median(found)

    return medians


def row_of(axis: str, sizes: Mapping[int, float]) -> Row:
    """Return the row of an axis, given the seconds at each size."""
    facts: Facts = {}
    costs = []
    for size, cost in sizes.items():
        facts[f"{size}"] = round(cost, 3)
        costs.append(f"{size}: {cost:.2f}")

    return Row(
        work=f"cost as work grows, {axis}",
        compared="slope of log seconds",
        ratio=slope(sizes),
        target=LINEAR,
        facts=facts,
        note=f"Seconds: {', '.join(costs)}.",
    )


def seconds(
    settings: Settings, num_data: int, hidden: int, num_chains: int, num_samples: int
) -> float:
    """Return the seconds of HMC with ten leapfrog steps, without tracing and warm-up."""
    model, data, _ = problems.regression_on(settings.device, num_data, hidden)
    pyro.set_rng_seed(0)
    sampler = inference.HMC(
        model,
        num_steps=LEAPFROG_STEPS,
        num_chains=num_chains,
        warmup_steps=2,
        num_samples=num_samples,
        init="network",
        compile="traced",
        progress=False,
    )
    info = sampler.fit(data).info

    return info.seconds - max(info.seconds_warmup, info.seconds_tracing)


def slope(sizes: Mapping[int, float]) -> float:
    """Return the slope of a line through log seconds against log size: 1 is linear."""
    log_sizes = np.log(list(sizes))
    log_seconds = np.log(list(sizes.values()))
    gradient, _ = np.polyfit(log_sizes, log_seconds, 1)

    return float(gradient)


def draw(medians: Mapping[str, Mapping[int, float]], path: Path) -> None:
    """Draw seconds against each size, with a line of slope one through the first."""
    figure = Figure(figsize=(10, 2.8), layout="constrained")
    panels = figure.subplots(1, len(medians), sharey=True)
    for panel, (axis, sizes) in zip(panels, medians.items(), strict=True):
        x = np.array(list(sizes))
        y = np.array(list(sizes.values()))
        panel.plot(x, y[0] * x / x[0], color="0.7", label="slope 1")
        panel.plot(x, y, "o-", color=COLORS[0], label=f"slope {slope(sizes):.2f}")
        panel.set(xscale="log", yscale="log", xlabel=axis)
        panel.set_xticks(x, [f"{size:,}" for size in x])
        panel.minorticks_off()
        panel.legend(frameon=False, fontsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("seconds of sampling")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
