"""The settings of torch's compiler for a graph."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import GraphModule

_ALWAYS = {
    "fallback_random": True,  # the random numbers of the graph, not of the compiler
    "size_asserts": False,  # which check every input at every call
    "alignment_asserts": False,
    # few channels of an image, channels last, fill a third of a vector register
    "layout_optimization": False,
    # the processor says which vectors it has; a test program for each takes seconds
    "cpp.vec_isa_ok": True,
}
# a graph as one C++ program without Python between its kernels: half the time of g++, and a
# call is faster
_ONE_PROGRAM = {"cpp_wrapper": True}
# what is read by index, such as the effect of a group, would be computed again at every read
_READ_BY_INDEX = {"realize_reads_threshold": 1, "realize_opcount_threshold": 10}
_INDEXING = {
    torch.ops.aten.index.Tensor,
    torch.ops.aten.index_select.default,
    torch.ops.aten.gather.default,
}


def settings_for(module: GraphModule, as_one_program: bool) -> dict[str, Any]:
    """Return the compiler's settings for a graph.

    Arguments:
        module: The graph.
        as_one_program: Whether to make one C++ program, for a CPU.
    """
    settings = dict(_ALWAYS)
    if as_one_program:
        settings |= _ONE_PROGRAM
    if any(node.target in _INDEXING for node in module.graph.nodes):
        settings |= _READ_BY_INDEX

    return settings
