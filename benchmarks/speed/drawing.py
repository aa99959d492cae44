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
    """Draw all weights of LeNet-5 and of ResNet-20 thirty times, in turn with bare draws.

    The draws are asked for in one call, as predictions do, and in thirty.
    """
    lenet, _ = problems.lenet(settings.device)
    resnet, _ = problems.resnet(settings.device)
    networks = {"LeNet-5": lenet, "ResNet-20": resnet}

    rows = []
    for at_once, target in ((DRAWS, TARGET), (1, None)):
        for name, network in networks.items():
            rows.append(row_of(name, network, settings, at_once, target))

    return rows


def row_of(
    name: str,
    network: nn.Module,
    settings: Settings,
    at_once: int,
    target: Target | None,
) -> Row:
    """Measure one network, of which so many draws are asked for at once."""
    model = problems.over_weights(network)
    guide = guides.LowRank(model, rank=RANK, per="all")
    scoped = ScopedGuide(guide)
    posterior = GuidePosterior(model, scoped=scoped, state={}, info=None)
    mean = torch.randn(guide.size("joint"), device=settings.device)
    scale, columns = mean.abs(), torch.randn(RANK, len(mean), device=settings.device)

    def bare() -> list[Tensor]:
        return [draw_by_hand(mean, scale, columns) for _ in range(DRAWS)]

    def ours() -> list[dict[str, Tensor]]:
        return [posterior.sample(at_once) for _ in range(DRAWS // at_once)]

    sides = {"ours": ours, "bare": bare}
    rounds = int(settings.pick(5, 40))
    times = in_turn(sides, rounds=rounds)
    facts: Facts = {}
    for side, seconds in times.items():
        facts[f"{side} ms"] = round(1000 * seconds, 2)

    return Row(
        work=f"{DRAWS} draws of rank {RANK}, {at_once} at once, {name}",
        compared="ours / copies of the weights, normal numbers and their product by hand",
        ratio=times["ours"] / times["bare"],
        target=target,
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
