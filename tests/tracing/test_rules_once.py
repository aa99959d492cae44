"""The table of dtype rules of torch's compiler: filled once for a program, and put back."""

import pytest
import torch

from zoo.tracing.compiler import compile_module
from zoo.tracing.graph import trace


# torch's compiler warns about itself
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
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
