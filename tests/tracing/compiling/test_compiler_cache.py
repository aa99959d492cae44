"""The compiler's folder: kept for the next process, and never the end of a run."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from torch._inductor.runtime.cache_dir_utils import default_cache_dir

from zoo.tracing.compiling import compiler_cache
from zoo.tracing.compiling.compiler import compiler
from zoo.tracing.compiling.compiler_cache import (
    cache_folder,
    despite_damage,
    use_writable_folder,
)
from zoo.tracing.graphs.repetition import Repetition
from zoo.tracing.traced import Traced

VARIABLE = "TORCHINDUCTOR_CACHE_DIR"
ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
import warnings
from test_compiler_cache import compiled_bits
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    bits = compiled_bits()
damaged = any("damaged" in str(warning.message) for warning in caught)
has_compiler = "torch._inductor.compile_fx" in sys.modules
print(bits, "compiled" if has_compiler else "loaded", "damaged" if damaged else "whole")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Keep compiled programs in a folder of the test, and have no temporary one yet."""
    compiler()  # importing it would change what is done with warnings
    monkeypatch.setenv(VARIABLE, str(tmp_path / "compiled"))
    monkeypatch.setattr(compiler_cache, "_temporary", [])

    return tmp_path / "compiled"


def noisy(x):
    return (torch.rand_like(x) + x.tanh(),)


def compiled_bits():
    """Return the bits of a compiled program and of a compiled loop for one seed."""
    torch.manual_seed(0)
    run = Traced(noisy, compile="compiled")
    start = torch.linspace(-1.0, 1.0, 20)
    (result,) = run(start)
    assert run.how == "compiled"

    looped = sum_after(decay(0.9), start)

    return torch.stack([result.sum(), looped]).view(torch.int32).tolist()


def decay(factor):
    """Return a step with a factor in its code."""

    def step(x, noise):
        return factor * x + noise, x.sum()

    return step


def sum_after(step, start):
    """Return the sum after five steps of a compiled loop."""
    loop = Traced(step, compile="compiled", repetition=Repetition(1, 1))
    end, _ = loop(start, start.expand(5, -1).contiguous())
    assert loop.how == "compiled"

    return end.sum()


def process(folder):
    """Start a process that compiles, and return it."""
    path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    environment = dict(os.environ, PYTHONPATH=path, **{VARIABLE: str(folder)})
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )


def printed(started):
    """Return what a process printed at last."""
    out, _ = started.communicate()
    assert started.returncode == 0

    return out.splitlines()[-1]


# torch's compiler warns about itself
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_the_next_process_loads_the_program_and_gives_the_same_bits(folder):
    bits = compiled_bits()  # in a program with other modules than the next one
    assert cache_folder() == folder
    assert printed(process(folder)) == f"{bits} loaded whole"


@pytest.mark.slow
def test_a_step_with_another_number_in_its_code_is_another_program(folder):
    start = torch.linspace(0.0, 1.0, 20)
    for factor in (0.9, 0.5):
        powers = sum(factor**k for k in range(6))
        assert sum_after(decay(factor), start) == pytest.approx(10 * powers)


@pytest.mark.slow
def test_two_processes_at_once_and_one_after_damage_give_the_same_bits(folder):
    first, second = process(folder), process(folder)
    bits, _, _ = printed(first).rpartition(" compiled ")
    assert printed(second).startswith(bits)

    libraries = list(folder.rglob("*.main.so"))
    assert libraries
    for library in libraries:
        library.write_bytes(b"not a library")
    last = printed(process(folder))
    assert last.startswith(bits)
    assert last.endswith("compiled damaged")


def test_the_folder_is_that_of_torch(folder, monkeypatch):
    monkeypatch.delenv(VARIABLE)
    assert str(cache_folder()) == default_cache_dir()


def test_a_folder_that_cannot_be_written_to_is_replaced(folder, monkeypatch):
    folder.write_text("a file, where no folder can be")
    monkeypatch.setenv(VARIABLE, str(folder / "compiled"))
    with pytest.warns(UserWarning, match="compiled cannot be written to; set TORCHIND"):
        use_writable_folder()
    replaced = cache_folder()
    assert replaced.is_dir()
    with warnings.catch_warnings():  # once
        warnings.simplefilter("error")
        use_writable_folder()
    assert cache_folder() == replaced


def test_a_damaged_file_is_not_the_end(folder):
    def compile():
        if cache_folder() == folder:
            raise ImportError("file too short")

        return cache_folder()

    with pytest.warns(UserWarning, match="has a damaged file; delete it"):
        assert despite_damage(compile).is_dir()


def test_errors_of_the_program_are_raised_and_the_folder_stays(folder):
    def fail():
        raise OSError("no space left")

    def wrong():
        raise ValueError("no such operation")

    with pytest.raises(OSError, match="no space left"):
        despite_damage(fail)
    with pytest.raises(ValueError, match="no such operation"):
        despite_damage(wrong)
    assert cache_folder() == folder
