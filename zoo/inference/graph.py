"""The graph of a program: its tensor operations in order, and every tensor that it reads as an input."""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch._functorch.compile_utils import fx_graph_cse
from torch.fx import Graph, GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

OURS = Path(__file__).parents[1]
Function = Callable[..., tuple[Tensor, ...]]


def trace(function: Function, inputs: Sequence[Tensor]) -> tuple[GraphModule, list[Tensor]]:
    """Trace a function of tensors once: its graph, and the tensors that it reads beside its inputs.

    What a program reads from elsewhere (parameters, buffers, data) becomes a further input of the graph, so that its
    later values are seen. Random draws are operations like any other: every run of the graph draws afresh. Python's own
    values are frozen as they are now. The program runs, once.

    Arguments:
        function: Any Python function of tensors that returns tensors; it may take gradients inside.
        inputs: Tensors to call it with.

    Raises:
        Exception: Whatever stops the program from being traced; `statement` names the line.
    """
    module = make_fx(function)(*inputs)
    graph = module.graph
    captured = lift(module)
    for node in list(graph.nodes):  # gradients have been taken already, so that nothing is left to detach from
        if node.target is torch.ops.aten.detach.default:
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
    graph = fx_graph_cse(graph)
    graph.eliminate_dead_code()
    return GraphModule(module, graph), captured


def lift(module: GraphModule) -> list[Tensor]:
    """Turn the tensors that a graph holds into inputs behind its own, each once, and return them."""
    graph, captured, places = module.graph, [], {}
    last = [node for node in graph.nodes if node.op == "placeholder"]
    for node in list(graph.nodes):
        if node.op != "get_attr":
            continue
        tensor = getattr(module, node.target)
        if id(tensor) not in places:
            with graph.inserting_after(last[-1]) if last else graph.inserting_before(next(iter(graph.nodes))):
                place = graph.placeholder(f"captured_{len(captured)}")
            place.meta = dict(node.meta)
            last.append(place)
            captured.append(tensor)
            places[id(tensor)] = place
        node.replace_all_uses_with(places[id(tensor)])
        graph.erase_node(node)
    return captured


def statement(error: BaseException) -> str:
    """Name the statement of the user's program that an error comes from: the innermost that is no library's."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not is_library(frame.filename)] or list(frames)
    if not own:
        return "the program"
    frame = own[-1]
    line = (frame.line or linecache.getline(frame.filename, frame.lineno)).strip()
    return f"{Path(frame.filename).name}, line {frame.lineno}, `{line}`"


def is_library(filename: str) -> bool:
    """Tell whether a file belongs to an installed package or to the zoo itself."""
    return "site-packages" in filename or filename.startswith("<") or OURS in Path(filename).parents


__all__ = ["Function", "Graph", "statement", "trace"]
