"""How the seconds of sampling grow with data, parameters, chains and draws, each doubled four times."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyro
from matplotlib.figure import Figure

from benchmarks.speed import problems
from benchmarks.speed.row import Row, Settings, Target
from zoo import inference

DOUBLINGS, LEAPS = 4, 10
START = {"data N": 500, "units H": 50, "chains C": 4, "draws S": 50}
LINEAR = Target(None, 1.0)


def growth(settings: Settings) -> list[Row]:
    """Sample at every size in turn, fit slopes on doubled axes, and draw them."""
    start = dict(START) if not settings.quick else {**START, "draws S": 5}
    doublings, rounds = int(settings.pick(2, DOUBLINGS)), int(settings.pick(1, 3))
    times: dict[str, dict[int, list[float]]] = {axis: {} for axis in start}
    for _ in range(rounds):
        for axis, least in start.items():
            for power in range(doublings + 1):
                size = least * 2**power
                found = times[axis].setdefault(size, [])
                found.append(seconds(settings, **named({**start, axis: size})))
    medians = {
        axis: {size: statistics.median(found) for size, found in sizes.items()}
        for axis, sizes in times.items()
    }
    if settings.figure is not None:
        draw(medians, settings.figure)
    rows = []
    for axis, sizes in medians.items():
        facts = {f"{size}": round(cost, 3) for size, cost in sizes.items()}
        note = (
            "Seconds: "
            + ", ".join(f"{size}: {cost:.2f}" for size, cost in sizes.items())
            + "."
        )
        rows.append(
            Row(
                f"cost as work grows, {axis}",
                "slope of log seconds",
                slope(sizes),
                LINEAR,
                facts,
                note,
            )
        )
    return rows


def named(sizes: Mapping[str, int]) -> dict[str, int]:
    """Return the sizes as arguments."""
    return dict(
        zip(
            ("num_data", "hidden", "num_chains", "num_samples"),
            sizes.values(),
            strict=True,
        )
    )


def seconds(
    settings: Settings, num_data: int, hidden: int, num_chains: int, num_samples: int
) -> float:
    """Return the seconds of drawing by trajectories of ten steps, without tracing and warm-up."""
    model, data, _ = problems.regression(num_data, hidden)
    model, data = (
        model.to(settings.device),
        tuple(part.to(settings.device) for part in data),
    )
    pyro.set_rng_seed(0)
    sampler = inference.HMC(
        model,
        num_steps=LEAPS,
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
    return float(np.polyfit(np.log(list(sizes)), np.log(list(sizes.values())), 1)[0])


def draw(medians: Mapping[str, Mapping[int, float]], path: Path) -> None:
    """Draw seconds against each size, with a line of slope one through the first."""
    figure = Figure(figsize=(10, 2.8), layout="constrained")
    panels = figure.subplots(1, len(medians), sharey=True)
    for panel, (axis, sizes) in zip(panels, medians.items(), strict=True):
        x, y = np.array(list(sizes)), np.array(list(sizes.values()))
        panel.plot(x, y[0] * x / x[0], color="0.7", label="slope 1")
        panel.plot(x, y, "o-", color="C0", label=f"slope {slope(sizes):.2f}")
        panel.set(xscale="log", yscale="log", xlabel=axis)
        panel.set_xticks(x, [f"{size:,}" for size in x])
        panel.minorticks_off()
        panel.legend(frameon=False, fontsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("seconds of sampling")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
