"""Shortcuts through torch's compiler: the same programs, and torch as it was afterwards."""

import pytest
import torch

from zoo.tracing.compiling.compiler import compile_module
from zoo.tracing.compiling.shortcuts import shortcuts
from zoo.tracing.graphs.graph import trace

# torch's compiler warns about itself
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")


def test_the_rules_are_filled_once_for_a_program(monkeypatch, tmp_path):
    from torch._inductor.dtype_propagation import DtypePropagationOpsHandler

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    fill, filled = DtypePropagationOpsHandler.__init__, []

    def noting(handler):
        filled.append(1)
        fill(handler)

    monkeypatch.setattr(DtypePropagationOpsHandler, "__init__", noting)

    def step(x, y):
        sums = (x.exp() * y[:, None]).sum(-1)
        return sums.double() / (1 + y.long().abs()), sums.half() > 0

    inputs = [torch.randn(7, 9), 3 * torch.randn(7)]
    found = compile_module(trace(step, inputs).module, inputs)(*inputs)
    assert filled == [1]
    assert DtypePropagationOpsHandler.__init__ is noting
    for one, other in zip(found, step(*inputs), strict=True):
        torch.testing.assert_close(one.float(), other.float())


def test_strides_are_those_of_torch():
    import sympy
    from torch._inductor import sizevars
    from torch.utils._sympy.functions import FloorDiv, ModularIndexing

    x, y = sympy.symbols("x y", integer=True, nonnegative=True)
    indices = [
        x,
        y,
        3 * x + 50 * y + 7,
        x * (y + 1),
        (x + 1) * (x - 1),
        FloorDiv(x, 8) + y,
        ModularIndexing(x, 1, 16) + 4 * y,
        ModularIndexing(x, 3, 5) + FloorDiv(x, 3),
        FloorDiv(8 * x + y, 8),
    ]
    for index in indices:
        for variable in (x, y):
            sizevars.stride_at_vec_range.cache_clear()
            right = sizevars.stride_at_vec_range(index, variable, 8)
            sizevars.stride_at_vec_range.cache_clear()
            with shortcuts():
                found = sizevars.stride_at_vec_range(index, variable, 8)
            assert sympy.simplify(found - right) == 0, (index, variable)
    sizevars.stride_at_vec_range.cache_clear()


def test_torch_is_as_before_afterwards():
    from torch._higher_order_ops import utils
    from torch._inductor import sizevars

    before = utils._check_alias_and_mutation, sizevars.stride_at
    with shortcuts():
        assert sizevars.stride_at is not before[1]
    assert (utils._check_alias_and_mutation, sizevars.stride_at) == before

    with pytest.raises(ValueError, match="in a program"), shortcuts():
        raise ValueError("in a program")
    assert (utils._check_alias_and_mutation, sizevars.stride_at) == before


def test_another_version_of_torch_takes_fewer_shortcuts(monkeypatch):
    from torch._inductor import dtype_propagation, sizevars

    monkeypatch.delattr(dtype_propagation, "DtypePropagationOpsHandler")
    monkeypatch.delattr(sizevars, "stride_at")
    before = sizevars.simplify_index_in_vec_range
    with shortcuts():
        assert sizevars.simplify_index_in_vec_range is not before
        assert not hasattr(sizevars, "stride_at")
    assert sizevars.simplify_index_in_vec_range is before


def test_a_step_is_checked_once_and_a_wrong_one_each_time():
    from torch._higher_order_ops import utils

    steps = []

    def step(x):
        steps.append("right")
        return (x + 1,)

    def wrong(x):
        steps.append("wrong")
        x.add_(1)
        return (x + 1,)

    with shortcuts():
        check = utils._check_alias_and_mutation
        for _ in range(3):
            check(step, [torch.ones(2)], "step", False)
            with pytest.raises(RuntimeError, match="modifying the input"):
                check(wrong, [torch.ones(2)], "wrong", False)
    assert steps == ["right", "wrong", "wrong", "wrong"]
