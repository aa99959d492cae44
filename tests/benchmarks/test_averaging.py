"""Averages at equal numbers of forward passes: their scores, and a small run."""

import json
import math

import pytest
import torch

from benchmarks import averaging, averaging_figure, averaging_pools, averaging_scores
from benchmarks.averaging_scores import Truth, of_functions, shares, systematic


def test_the_share_between_basins_is_that_of_the_variances():
    basins, draws, inputs = 40, 8, 4_000
    means = 3.0 * torch.randn(basins, 1, inputs, 1).double()
    noise = 2.0 * torch.randn(basins, draws, inputs, 1).double()
    found = shares(means + noise)["between"]

    error = math.sqrt(2 / basins) / math.sqrt(inputs)  # of a ratio averaged over inputs
    bias = 0.5 / basins  # of a ratio of estimates
    assert abs(found - 9 / 13) < 4.5 * error + bias
    assert abs(found - 3 / 5) > 4.5 * error + bias  # of standard deviations
    assert shares(noise)["between"] < 0.05  # means of 8 draws differ without basins


def test_the_distance_of_a_few_draws_is_that_of_their_distribution():
    grid = torch.arange(averaging_scores._QUANTILES).double() + 0.5
    normal = torch.distributions.Normal(0.0, 1.0)
    quantiles = normal.icdf(grid / len(grid))[:, None, None]
    truth = Truth(quantiles[None], quantiles, torch.ones(1, 1).double())

    one = of_functions(torch.zeros(1, 1, 1).double(), truth)
    assert one["distance"] == pytest.approx(math.sqrt(2 / math.pi), rel=1e-3)  # E|z|
    moved = of_functions(quantiles + 0.3, truth)
    assert moved == pytest.approx({"distance": 0.3, "mean error": 0.3}, abs=1e-6)


def test_every_basin_has_its_share_of_the_draws():
    for _ in range(5):
        assert (systematic(5 * 60, 10) // 60).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
        assert (systematic(30, 30) == torch.arange(30)).all()
        assert 0 <= int(systematic(7, 1)) < 7


@pytest.mark.full
@pytest.mark.filterwarnings("ignore:SGHMC")
def test_the_table_runs_with_few_steps_and_goes_on(monkeypatch, tmp_path, capsys):
    small = {"NUM_MEMBERS": 30, "NUM_RUNS": 2, "MAP_STEPS": 2, "SWAG_EPOCHS": 6}
    small |= {"NUM_DRAWS": 30, "EPOCHS": 300, "RATES": (1e-4, 1e3)}
    for name, value in small.items():
        monkeypatch.setattr(averaging_pools, name, value)

    out = tmp_path / "averaging.json"
    arguments = ["averaging", "--problems", "sinusoid", "--seeds", "1"]
    arguments += ["--out", str(out), "--figure", str(tmp_path / "averaging.png")]
    monkeypatch.setattr("sys.argv", arguments)
    averaging.main()
    found = json.loads(out.read_text())
    assert found["rates"] == {"sinusoid": 1e-4}  # the other one diverges
    costs = {(row["method"], row["passes"]): row["gradients"] for row in found["rows"]}
    assert costs["deep ensemble", 5] == 5 * costs["deep ensemble", 1] == 10
    assert costs["MultiSWAG", 30] == 2 * costs["SWAG", 30] == 16
    assert all(math.isfinite(row["nll"]) for row in found["rows"])

    averaging.main()  # nothing is fitted again
    assert json.loads(out.read_text())["rows"] == found["rows"]
    assert "share between" in capsys.readouterr().out


def test_the_figure_shows_the_committed_result(tmp_path):
    stored = json.loads(averaging.RESULTS.read_text())
    assert stored["means"] == averaging.summary(
        stored["rows"], ("nll", "distance", "agreement", "mean error", "gradients")
    )
    figure = averaging_figure.draw(stored["means"])
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert titles == list(averaging.PROBLEMS)
    lines = [each for each in stored["means"] if each["problem"] == "concrete-50"]
    (known,) = [e for e in lines if e["method"] == "SGHMC" and e["passes"] == 5]
    nlls = [bars[0].get_ydata() for bars in figure.axes[1].containers]
    assert any(known["nll"] in values for values in nlls)
