"""The peak of a part of a program: it sees what the part held, and not what came before."""

import pytest
import torch

from zoo.runtime.peak_memory import peak_memory, start_counting

SIZE = 64  # megabytes


def hold():
    return float(torch.ones(SIZE * 2**18).sum())


@pytest.mark.skipif(peak_memory() is None, reason="only Linux says what a process held")
def test_the_peak_is_that_of_the_part():
    start_counting()
    before = peak_memory()
    hold()
    during = peak_memory()
    assert during > before + 0.9 * SIZE
    start_counting()
    assert peak_memory() < during - 0.5 * SIZE
