"""A graph that another process compiles."""

import pytest
import torch

from zoo.tracing import ahead
from zoo.tracing.ahead import Ahead
from zoo.tracing.compiled import compile_ahead, compile_graph
from zoo.tracing.graph import trace
from zoo.tracing.traced import Traced

X = torch.linspace(-1.0, 1.0, 12).view(3, 4)


@pytest.fixture(autouse=True)
def two_cores_and_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(ahead, "_num_cores", lambda: 2)


def noisy(x):
    return (torch.rand_like(x) + x.tanh(),)


def test_a_process_that_fails_changes_nothing(monkeypatch):
    monkeypatch.setattr(ahead, "_PROGRAM", "raise SystemExit(1)")
    begun = compile_ahead(trace(noisy, [X]), [X])
    assert begun.file.exists()
    begun.wait()
    assert begun.process.returncode == 1
    assert not begun.file.exists()


def test_no_process_begins_where_nothing_will_be_compiled(monkeypatch):
    begun = []
    monkeypatch.setattr(Ahead, "begin", lambda *arguments: begun.append(arguments))
    Traced(noisy, compile="traced").begin(X)
    Traced(noisy, compile="auto", calls=100).begin(X)
    Traced(noisy, compile="compiled", compiles=False).begin(X)
    assert begun == []

    Traced(noisy, compile="compiled").begin(X)
    assert len(begun) == 1


def test_a_single_core_begins_no_process(monkeypatch):
    monkeypatch.setattr(ahead, "_num_cores", lambda: 1)
    assert compile_ahead(trace(noisy, [X]), [X]) is None


@pytest.mark.slow
# torch's compiler warns about itself
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_what_another_process_compiled_is_loaded(monkeypatch):
    graph = trace(noisy, [X])
    begun = compile_ahead(graph, [X])
    begun.wait()
    assert begun.process.returncode == 0

    def compile(*arguments, **options):
        raise AssertionError("it is compiled again")

    monkeypatch.setattr("zoo.tracing.compiler._compile", compile)
    run = compile_graph(graph, [X])
    torch.manual_seed(0)
    (found,) = run(X)
    torch.manual_seed(0)
    torch.testing.assert_close(found, noisy(X)[0], rtol=1e-6, atol=1e-6)

    assert compile_ahead(graph, [X]) is None
