"""Prediction from stored draws against the same number of passes of the network."""

from __future__ import annotations

import torch

from benchmarks.speed import problems
from benchmarks.speed.clock import in_turn
from benchmarks.speed.row import Facts, Row, Settings, Target
from zoo.posterior.draws_posterior import DrawsPosterior

DRAWS = 200
IMAGES = 1000
TARGET = Target(1.2, 1.0)


def prediction(settings: Settings) -> list[Row]:
    """Predict 1000 images with 200 draws of LeNet-5, in turn with 200 passes of the network."""
    network, (x, _) = problems.lenet(settings.device)
    x = x[:IMAGES]
    draws = int(settings.pick(20, DRAWS))
    model = problems.over_weights(network)
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
    facts: Facts = {}
    for name, seconds in times.items():
        facts[f"{name} s"] = round(seconds, 3)
    facts["draws"] = draws

    row = Row(
        work=f"prediction, {draws} draws, LeNet-5, {IMAGES} images",
        compared=f"ours / {draws} deterministic passes",
        ratio=times["ours"] / times["passes"],
        target=TARGET,
        facts=facts,
    )
    return [row]
