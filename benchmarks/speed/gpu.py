"""Measurements on a GPU: steps as CUDA graphs, and nodes of a ResNet-50."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

import guides
from benchmarks.speed import problems
from benchmarks.speed.by_hand import LR, Deterministic, plain_pyro, shuffled, stepping
from benchmarks.speed.clock import Side
from benchmarks.speed.row import Row, Settings, Target
from benchmarks.speed.svi import facts_of, timed_fit
from zoo.runtime.torchvision_shim import load_torchvision

AGAINST_PYRO = Target(8, 8, at_most=False)
AGAINST_GRAPH = Target(1.3, 1.3)
RESNET50 = Target(1.15, 1.15)
ABSENT = "There is no CUDA device on this machine, so these rows were not measured."


def gpu(settings: Settings) -> list[Row]:
    """Measure all rows of the GPU, or return a row that says that there is none."""
    if not torch.cuda.is_available():
        compared = "SVI as a CUDA graph, ResNet-50"
        return [Row("on a GPU", compared, None, note=ABSENT)]

    on_cuda = replace(settings, device="cuda")
    rows = [*lenet(on_cuda), *resnet50(on_cuda)]
    name = torch.cuda.get_device_name()

    return [replace(row, work=f"{row.work} ({name})") for row in rows]


def lenet(settings: Settings) -> list[Row]:
    """Compare captured steps with stock Pyro and with a captured step without a posterior."""
    network, data = problems.lenet("cuda")
    model = problems.over_weights(network)
    guide = guides.MeanField(model)
    rivals = {
        "Pyro": plain_pyro(model, guide, data, 128),
        "CUDA graph": captured(network, data, 128),
    }
    times, info = timed_fit(
        model, guide, data, 128, rivals, settings, compile="captured", scale=4
    )
    facts = facts_of(times, info)
    work = "SVI step, LeNet-5, batch 128"
    pyro_ratio = times["Pyro"] / times["ours"]
    graph_ratio = times["ours"] / times["CUDA graph"]
    graph = "ours / deterministic, both captured"

    return [
        Row(work, "Pyro / ours captured", pyro_ratio, AGAINST_PYRO, facts),
        Row(work, graph, graph_ratio, AGAINST_GRAPH, facts),
    ]


def resnet50(settings: Settings) -> list[Row]:
    """Compare a ResNet-50 with random nodes with the network without them."""
    x = torch.randn(64, 3, 224, 224, device="cuda")
    data = x, torch.randint(1000, (64,), device="cuda")
    network = load_torchvision().models.resnet50(weights=None).to("cuda")
    model = problems.over_nodes(network)
    rivals = {"deterministic": stepping(Deterministic(network), data, 32)}
    times, info = timed_fit(
        model, guides.NodeMixture(model), data, 32, rivals, settings, scale=0.4
    )
    ratio = times["ours"] / times["deterministic"]
    row = Row(
        work="SVI step, ResNet-50, NodeMixture",
        compared="ours / deterministic",
        ratio=ratio,
        target=RESNET50,
        facts=facts_of(times, info),
    )

    return [row]


def captured(network: nn.Module, data: problems.Images, batch_size: int) -> Side:
    """Return a step of Adam on cross entropy as one CUDA graph."""
    loss = Deterministic(network)
    batches = shuffled(*data, batch_size)
    optimizer = torch.optim.Adam(loss.parameters(), lr=LR, fused=True, capturable=True)
    x, y = next(batches)
    x = x.clone()
    y = y.clone()

    def whole() -> torch.Tensor:
        optimizer.zero_grad(set_to_none=False)
        value = loss(x, y)
        value.backward()
        optimizer.step()

        return value.detach()

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            whole()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        value = whole()

    def step() -> float:
        for own, part in zip((x, y), next(batches), strict=True):
            own.copy_(part, non_blocking=True)
        graph.replay()
        return value.item()

    return step
