"""Prediction from stored draws beside as many passes of the network that it is made of."""

from __future__ import annotations

import torch

from benchmarks.speed import problems
from benchmarks.speed.clock import in_turn
from benchmarks.speed.row import Row, Settings, Target
from zoo.posterior.draws_posterior import DrawsPosterior

DRAWS, IMAGES = 200, 1000
TARGET = Target(1.2, 1.0)


def prediction(settings: Settings) -> list[Row]:
    """Predict 1000 images by 200 draws of LeNet-5, in turn with 200 passes of the network."""
    network, (x, _) = problems.lenet(settings.device)
    model, x, draws = (
        problems.over_weights(network),
        x[:IMAGES],
        int(settings.pick(20, DRAWS)),
    )
    stored = {name: prior.sample((1, draws)) for name, prior in model.latents.items()}
    posterior = DrawsPosterior(model, state={}, info=None, draws=stored)
    network.eval()

    def passes() -> None:
        with torch.no_grad():
            for _ in range(draws):
                network(x)

    sides = {
        "ours": lambda: posterior.predict(x, num_samples=draws, progress=False),
        "passes": passes,
    }
    times = in_turn(sides, rounds=3)  # of half a minute each
    facts = {f"{name} s": round(seconds, 3) for name, seconds in times.items()} | {
        "draws": draws
    }
    work = f"prediction, {draws} draws, LeNet-5, {IMAGES} images"
    return [
        Row(
            work,
            f"ours / {draws} deterministic passes",
            times["ours"] / times["passes"],
            TARGET,
            facts,
        )
    ]
