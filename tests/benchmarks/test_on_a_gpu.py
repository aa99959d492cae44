"""The run of everything that needs a GPU: parts pass, fail or stop at the limit."""

import json

from benchmarks import on_a_gpu

PASSES = ("-c", "print('first'); print('2 passed')")
FAILS = ("-c", "print('1 failed'); raise SystemExit(3)")
NEVER_ENDS = ("-uc", "print('began'); import time; time.sleep(600)")


def test_each_part_says_how_it_ended_and_keeps_a_log(tmp_path):
    commands = {"good": PASSES, "bad": FAILS}
    parts = on_a_gpu.run_all(commands, 60.0, tmp_path)
    assert [part.how for part in parts.values()] == ["passed", "failed"]
    assert [part.last_line for part in parts.values()] == ["2 passed", "1 failed"]
    assert (tmp_path / "good.log").read_text() == "first\n2 passed\n"


def test_a_part_is_stopped_at_the_limit_and_the_next_has_no_time(tmp_path):
    commands = {"long": NEVER_ENDS, "next": PASSES}
    parts = on_a_gpu.run_all(commands, 1.0, tmp_path)
    assert [part.how for part in parts.values()] == ["stopped", "stopped"]
    assert parts["long"].last_line == "began"
    assert 1.0 <= parts["long"].seconds < 20.0


def test_the_exit_code_and_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(on_a_gpu, "parts", lambda out: {"good": PASSES})
    assert on_a_gpu.main(["--out", str(tmp_path)]) == 0
    contents = json.loads((tmp_path / "parts.json").read_text())
    assert contents["good"]["how"] == "passed"
    assert "torch" in contents["versions"]

    monkeypatch.setattr(on_a_gpu, "parts", lambda out: {"bad": FAILS})
    assert on_a_gpu.main(["--out", str(tmp_path)]) == 1


def test_the_parts_are_the_tests_and_the_rows_of_a_gpu(tmp_path):
    commands = on_a_gpu.parts(tmp_path)
    assert list(commands) == ["tests", "speed"]
    assert commands["tests"][2:4] == ("-m", "gpu")
    assert "gpu" in commands["speed"]
