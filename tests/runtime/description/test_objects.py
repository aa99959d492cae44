"""Objects as text: equal for equal objects, in any process, and different for different ones."""

import functools
import subprocess
import sys
from argparse import Namespace
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyro.distributions as dist
import pytest
import torch
from torch import nn

from zoo import likelihoods, networks, priors
from zoo.runtime.description.digest import digest
from zoo.runtime.description.objects import describe_parts, describe_value

SCALE = 0.1
TABLE = None  # what a test sets


class Own(nn.Module):
    """A user's module with an option, a constant and a global."""

    def __init__(self, slope=0.1, body=None):
        super().__init__()
        self.slope = slope
        self.layer = body or nn.Linear(2, 1)

    def forward(self, x):
        return self.layer(x) * self.slope * SCALE


class Other(Own):
    """The same options and other code."""

    def forward(self, x):
        return self.layer(x) + 1


class Colour(Enum):
    """A name and a value."""

    RED = 1


@dataclass
class Options:
    """An object with attributes."""

    rate: float = 0.1
    name: str = "a"


def closing_over(value):
    return lambda f: dist.Normal(f, value)


def with_default(f, scale=1.0):
    return f * scale


PAIRS = {
    "scale of a normal": (dist.Normal(0.0, 1.0), dist.Normal(0.0, 1.0001)),
    "class of a distribution": (dist.Normal(0.0, 1.0), dist.Laplace(0.0, 1.0)),
    "one element": (dist.Normal(torch.zeros(3), 1.0), dist.Normal(torch.tensor([0.0, 0, 1]), 1.0)),
    "half": (dist.HalfNormal(1.0), dist.HalfNormal(2.0)),
    "student": (dist.StudentT(3.0), dist.StudentT(4.0)),
    "correlated": (
        dist.MultivariateNormal(torch.zeros(2), torch.eye(2)),
        dist.MultivariateNormal(torch.zeros(2), 2 * torch.eye(2)),
    ),
    "mixture": (priors.ScaleMixture(0.5, 1.0, 0.1), priors.ScaleMixture(0.4, 1.0, 0.1)),
    "transformed": (
        dist.TransformedDistribution(dist.Normal(0.0, 1.0), [dist.transforms.ExpTransform()]),
        dist.TransformedDistribution(
            dist.Normal(0.0, 1.0), [dist.transforms.AffineTransform(0.0, 2.0)]
        ),
    ),
    "conditional": (
        priors.Hierarchical(dist.HalfNormal(1.0)),
        priors.Hierarchical(dist.HalfNormal(1.0), by="input"),
    ),
    "likelihood": (likelihoods.Gaussian(0.1), likelihoods.Gaussian(0.2)),
    "code": (lambda f: dist.Poisson(f.exp()), lambda f: dist.Poisson(f.square())),
    "constant in code": (lambda f: f * 2, lambda f: f * 3),
    "closure": (closing_over(0.1), closing_over(0.2)),
    "tensor in a closure": (closing_over(torch.arange(2.0)), closing_over(torch.arange(3.0))),
    "partial": (functools.partial(int, base=2), functools.partial(int, base=3)),
    "default": (with_default, functools.partial(with_default, scale=2.0)),
    "activation": (nn.Tanh, nn.ReLU),
    "option of a module": (nn.Dropout(0.1), nn.Dropout(0.2)),
    "user's option": (Own(0.1), Own(0.2)),
    "user's code": (Own(), Other()),
    "inside of a module": (Own(), Own(body=nn.Bilinear(2, 2, 1))),
    "depth": (networks.MLP(2, 1, hidden=[3]), networks.MLP(2, 1, hidden=[3, 3])),
    "tensor": (torch.arange(4.0), torch.arange(4.0) + 1e-6),
    "array": (np.arange(4), np.arange(4) + 1),
    "object": (Options(), Options(0.2)),
    "nested": ({"a": [1, Options()]}, {"a": [1, Options(name="b")]}),
    "number": (1.0, 1.0 + 1e-15),
}  # fmt: skip


@pytest.mark.parametrize(("one", "other"), PAIRS.values(), ids=PAIRS)
def test_different_objects_have_different_texts(one, other):
    assert describe_value(one) != describe_value(other)
    assert describe_value(one) == describe_value(one)
    assert " at 0x" not in describe_value(one) + describe_value(other)
    assert len(describe_value([one] * 50)) < 300


def test_the_values_of_parameters_and_what_was_done_before_do_not_count():
    assert describe_value(networks.MLP(2, 1)) == describe_value(networks.MLP(2, 1))
    assert describe_parts(nn.GRU(2, 3)) == describe_parts(nn.GRU(2, 3))
    law = dist.Categorical(probs=torch.tensor([0.25, 0.75]))
    before = describe_value(law)
    law.logits.sum()  # torch keeps them from now on
    assert describe_value(law) == before


def test_the_text_is_short_and_in_the_words_of_the_user():
    assert (
        describe_value(dist.Normal(0.0, 0.01).expand([5, 2]).to_event(2))
        == "Normal(0, 0.01)"
    )
    assert describe_value(dist.HalfCauchy(1.0)) == "HalfCauchy(1)"
    assert describe_value(functools.partial(torch.optim.SGD, momentum=0.9)) == (
        "partial(SGD, momentum=0.9)"
    )
    assert describe_value(Colour.RED) == "Colour.RED"
    assert describe_value(torch.float64) == "torch.float64"
    assert describe_value(Path("a") / "b") == "a/b"
    assert describe_value((1, None, "a", np.float64(2.0))) == "[1, None, 'a', 2.0]"
    parts = describe_parts(nn.Sequential(nn.Linear(2, 1), nn.Dropout(0.1).eval()))
    assert parts["0"] == "Linear(in_features=2, out_features=1)"
    assert parts["1"].endswith(", eval()")


def test_objects_in_circles_and_without_attributes_have_texts():
    circle = Options()
    circle.name = [circle]
    assert "..." in describe_value(circle)
    assert describe_value(iter([1])) == "list_iterator"
    assert describe_value(torch.Generator()) == "Generator"
    assert describe_value(torch) == "torch"


def test_a_global_that_a_function_uses_counts(monkeypatch):
    before = describe_value(Own())
    monkeypatch.setitem(globals(), "SCALE", 0.2)
    assert describe_value(Own()) != before


class Slotted:
    """An object without a dictionary of attributes."""

    __slots__ = ("rate",)

    def __init__(self, rate):
        self.rate = rate


class Held:
    """Values that a class holds."""

    RATES = (0.1,)
    SCALE = torch.tensor(0.1)


@functools.lru_cache
def cached_rate():
    return SCALE


@pytest.mark.parametrize(
    ("function", "first", "second"),
    [
        (lambda: TABLE["rate"], {"rate": 0.1}, {"rate": 0.2}),
        (lambda: TABLE.rate, SimpleNamespace(rate=0.1), SimpleNamespace(rate=0.2)),
        (lambda: TABLE.rate, Namespace(rate=0.1), Namespace(rate=0.2)),
        (lambda: TABLE.rate, Options(0.1), Options(0.2)),
        (lambda: TABLE.rate, Slotted(0.1), Slotted(0.2)),
        (lambda: [TABLE[k] for k in (0, 1)], [1, 2], [1, 3]),
        (lambda: TABLE[0], (1,), (2,)),
        (lambda: TABLE, np.float32(0.1), np.float32(0.2)),
    ],
    ids=[
        "key",
        "namespace",
        "arguments",
        "dataclass",
        "slots",
        "list",
        "tuple",
        "numpy",
    ],
)
def test_what_a_function_reads_counts(monkeypatch, function, first, second):
    """A table, the arguments of a command, a settings object: whatever holds the number."""
    monkeypatch.setitem(globals(), "TABLE", first)
    before = describe_value(function)
    monkeypatch.setitem(globals(), "TABLE", second)
    assert describe_value(function) != before
    monkeypatch.setitem(globals(), "TABLE", first)
    assert describe_value(function) == before


def test_what_a_function_does_not_read_or_changes_itself_does_not_count(monkeypatch):
    def appends():
        TABLE.append(1)

    def stores():
        TABLE["calls"] = 1

    def reads():
        return TABLE.rate

    for function, value, other in [
        (lambda: TABLE["rate"], {"rate": 1, "out": "a"}, {"rate": 1, "out": "b"}),
        (reads, Namespace(rate=1, out="a"), Namespace(rate=1, out="b")),
        (appends, [], [1]),
        (stores, {}, {"calls": 1}),
    ]:
        monkeypatch.setitem(globals(), "TABLE", value)
        before = describe_value(function)
        monkeypatch.setitem(globals(), "TABLE", other)
        assert describe_value(function) == before


@pytest.mark.parametrize(
    ("name", "value"), [("RATES", (0.2,)), ("SCALE", torch.tensor(0.2))]
)
def test_what_a_class_holds_counts(monkeypatch, name, value):
    before = describe_value(Held())
    monkeypatch.setattr(Held, name, value)
    assert describe_value(Held()) != before


def test_the_code_inside_a_cache_counts(monkeypatch):
    before = describe_value(cached_rate)
    monkeypatch.setitem(globals(), "SCALE", 0.2)
    assert describe_value(cached_rate) != before


def test_one_tensor_of_a_long_list_counts():
    """The text that Python shows of a tensor has four digits."""
    first = [(torch.tensor([0.5, k]), k) for k in range(150)]
    second = list(first)
    second[37] = (torch.tensor([0.50000006, 37.0]), 37)
    assert repr(first) == repr(second)
    assert describe_value(first) != describe_value(second)


def test_the_text_is_the_same_in_another_process():
    code = (
        "import test_objects as t\n"
        "print([t.describe_value(one) for one, _ in t.PAIRS.values()])"
    )
    here = Path(__file__).parent
    environment = {"PYTHONHASHSEED": "1", "PYTHONPATH": f"{here}:{here.parents[2]}"}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert run.stdout.strip() == str([describe_value(one) for one, _ in PAIRS.values()])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (torch.zeros(2, 3), torch.zeros(3, 2)),
        (torch.zeros(3), torch.zeros(3, dtype=torch.float64)),
        (torch.ones(3, dtype=torch.bfloat16), torch.zeros(3, dtype=torch.bfloat16)),
        (torch.eye(3).to_sparse(), 2 * torch.eye(3).to_sparse()),
        (
            torch.ones(2, dtype=torch.complex64),
            1j * torch.ones(2, dtype=torch.complex64),
        ),
        (torch.tensor([True]), torch.tensor([False])),
        (torch.empty(2, device="meta"), torch.empty(3, device="meta")),
        (torch.tensor(1), torch.tensor(2)),
    ],
)
def test_the_hash_of_a_tensor_is_of_its_shape_dtype_and_values(one, other):
    assert digest([one]) != digest([other])
    assert digest([one]) == digest([one.clone()])


def test_a_single_element_of_any_stride_has_a_hash():
    column = torch.arange(32.0).reshape(4, 8)[:1, 3]
    assert column.stride() == (8,)
    assert digest([column]) == digest([torch.tensor([3.0])])


def test_the_order_in_memory_does_not_count():
    images = torch.randn(2, 3, 4, 4)
    assert digest([images]) == digest([images.to(memory_format=torch.channels_last)])
