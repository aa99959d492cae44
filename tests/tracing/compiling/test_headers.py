"""Headers that another process compiles: used when they are there, and no run depends on them."""

import os
import time

import pytest
import torch

from zoo.tracing.compiling import headers
from zoo.tracing.compiling.compiler import compile_module
from zoo.tracing.graphs.graph import trace

pytestmark = [
    # torch's compiler warns about itself
    pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning"),
    pytest.mark.skipif(
        not hasattr(os, "sched_getaffinity"), reason="compiled on Linux only"
    ),
]


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """Return an empty folder of headers on a machine of two cores."""
    from torch._inductor import codecache

    monkeypatch.setattr(codecache, "_HEADER_DIR", str(tmp_path / "headers"))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "programs"))
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1})

    return tmp_path / "headers"


@pytest.fixture
def commands(monkeypatch):
    """Return the commands that are run in place of a compiler of headers."""
    commands = []
    monkeypatch.setattr(headers, "_start", commands.append)

    return commands


def program(scale):
    """Compile a program and check it."""

    def step(x):
        return ((scale * x).sin().sum(-1),)

    inputs = [torch.randn(7, 9)]
    (found,) = compile_module(trace(step, inputs).module, inputs)(*inputs)
    torch.testing.assert_close(found, step(*inputs)[0])


def test_one_process_begins_and_an_abandoned_one_is_followed(folder, commands):
    place = headers._headers_of_programs()
    headers._begin(place)
    headers._begin(place)
    assert len(commands) == 1

    long_ago = time.time() - 2 * headers._ABANDONED
    os.utime(place.source.with_suffix(".begun"), (long_ago, long_ago))
    headers._begin(place)
    assert len(commands) == 2

    place.compiled.touch()
    os.utime(place.source.with_suffix(".begun"), (long_ago, long_ago))
    headers._begin(place)
    assert len(commands) == 2


def test_one_core_compiles_none(folder, commands, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0})
    headers._begin(headers._headers_of_programs())
    assert commands == []


def test_a_folder_that_cannot_be_made_stops_no_program(folder, commands):
    folder.write_text("a file")
    program(1.25)
    assert commands == []


def test_a_program_without_them_asks_for_them_and_damaged_ones_are_not_used(
    folder, commands
):
    program(1.5)
    assert len(commands) == 1
    place = headers._headers_of_programs()
    place.compiled.write_text("damaged")
    program(2.5)


def test_another_version_of_torch_compiles_none(folder, commands, monkeypatch):
    def changed():
        raise AttributeError("cpp_compile_command_flags")

    monkeypatch.setattr(headers, "_options", changed)
    program(1.75)
    assert commands == []


@pytest.mark.slow
def test_compiled_headers_are_used(folder, monkeypatch):
    from torch._inductor import cpp_builder

    program(0.25)
    (process,) = headers._processes[-1:]
    assert process.wait(300) == 0

    lines, run = [], cpp_builder.run_compile_cmd

    def noting(line, cwd):
        lines.append(line)
        return run(line, cwd)

    monkeypatch.setattr(cpp_builder, "run_compile_cmd", noting)
    program(0.75)
    place = headers._headers_of_programs()
    assert len(lines) == 1
    assert f"-include {place.source}" in lines[0]
