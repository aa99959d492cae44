"""Draws of weights after SWAG against the same draws written by hand."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import guides
from benchmarks.speed import problems
from benchmarks.speed.clock import in_turn
from benchmarks.speed.row import Facts, Row, Settings, Target
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.runtime.param_scope import ScopedGuide

RANK = 20
DRAWS = 30  # as many as are averaged in the papers
TARGET = Target(1.05, 1.0)


def swag_draws(settings: Settings) -> list[Row]:
    """Draw all weights of LeNet-5 and of ResNet-20 thirty times, in turn with bare draws."""
    lenet, _ = problems.lenet(settings.device)
    resnet, _ = problems.resnet(settings.device)

    return [
        row_of("LeNet-5", lenet, settings),
        row_of("ResNet-20", resnet, settings),
    ]


def row_of(name: str, network: nn.Module, settings: Settings) -> Row:
    """Measure one network."""
    model = problems.over_weights(network)
    guide = guides.LowRank(model, rank=RANK, per="all")
    scoped = ScopedGuide(guide)
    posterior = GuidePosterior(model, scoped=scoped, state={}, info=None)
    mean = torch.randn(guide.size("joint"), device=settings.device)
    scale, columns = mean.abs(), torch.randn(RANK, len(mean), device=settings.device)

    def bare() -> list[Tensor]:
        return [draw_by_hand(mean, scale, columns) for _ in range(DRAWS)]

    sides = {"ours": lambda: posterior.sample(DRAWS), "bare": bare}
    rounds = int(settings.pick(5, 40))
    times = in_turn(sides, rounds=rounds)
    facts: Facts = {}
    for side, seconds in times.items():
        facts[f"{side} ms"] = round(1000 * seconds, 2)

    return Row(
        work=f"{DRAWS} draws of rank {RANK}, {name}",
        compared="ours / copies of the weights, normal numbers and their product by hand",
        ratio=times["ours"] / times["bare"],
        target=TARGET,
        facts=facts | {"weights": len(mean)},
    )


@torch.no_grad()
def draw_by_hand(mean: Tensor, scale: Tensor, columns: Tensor) -> Tensor:
    """Return a copy of the weights (P,) with the noise of P + K normal numbers.

    Arguments:
        mean: Mean of the weights, (P,).
        scale: Scale of the diagonal part, (P,).
        columns: Columns of the low-rank part, (K, P).
    """
    own = torch.randn_like(mean)
    common = torch.randn_like(columns[:, 0])

    return mean.clone().addcmul_(scale, own).addmv_(columns.T, common)
