"""Trial computations that leave no trace in the program around them."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import numpy as np
import torch
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack
from torch.utils._python_dispatch import _pop_mode_temporarily


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """Run a `with` block apart: its operations are not recorded, transformed or counted.

    It is outside of dispatch modes, such as the recorder of a graph, and of functorch's
    transforms. Gradients are enabled. The random numbers of torch, NumPy and Python go on
    afterwards as if nothing had happened.
    """
    of_python = random.getstate()
    of_numpy = np.random.get_state()

    with contextlib.ExitStack() as stack:
        stack.callback(random.setstate, of_python)
        stack.callback(np.random.set_state, of_numpy)

        while torch._C._len_torch_dispatch_stack() > 0:
            stack.enter_context(_pop_mode_temporarily())

        stack.enter_context(temporarily_clear_interpreter_stack())
        stack.enter_context(torch.random.fork_rng())
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        yield


def seed(number: int) -> None:
    """Seed the random numbers of torch, NumPy and Python."""
    if torch.accelerator.is_available():
        torch.manual_seed(number)
    else:  # torch.manual_seed keeps a stack trace for each device that may come
        torch.default_generator.manual_seed(number)

    np.random.seed(number)
    random.seed(number)
