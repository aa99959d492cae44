"""Compiled programs that are loaded without torch's compiler: the same ones, and no others."""

import json

import pytest
import torch

from zoo.tracing.compiling.compiler import compile_module
from zoo.tracing.compiling.kept import keep, load, place_of
from zoo.tracing.graphs.graph import trace
from zoo.tracing.graphs.repetition import ONCE, Repetition

X = torch.linspace(-1.0, 1.0, 12).view(3, 4)

# torch's compiler warns about itself
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    return tmp_path


def times(factor):
    return lambda x: ((factor * x).sum(),)


def module(function, *inputs):
    return trace(function, inputs).module


def place(function=None, x=X, repetition=ONCE):
    step = repetition.first([x])
    return place_of(module(function or times(2.0), *step), [x], repetition)


def refuse_to_compile(monkeypatch):
    def compile(*arguments, **options):
        raise AssertionError("it is compiled again")

    monkeypatch.setattr("zoo.tracing.compiling.compiler._compile", compile)


@torch.no_grad()
def test_a_program_that_writes_is_loaded_and_counts_its_writes(monkeypatch):
    total = torch.zeros(3, 4)

    def add(x):
        total.add_(x)
        return (total.sum(),)

    graph = trace(add, [X + 1])
    inputs = [X + 1, *graph.captured]
    first = compile_module(graph.module, inputs)
    refuse_to_compile(monkeypatch)
    second = compile_module(graph.module, inputs)

    results = []
    for program in (first, second):
        total.zero_()
        version = total._version
        results += program(*inputs)
        assert torch.equal(total, X + 1)
        assert total._version == version + 1
    assert torch.equal(results[0], results[1])


def test_a_loaded_loop_takes_any_number_of_steps(monkeypatch):
    def step(x, noise):
        return 0.5 * x + noise, x.sum()

    loop = Repetition(1, 1)
    start, noise = torch.ones(4), torch.rand(6, 4)
    graph = module(step, start, noise[0])
    compile_module(graph, [start, noise], loop)
    refuse_to_compile(monkeypatch)

    run = compile_module(graph, [start, noise[:2]], loop)
    for steps in (1, 3, 6):
        expected = start
        for row in noise[:steps]:
            expected = 0.5 * expected + row
        end, recorded = run(start, noise[:steps])
        torch.testing.assert_close(end, expected)
        assert recorded.shape == (steps,)


def test_all_that_a_program_depends_on_is_in_its_name(monkeypatch):
    names = {place(): "as it is"}

    def add(what, name):
        assert name not in names, f"{what} is taken for {names[name]}"
        names[name] = what

    assert place() in names
    add("another number", place(times(2.5)))
    add("another operation", place(lambda x: ((2.0 * x).mean(),)))
    add("another dtype", place(x=X.double()))
    add("another shape", place(x=X[:2].clone()))
    add("other strides", place(x=X.T.contiguous().T))
    add("a derivative", place(x=X.clone().requires_grad_()))
    add("a loop", place(x=X, repetition=Repetition(0, 1)))

    two = module(lambda x, y: (x.add_(y),), X.clone(), X.clone())
    add("two inputs", place_of(two, [X.clone(), X.clone()], ONCE))
    add("two inputs in one place", place_of(two, [X, X], ONCE))

    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    add("another number of threads", place())
    torch.set_num_threads(threads)

    torch.use_deterministic_algorithms(True)
    add("deterministic algorithms", place())
    torch.use_deterministic_algorithms(False)

    with monkeypatch.context() as patch:
        patch.setattr(
            torch.cpu, "get_capabilities", lambda: {"avx2": False}, raising=False
        )
        add("another processor", place())

    monkeypatch.setenv("TORCHINDUCTOR_MAX_AUTOTUNE", "1")
    add("a setting of the user's", place())


def test_the_number_of_steps_of_a_loop_is_not_in_its_name():
    loop = Repetition(0, 1)
    graph = module(times(2.0), X[0])
    names = {place_of(graph, [rows.clone()], loop) for rows in (X, X[:2], X[:1])}
    assert len(names) == 1


def test_damaged_files_are_not_loaded(folder, monkeypatch):
    graph = module(times(3.0), X)
    compile_module(graph, [X])
    kept = place_of(graph, [X], ONCE)
    assert load(kept) is not None

    with monkeypatch.context() as patch:
        patch.setenv("TORCHINDUCTOR_FORCE_DISABLE_CACHES", "1")
        assert load(kept) is None

    entry = kept.read_text()
    for text in ("", "[]", "{", '{"library": 3}', entry[:-9], '{"library": "none.so"}'):
        kept.write_text(text)
        assert load(kept) is None, text

    kept.write_text(entry)
    library = folder / json.loads(entry)["library"]
    content = library.read_bytes()
    library.unlink()  # the loaded one stays as it is
    library.write_bytes(content[:-1])
    assert load(kept) is None
    library.unlink()
    assert load(kept) is None


def test_a_program_with_layers_is_kept_as_one_that_needs_the_compiler(folder):
    kept = place()
    keep(kept, None)
    assert kept.exists()
    assert load(kept) is None


def test_a_folder_that_cannot_be_written_to_is_not_the_end(folder):
    (folder / "zoo").write_text("a file, where no folder can be")
    kept = place()
    keep(kept, None)
    assert load(kept) is None
