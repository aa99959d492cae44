"""What a graph would freeze: programs that remember something in Python run as they are."""

import cProfile
import random
import sys
import time
import warnings
from collections import deque
from datetime import datetime
from itertools import count

import numpy
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, priors
from zoo.tracing import checked_trace
from zoo.tracing.state.python_state import PythonState
from zoo.tracing.traced import Traced

X = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))
Y = X.sum(-1, keepdim=True)
CALLS = 0
TABLE = {"calls": 0}


class _Network(nn.Module):
    """A linear network, whose output is multiplied by a number that Python computes."""

    seen = 0

    def __init__(self, factor):
        super().__init__()
        self.linear = nn.Linear(2, 1)
        self.drop = nn.Dropout(0.5)
        self.factor = factor
        self.calls = 0
        self.kept = []
        self.last = deque(maxlen=3)
        self.rng = numpy.random.default_rng(0)
        self.old_rng = numpy.random.RandomState(0)
        self.python_rng = random.Random(0)
        self.torch_rng = torch.Generator().manual_seed(0)
        self.numbers = count()

    def forward(self, x):
        return self.linear(x) * self.factor(self)


def nothing(self):
    return 1.0


def python_random(self):
    return 1.0 if random.random() < 0.2 else 0.5


def numpy_random(self):
    return 1.0 if numpy.random.rand() < 0.2 else 0.5


def own_numpy_generator(self):
    return 1.0 if self.rng.random() < 0.01 else 0.5


def own_random_state(self):
    return 1.0 if self.old_rng.rand() < 0.01 else 0.5


def own_python_generator(self):
    return 1.0 if self.python_rng.random() < 0.01 else 0.5


def counter(self):
    self.calls += 1
    return 0.5 if self.calls > 7 else 1.0


def counter_of_the_class(self):
    type(self).seen += 1
    return 0.5 if type(self).seen > 7 else 1.0


def growing_list(self):
    self.kept.append(0)
    return 0.5 if len(self.kept) > 7 else 1.0


def full_deque(self):
    self.last.append(self.calls)
    self.calls = (self.calls + 1) % 5
    return 0.5 if 4 in self.last else 1.0


def iterator(self):
    return 0.5 if next(self.numbers) > 7 else 1.0


def counter_of_the_module(self):
    global CALLS
    CALLS += 1
    return 0.5 if CALLS > 7 else 1.0


def table_of_the_module(self):
    TABLE["calls"] += 1
    return 0.5 if TABLE["calls"] > 7 else 1.0


def dropout_rate(self):
    self.drop.p *= 0.9
    return 1.0


def clock(self):
    return 1.0 if time.time() < 0 else 0.5


def date(self):
    return 1.0 if datetime.now().year < 2000 else 0.5


REMEMBERING = {
    python_random: "draws random numbers from Python's random; draw them by torch.rand",
    numpy_random: "draws random numbers from numpy.random; draw them by torch.rand",
    own_numpy_generator: "draws random numbers from the attribute '(old_)?rng' of _Network",
    own_random_state: "draws random numbers from the attribute '(old_)?rng' of _Network",
    own_python_generator: "from the attribute 'python_rng' of _Network; draw them by torch.rand",
    counter: "changes the attribute 'calls' of _Network; keep that value in a buffer",
    counter_of_the_class: "changes the attribute 'seen' of the class _Network",
    growing_list: "changes the attribute 'kept' of _Network",
    full_deque: "changes the attribute '(calls|last)' of _Network",
    iterator: "changes the attribute 'numbers' of _Network",
    counter_of_the_module: "changes the variable 'CALLS'",
    table_of_the_module: "changes the variable 'TABLE'",
    dropout_rate: "changes the attribute 'p' of Dropout",
    clock: "reads the clock by time.time; give the time as an input",
    date: "reads the clock by datetime.now",
}


def losses(factor, compile):
    """Fit from the same state of everything, and return the losses and the mode."""
    global CALLS
    CALLS, TABLE["calls"], _Network.seen = 0, 0, 0
    random.seed(3), numpy.random.seed(3), torch.manual_seed(3)
    made = _Network(factor)
    model = zoo.BayesianNetwork(
        made, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihoods.Gaussian(0.1)
    )
    engine = inference.SVI(
        model, guides.MeanField(model), num_steps=31, progress=False, compile=compile
    )
    info = engine.fit((X, Y)).info
    state = random.random(), numpy.random.rand()
    return info.losses, info.compiled, state, made


@pytest.mark.parametrize("factor", REMEMBERING, ids=lambda each: each.__name__)
def test_a_network_that_remembers_runs_as_it_is(factor):
    expected, _, state, _ = losses(factor, "plain")
    with pytest.warns(UserWarning, match=REMEMBERING[factor]) as caught:
        found, mode, state_after, _ = losses(factor, "auto")
    assert (mode, len(caught)) == ("plain", 1)
    assert state_after == state
    if factor is not iterator:  # an iterator cannot be put back
        assert torch.equal(found, expected)


def test_a_network_that_remembers_nothing_is_traced():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, mode, state, _ = losses(nothing, "auto")
    expected, _, state_plain, _ = losses(nothing, "plain")
    assert (mode, state) == ("traced", state_plain)
    assert torch.equal(found, expected)


def test_a_cache_that_the_first_run_fills_costs_one_more_trace():
    def cached(self):
        if not self.kept:
            self.kept.append(2.0)
        return self.kept[0]

    found, mode, _, network = losses(cached, "auto")
    assert (mode, network.kept) == ("traced", [2.0])
    assert torch.equal(found, losses(cached, "plain")[0])


def test_a_flag_of_the_first_call_is_not_repeated():
    def first(self):
        self.calls = min(self.calls + 1, 2)
        return 3.0 if self.calls == 1 else 1.0

    found, mode, _, _ = losses(first, "auto")
    assert mode == "traced"
    torch.testing.assert_close(found, losses(nothing, "plain")[0])


def test_a_generator_of_torch_draws_anew_at_every_step():
    def own_torch_generator(self):
        return 1.0 + torch.rand(1, generator=self.torch_rng)

    with pytest.warns(UserWarning, match="draws from a torch.Generator, .*; omit"):
        found = losses(own_torch_generator, "auto")[0]
    assert torch.equal(found, losses(own_torch_generator, "plain")[0])


def test_variables_around_a_function_and_arguments_of_partial_are_found():
    calls, table = 0, {"calls": 0}

    def counting(x):
        nonlocal calls
        calls += 1
        return (x * (0.5 if calls > 5 else 1.0),)

    def filling(x, table=table):
        table["calls"] += 1
        return (x * (0.5 if table["calls"] > 5 else 1.0),)

    for function, name in ((counting, "'calls'"), (filling, "a dict")):
        run = Traced(function, compile="traced")
        with pytest.warns(UserWarning, match=f"changes .*{name}"):
            first = run(X)[0]
        assert torch.equal(first, X)
        assert not torch.equal([run(X)[0] for _ in range(6)][-1], X)


def test_a_likelihood_that_draws_is_found():
    def noisy(output):
        return dist.Normal(output, 1.0 if random.random() < 0.2 else 0.5)

    model = zoo.BayesianNetwork(
        _Network(nothing),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.From(noisy),
    )
    engine = inference.SVI(model, guides.MeanField(model), num_steps=31, progress=False)
    with pytest.warns(UserWarning, match="draws random numbers from Python's random"):
        assert engine.fit((X, Y)).info.compiled == "plain"


def test_a_state_is_put_back():
    network = _Network(nothing)
    network.kept = kept = [1, 2]
    state = PythonState(network.forward)
    drawn = network.rng.random(), network.python_rng.random(), random.random()
    network.calls, network.new = 5, 3
    kept.append(3)
    assert state.change().place == "Python's random"
    state.restore()
    assert state.change() is None
    assert (network.calls, network.kept is kept, kept) == (0, True, [1, 2])
    assert not hasattr(network, "new")
    again = network.rng.random(), network.python_rng.random(), random.random()
    assert again == drawn


CHANGES = {
    "list in a list": (lambda it: it.kept[0].append(1), "'kept'"),
    "list in a tuple": (lambda it: it.pair[0].append(1), "'pair'"),
    "array in a tuple": (lambda it: it.pair[1].fill(1.0), "'pair'"),
    "generator in a list": (lambda it: it.kept[1].random(), "'kept'"),
    "other list": (lambda it: setattr(it, "kept", []), "'kept'"),
    "new attribute": (lambda it: setattr(it, "new", 1), "'new'"),
    "lost attribute": (lambda it: delattr(it, "calls"), "'calls'"),
    "long list": (lambda it: it.long.append(0), "'long'"),
    "key None": (lambda it: it.table.update({None: 2}), "'table'"),
    "True for 1": (lambda it: setattr(it, "ones", (1, True)), "'ones'"),
}
NO_CHANGES = {
    "equal list": lambda it: setattr(it, "long", list(it.long)),
    "equal tuple": lambda it: setattr(it, "pair", ([], numpy.zeros(2))),
    "NaN": lambda it: setattr(it, "nan", (float("nan"),)),
    "other tensor": lambda it: setattr(it, "noise", torch.ones(1)),
}


def _remembering():
    it = _Network(nothing)
    it.kept = [[], random.Random(0)]
    it.pair = ([], numpy.zeros(2))
    it.long, it.table, it.ones = [0] * 2000, {None: 1}, (1, 1)
    it.nan, it.noise = (float("nan"),), torch.zeros(1)
    return it


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_is_named_by_the_attribute_that_holds_it(case):
    network, (change, name) = _remembering(), CHANGES[case]
    state = PythonState(network.forward)
    assert state.change() is None
    change(network)
    assert state.change().place == f"the attribute {name} of _Network"
    assert state.change().is_random == ("generator" in case)


@pytest.mark.parametrize("case", NO_CHANGES)
def test_equal_contents_are_no_change(case):
    network = _remembering()
    state = PythonState(network.forward)
    NO_CHANGES[case](network)
    assert state.change() is None


def test_no_call_is_noted_while_a_program_is_traced(monkeypatch):
    """Tracing makes so many calls that noting each one triples the time of a short fit."""
    profilers = []

    def trace(function, inputs, original=checked_trace.trace):
        profilers.append(sys.getprofile())
        return original(function, inputs)

    monkeypatch.setattr(checked_trace, "trace", trace)
    before = sys.getprofile()
    Traced(lambda x: (x + 1.0,), compile="traced")(X)
    assert profilers == [before]


def test_a_clock_that_is_remembered_is_named_as_a_clock():
    kept = {}

    def remembering(x, kept=kept):
        kept["at"] = time.time()
        return (x + 0.0 * kept["at"],)

    run = Traced(remembering, compile="traced")
    with pytest.warns(UserWarning, match="reads the clock by time.time"):
        run(X)


READS = {
    "numpy": lambda x: torch.from_numpy(numpy.sin(x.detach().numpy())),
    "asarray": lambda x: torch.as_tensor(numpy.sin(numpy.asarray(x))),
    "tolist": lambda x: torch.tensor([[sum(row)] for row in x.tolist()]),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
def test_numbers_that_python_reads_from_a_tensor_are_not_those_of_the_first_batch(read):
    def program(x):
        return (x + read(x),)

    run = Traced(program, compile="traced")
    with pytest.warns(UserWarning, match="reads the numbers of a tensor by Tensor."):
        run(X)
    assert torch.equal(run(2 * X)[0], program(2 * X)[0])


def test_a_fit_runs_under_a_profiler():
    double = Traced(lambda x: (2 * x,), compile="traced")
    profiler = cProfile.Profile()
    profiler.enable()
    try:
        assert double(torch.ones(2))[0].tolist() == [2.0, 2.0]
    finally:
        profiler.disable()
    assert double.how == "traced"
