"""The rows that each process takes: together all rows of a batch, each once."""

import cases
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from zoo.data import batches
from zoo.data.shares import Shares
from zoo.runtime.processes import Processes

SIZE = 3  # processes


class Stub(Processes):
    """Processes of which only this one is there: it adds what the others would say."""

    def total(self, number):
        return number + self.others.pop(0)


def rows(data, ranks):
    """Return the rows and the counts of each batch that a process gets."""
    shares = Shares(data, ranks)
    return [
        (y.flatten().tolist(), shares.num_rows, shares.total) for _, y in shares.epoch()
    ]


def forms():
    y = torch.arange(11.0)[:, None]
    x = torch.randn(11, 2)
    yield "tensors", (x, y), 4
    yield "loader", DataLoader(TensorDataset(x, y), 4, shuffle=True), None


@pytest.mark.parametrize(
    ("name", "data", "size"), list(forms()), ids=["tensors", "loader"]
)
def test_ranks_together_take_each_row_once(name, data, size):
    model = cases.model("MLP", "WeightPrior", "Gaussian(HalfNormal)")
    every = batches(model, data, size)
    taken = [rows(every, Processes(rank, SIZE)) for rank in range(SIZE)]

    seen = []
    for parts in zip(*taken, strict=True):
        counted = [y[:number] for y, number, _ in parts]
        assert sum(map(len, counted)) == parts[0][2]
        assert all(y for y, _, _ in parts)  # a network always gets a row
        for y in counted:
            seen += y

    assert sorted(seen) == list(range(11))
    assert seen != sorted(seen)  # shuffled, and by all alike


def test_epochs_are_shuffled_anew():
    model = cases.model("MLP", "WeightPrior", "Gaussian(HalfNormal)")
    every = batches(model, (torch.randn(11, 2), torch.arange(11.0)[:, None]), 4)
    shares = Shares(every, Processes(0, SIZE))
    first, second = ([y.tolist() for _, y in shares.epoch()] for _ in range(2))
    assert first != second


def test_the_numbers_of_the_caller_are_left_alone():
    model = cases.model("MLP", "WeightPrior", "Gaussian(HalfNormal)")
    every = batches(model, (torch.randn(11, 2), torch.arange(11.0)[:, None]), 4)
    before = torch.get_rng_state()
    list(Shares(every, Processes(0, SIZE)).epoch())
    assert torch.equal(before, torch.get_rng_state())


class Stream(IterableDataset):
    """Four data, the targets of which are their numbers."""

    def __iter__(self):
        for number in range(4):
            yield torch.zeros(2), torch.tensor([float(number)])


def test_a_stream_that_ends_first_waits_for_the_others():
    model = cases.model("MLP", "WeightPrior", "Gaussian(HalfNormal)")
    every = batches(model, DataLoader(Stream(), 3), num_data=10)
    ranks = Stub(0, 2)
    object.__setattr__(ranks, "others", [3, 3, 2, 0])  # rows of the other process
    found = rows(every, ranks)
    assert [(number, total) for _, number, total in found] == [(3, 6), (1, 4), (0, 2)]
