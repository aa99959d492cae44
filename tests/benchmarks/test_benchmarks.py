"""The benchmarks run with few steps; their closed forms are those of the tests."""

import json

import cases
import exact
import matplotlib
import pyro
import pyro.distributions as dist
import pytest
import torch

import guides
import zoo
from benchmarks import (
    exactness,
    fidelity,
    fidelity_figure,
    fidelity_scores,
    linear_problems,
    pruning,
    stress,
    uci,
)
from benchmarks.many import fit_many
from zoo import datasets, likelihoods, networks, priors

NOISE = 0.5
OFTEN = (  # a row of each kind of problem, optimum and engine
    "Delta",
    "MeanField",
    "MeanField by IVON",
    "FullRank",
    "MatrixNormal, full",
    "Mixture of MeanField, K = 4",
    "MCDropout over Bernoulli nodes",
    "NodeMixture, K = 4",
    "Rank1, K = 4",
    "Flow over nodes",
    "pyro AutoNormal",
)


def linear_model():
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    return zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[]).double(), prior, likelihoods.Gaussian(NOISE)
    )


def test_many_fits_at_once_are_each_the_fit_to_their_own_data():
    model = linear_model()
    several = [guides.Delta(model) for _ in range(3)]
    x = torch.randn(3, 20, 2, dtype=torch.float64)
    y = x @ torch.randn(3, 2, 1, dtype=torch.float64) + NOISE * torch.randn(
        3, 20, 1, dtype=torch.float64
    )
    fit_many(model, several, x, y, num_steps=600, batch_size=20, lr=0.03, compile=False)
    found = [
        torch.cat([guide.loc["layer1.weight"].flatten(), guide.loc["layer1.bias"]])
        for guide in several
    ]
    for number, coefficients in enumerate(found):
        posterior = exact.linear_posterior(
            exact.features(x[number]), y[number].squeeze(-1), NOISE, 1.0
        )
        assert torch.allclose(coefficients, posterior.mean, atol=1e-3)
        assert not torch.allclose(coefficients, found[number - 1], atol=0.05)


def test_many_fits_at_once_have_noise_of_their_own():
    model = linear_model()
    several = [guides.MCDropout(model, p=0.5) for _ in range(2)]
    several[1].load_state_dict(several[0].state_dict())
    x = torch.ones(2, 4, 2, dtype=torch.float64)
    losses = fit_many(
        model,
        several,
        x,
        torch.zeros(2, 4, 1).double(),
        num_steps=1,
        batch_size=4,
        lr=1e-9,
        compile=False,
    )
    assert losses[0] != losses[1]


@pytest.mark.parametrize("name", cases.first(exactness.ROWS, OFTEN))
def test_every_row_of_the_table_of_exactness_is_measured(name, monkeypatch):
    monkeypatch.setattr(exactness, "NUM_DRAWS", 20)
    line = dict(zip(exactness.COLUMNS, exactness.measure(name, 3, 5), strict=True))
    assert line["guide"] == name
    assert (line["bound"] == "no") is (line["ELBO - log evidence"] == "no bound")


def test_the_closed_forms_of_the_table_of_exactness_are_those_of_the_tests():
    (x, y), problems = linear_problems.problems()
    truth = exact.linear_posterior(
        exact.features(x),
        y.double().squeeze(-1),
        linear_problems.NOISE,
        torch.tensor(linear_problems.PRIOR_SCALE),
    )
    own = problems["weights"].exact
    assert torch.allclose(own.mean, truth.mean, atol=1e-5)
    assert torch.allclose(own.covariance, truth.covariance, atol=1e-5)
    assert torch.allclose(own.evidence, truth.log_evidence, atol=1e-3)
    gap, scales = exactness.optimum("diagonal", own)
    assert gap == pytest.approx(float(exact.mean_field_gap(truth.precision)), rel=1e-4)
    assert torch.allclose(scales, truth.precision.diagonal().rsqrt(), rtol=1e-4)


def test_a_row_of_several_seeds_has_their_mean_and_its_standard_error():
    committed = fidelity.earlier(fidelity.RESULTS / "fidelity.json")
    one = {**committed["linear"]["MeanField"], "bound": 1.0}
    fits = []
    for value in (1.0, 2.0, 4.5):
        fits.append({**one, "scores": {"wasserstein": value}, "bound": value})

    row = fidelity_scores.over_seeds(fits)
    assert row["scores"]["wasserstein"] == pytest.approx(2.5)
    # the deviations are -1.5, -0.5 and 2: their squares add up to 6.5
    expected = (6.5 / 2 / 3) ** 0.5
    assert row["errors"]["wasserstein"] == pytest.approx(expected)
    assert row["bound_error"] == pytest.approx(expected)
    assert row["by_seed"] == [1.0, 2.0, 4.5]
    assert fidelity_scores.cell_of(row) == "2.500 ± 1.041"

    alone = fidelity_scores.over_seeds(fits[:1])
    assert alone["errors"] == one["errors"]  # of its draws
    assert fidelity_scores.cell_of(alone) == 1.0


def test_files_of_fidelity_are_merged_and_every_row_has_a_place_in_the_figure(tmp_path):
    matplotlib.use("Agg")
    grouped = [label for group in fidelity_figure.GROUPS for label in group.labels]
    assert sorted(grouped) == sorted(fidelity.LABELS)

    committed = fidelity.earlier(fidelity.RESULTS / "fidelity.json")
    row = committed["moons"].pop("AIS") | {"seconds": -1.0}
    together = fidelity.merged(committed, {"moons": {"AIS": row}})
    assert together["moons"]["AIS"]["seconds"] == -1.0
    assert together["moons"].keys() > committed["moons"].keys()
    assert "AIS" not in committed["moons"]

    figure = fidelity_figure.draw(together)
    figure.savefig(tmp_path / "figure.png")
    table = figure.axes[0]
    columns = [label.get_text() for label in table.get_xticklabels()]
    assert sorted(columns) == sorted(together)
    column = columns.index("moons")
    values = [
        text.get_text() for text in table.texts if text.get_position()[0] == column
    ]
    assert fidelity_figure.text_of(row["scores"]["total_variation"]) in values
    assert len(values) >= 1 + len(together["moons"])  # below the floor


def test_the_uci_table_runs_once(monkeypatch, tmp_path, capsys):
    out = tmp_path / "uci.json"
    arguments = [
        "uci",
        "--data",
        "yacht",
        "--splits",
        "2",
        "--epochs",
        "1",
        "--method",
        "DeepEnsemble",
    ]
    monkeypatch.setattr("sys.argv", [*arguments, "--out", str(out)])
    uci.main()
    written = out.read_text()
    assert [
        row["split"]
        for row in json.loads(written)["results"]["DeepEnsemble yacht"]["rows"]
    ] == [0, 1]
    uci.main()
    assert out.read_text() == written
    assert "1.580 ± 0.107" in capsys.readouterr().out


def test_the_halved_lenet_runs_with_few_steps(monkeypatch, tmp_path, capsys):
    pytest.importorskip("torch_pruning", reason="shrinking needs torch-pruning")
    part = datasets.Split(torch.randn(16, 1, 28, 28), torch.arange(16) % 10)
    monkeypatch.setattr(
        datasets, "mnist", lambda path, num_train: datasets.Dataset("MNIST", part, part)
    )
    monkeypatch.setattr(pruning, "STEPS", 1)
    out = tmp_path / "pruning.json"
    arguments = [
        "pruning",
        "--mnist",
        "nowhere",
        "--epochs",
        "1",
        "--rounds",
        "1",
        "--out",
        str(out),
    ]
    monkeypatch.setattr("sys.argv", arguments)
    pruning.main()
    rows = {row["posterior"]: row for row in json.loads(out.read_text())["table"]}
    whole, zeros, small = (rows[name] for name in list(rows)[:3])
    assert whole["weights"] == zeros["weights"] == 431_080
    assert (
        small["weights"]
        == rows["half the width from the start"]["weights"]
        == small["left"]
    )
    assert whole["megabytes"] > zeros["megabytes"] > small["megabytes"]
    assert "seconds of a training step" in capsys.readouterr().out


def test_the_cost_of_stress_is_measured(monkeypatch, tmp_path, capsys):
    part = datasets.Split(torch.zeros(4, 1, 28, 28), torch.arange(4) % 10)
    monkeypatch.setattr(
        datasets, "mnist", lambda path: datasets.Dataset("MNIST", part, part)
    )
    monkeypatch.setattr(stress, "NETWORKS", {"LeNet5": networks.LeNet5})
    monkeypatch.setattr(stress, "DRAWS", 2)
    out = tmp_path / "stress.json"
    monkeypatch.setattr("sys.argv", ["stress", "--mnist", "nowhere", "--out", str(out)])
    stress.main()
    rows = json.loads(out.read_text())["table"]
    assert [row["what"] for row in rows] == ["PGD-10", "corruptions"]
    assert all(row["times"] > 0 and row["megabytes"] >= 0 for row in rows)
    assert "processor seconds" in capsys.readouterr().out


@pytest.fixture(autouse=True)
def scoped():
    """Restore threads and parameters after each test."""
    threads = torch.get_num_threads()
    with pyro.get_param_store().scope():
        yield
    torch.set_num_threads(threads)
