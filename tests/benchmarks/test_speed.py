"""The benchmark of speed: equal work on both sides, and the table; no peer need be installed."""

import json
import math

import numpy as np
import pytest
import torch
from torch.distributions import Normal

import guides
from benchmarks.speed import __main__ as program
from benchmarks.speed import (
    by_hand,
    clock,
    gradients,
    growth,
    importing,
    peers_svi,
    problems,
    report,
)
from benchmarks.speed.row import Row, Settings, Target
from zoo import inference
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.svi.elbo import elbo
from zoo.runtime.modes import training_mode


def losses(model, guide, data, count):
    torch.manual_seed(0)
    with training_mode(model.network, model.plan.frozen):
        return torch.stack(
            [
                -elbo(model, guide, *data, num_data=len(data[0])) / len(data[0])
                for _ in range(count)
            ]
        )


def test_the_estimator_by_hand_is_ours_and_does_not_average_the_divergence():
    network, (x, y) = problems.lenet()
    data = (x[:16], y[:16])
    model = problems.over_weights(network)
    guide = guides.MeanField(model, init_scale=by_hand.INIT_SCALE)
    loss = by_hand.MeanField(network, 16)
    torch.manual_seed(1)
    with torch.no_grad():
        ours = losses(model, guide, data, 30)
        theirs = torch.stack([loss(*data) for _ in range(30)])
    error = float((ours.var() / 30 + theirs.var() / 30).sqrt())
    assert abs(float(ours.mean() - theirs.mean())) < 4 * error
    # the divergence is most of the loss, so an averaged one is far off
    divergence = float(ours.mean()) - math.log(10)
    assert divergence > 100 * error


def test_the_regression_has_the_density_of_the_prototype():
    model, (x, y), _ = problems.regression()
    q = 0.1 * torch.randn(751)
    w1, b1, w2, b2 = q[:650].view(50, 13), q[650:700], q[700:750].view(1, 50), q[750:]
    f = torch.tanh(x @ w1.T + b1) @ w2.T + b2
    prior = [(w1, 13**-0.5), (b1, 50**-0.5), (w2, 50**-0.5), (b2, 1.0)]
    density = (
        sum(Normal(0.0, scale).log_prob(value).sum() for value, scale in prior)
        + Normal(f, 0.1).log_prob(y).sum()
    )
    assert torch.allclose(Potential(model, x, y).energy(q), -density, rtol=1e-5)


def test_stock_pyro_learns_in_a_store_of_its_own():
    network, data = problems.lenet()
    model = problems.over_weights(network)
    step = by_hand.plain_pyro(model, guides.MeanField(model), data, 64)
    found = [step() for _ in range(12)]
    assert np.mean(found[-3:]) < np.mean(found[:3])


def test_a_fit_is_timed_between_its_steps_and_ends_after_enough_steps():
    model, data, _ = problems.regression(20, 5)
    taken = []
    steps = clock.StepClock({"rival": lambda: taken.append(1)}, block=2, blocks=3)
    engine = inference.SVI(
        model,
        guides.MeanField(model),
        num_steps=1000,
        scheduler=steps,
        compile="plain",
        progress=False,
    )
    assert engine.fit(data).info.num_steps <= 10
    assert len(taken) == 10
    assert set(steps.medians()) == {"ours", "rival"}
    assert 0 < steps.medians()["rival"] < steps.medians()["ours"]


def test_sides_are_measured_in_turn():
    order = []
    times = clock.in_turn(
        {"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=2
    )
    assert order == ["a", "b"] * 3
    assert set(times) == {"a", "b"}


@pytest.mark.parametrize(
    ("ratio", "floor", "goal"),
    [(1.0, "yes", "yes"), (1.2, "yes", "no"), (1.3, "no", "no")],
)
def test_a_ratio_is_compared_with_floor_and_goal(ratio, floor, goal):
    cells = Row("work", "ours / theirs", ratio, Target(1.25, 1.05)).cells()
    assert cells[3:] == ("≤ 1.25", floor, "≤ 1.05", goal)
    upwards = Row(
        "work", "theirs / ours", 1 / ratio, Target(1 / 1.25, 1 / 1.05, at_most=False)
    ).cells()
    assert (upwards[4], upwards[6]) == (floor, goal)


def test_growth_is_the_exponent_of_a_power():
    assert growth.slope({1: 3.0, 2: 6.0, 4: 12.0}) == pytest.approx(1.0)
    assert growth.slope({1: 3.0, 2: 12.0, 4: 48.0}) == pytest.approx(2.0)


def test_a_missing_peer_is_named_with_the_remedy(monkeypatch):
    def absent(*_):
        raise ImportError

    monkeypatch.setattr(peers_svi.importlib, "import_module", absent)
    monkeypatch.setattr(gradients, "theirs", absent)
    monkeypatch.setattr(gradients, "ours", lambda *_: (None, None))
    rows = [
        *peers_svi.lenet_peers(Settings(quick=True)),
        *gradients.gradients(Settings(quick=True)),
    ]
    assert len(rows) == 5
    assert all(
        row.ratio is None and "pip install 'bnn-zoo[peers]'" in row.note for row in rows
    )


def test_modules_that_are_slow_to_import_are_named(monkeypatch):
    before = "import time:  9000 | 9000 | torch"
    after = "import time:   300 |  300 |   zoo.model\nimport time: 20 | 320 | zoo"
    lines = f"{before}\n{importing.MARK}{after}\n"

    class Run:
        stderr = lines

    monkeypatch.setattr(importing.subprocess, "run", lambda *_, **__: Run)
    assert importing.costly("folder") == [("zoo.model", 3e-4), ("zoo", 2e-5)]


def test_the_program_writes_a_page_and_continues_after_a_failed_part(
    monkeypatch, tmp_path, capsys, caplog
):
    row = Row(
        "work", "ours / theirs", 1.5, Target(1.25, 1.05), {"ours ms": 3.0}, "A note."
    )

    def fine(_):
        return [row]

    def broken(_):
        raise RuntimeError("no luck")

    monkeypatch.setattr(program, "ROWS", {"broken": broken, "fine": fine})
    monkeypatch.setattr(program, "prepare", lambda _: None)
    program.main(["--quick", "--out", str(tmp_path)])
    facts = json.loads((tmp_path / "results" / "speed.json").read_text())
    page = (tmp_path / "RESULTS.md").read_text()
    assert facts["rows"]["fine"][0]["ratio"] == 1.5
    assert facts["rows"]["broken"][0]["note"] == "RuntimeError: no luck"
    assert "| work | ours / theirs | 1.5 | ≤ 1.25 | no | ≤ 1.05 | no |" in page
    assert f"torch {torch.__version__}" in page
    assert "no luck" in capsys.readouterr().out


def test_a_run_of_some_parts_is_printed_and_not_written(monkeypatch, capsys):
    monkeypatch.setattr(
        program, "ROWS", {"fine": lambda _: [Row("work", "ours / theirs", None)]}
    )
    monkeypatch.setattr(program, "prepare", lambda _: None)
    monkeypatch.setattr(report, "save", lambda *_: pytest.fail("written"))
    program.main(["--rows", "fine"])
    assert "ours / theirs" in capsys.readouterr().out


def test_parts_that_are_measured_again_replace_those_of_an_earlier_run(tmp_path):
    settings = Settings(quick=True)
    rows = [
        Row("work", "ours / theirs", 0.5, Target(1.0, 0.5), {"ours s": 1.0}, "A note."),
        Row("none", "there", None),
    ]
    report.save(tmp_path, {"imports": rows}, settings)
    assert report.load(tmp_path, settings) == {"imports": rows}
    assert report.load(tmp_path / "nothing", settings) == {}
    with pytest.raises(
        SystemExit,
        match=r"measured with .*'quick': True.* give another folder by --out",
    ):
        report.load(tmp_path, Settings(quick=False))
