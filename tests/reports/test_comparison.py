"""The comparison by `zoo.compare` and by the command: table, files, figure, wrong names."""

import json
import os

import pyro
import pyro.distributions as dist
import pytest
import torch

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, priors
from zoo.__main__ import main

QUICK = [
    "--hidden",
    "3",
    "--steps",
    "5",
    "--warmup",
    "6",
    "--draws",
    "8",
    "--max-tree-depth",
    "2",
    "--no-progress",
]


@pytest.fixture(autouse=True)
def no_screen(monkeypatch):
    monkeypatch.setitem(os.environ, "MPLBACKEND", "Agg")


def fitted(model, data, draws=12):
    pyro.set_rng_seed(0)
    engine = inference.HMC(
        model,
        num_chains=2,
        warmup_steps=8,
        num_samples=draws,
        num_steps=5,
        progress=False,
        compile=False,
    )
    return engine.fit(data.train)


@pytest.fixture(scope="module")
def comparison():
    data = datasets.uci("yacht")
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(
        networks.MLP(6, 1, hidden=[3]), prior, likelihoods.Gaussian(0.1)
    )
    own = [guides.Delta(model), guides.MeanField(model)]
    return zoo.compare(
        model, own, fitted(model, data), data, num_steps=5, progress=False
    )


def test_a_row_per_guide_and_the_truth_first(comparison):
    assert comparison.table.column("guide") == ["truth", "Delta", "MeanField"]
    assert {
        "rmse",
        "nll",
        "coverage 90 %",
        "mean error",
        "spread ratio",
        "wasserstein",
        "seconds",
    } < set(comparison.table.columns)
    assert "<table>" in comparison._repr_html_()


def test_the_bound_is_beside_the_scores(comparison):
    truth, point, mean_field = comparison.table.to_dicts()
    assert truth["bound"] is None
    assert point["bound"] == "no bound"
    value, error = comparison.posteriors["MeanField"].bound(
        comparison.data.train, num_samples=200
    )
    total = (error**2 + mean_field["bound error"] ** 2) ** 0.5
    assert abs(mean_field["bound"] - value) < 4.5 * total


def test_scores_are_in_original_units(comparison):
    data = comparison.data
    prediction = comparison.posteriors["Delta"].predict(data.test.x, 10)
    standardised = float((prediction.mean - data.test.y).square().mean().sqrt())
    rmse = comparison.table.to_dicts()[1]["rmse"]
    assert rmse == pytest.approx(standardised * float(data.y_units.scale), rel=1e-4)
    assert rmse != pytest.approx(standardised, rel=0.1)


def test_the_figure_has_a_panel_per_guide(comparison):
    figure = comparison.plot(names=[f"x{i}" for i in range(6)], num_samples=20)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles[:2] == ["Delta", "MeanField"]
    import matplotlib.pyplot as plt

    plt.close(figure)


def test_classes_are_compared_by_agreement():
    data = datasets.toy.moons(num_data=40, num_test=30)
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(
        networks.MLP(2, 2, hidden=[3]), prior, likelihoods.Categorical()
    )
    result = zoo.compare(
        model,
        {"mine": guides.MeanField(model)},
        fitted(model, data),
        data,
        num_steps=5,
        progress=False,
    )
    assert {"accuracy", "ece", "agreement", "total variation"} < set(
        result.table.columns
    )
    with pytest.raises(ValueError, match="the figure needs inputs of shape"):
        result.plot()


def test_two_guides_of_one_family_need_names():
    data = datasets.uci("yacht")
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(
        networks.MLP(6, 1, hidden=[3]), prior, likelihoods.Gaussian(0.1)
    )
    with pytest.raises(ValueError, match="give a mapping of names to guides"):
        zoo.compare(model, [guides.Delta(model), guides.Delta(model)], None, data)


def test_the_command_writes_results_and_figure(tmp_path, capsys):
    assert (
        main(
            ["compare", *QUICK, "--guides", "Delta,nodemixture", "--out", str(tmp_path)]
        )
        == 0
    )
    results = json.loads((tmp_path / "results.json").read_text())
    assert [row["guide"] for row in results["table"]] == [
        "truth",
        "Delta",
        "NodeMixture",
    ]
    assert results["settings"]["seed"] == 0
    assert results["versions"]["torch"] == torch.__version__
    assert (tmp_path / "zoo.png").stat().st_size > 10_000
    assert "NodeMixture" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wrong", "right"),
    [(["--guides", "MeanFeild"], "'MeanField'"), (["--data", "yaht"], "'yacht'")],
    ids=["guide", "data"],
)
def test_a_wrong_name_gets_the_nearest_right_one(wrong, right, capsys):
    with pytest.raises(SystemExit):
        main(["compare", *wrong])
    assert f"the nearest is {right}" in capsys.readouterr().err


def test_a_wrong_value_ends_in_a_sentence(capsys):
    assert main(["compare", "--split", "20", *QUICK]) == 2
    assert "python -m zoo compare:" in capsys.readouterr().err


def test_the_menus_are_listed(capsys):
    assert main(["list"]) == 0
    text = capsys.readouterr().out
    for name in (
        "MLP",
        "NodePrior",
        "Categorical",
        "LocalReparam",
        "NUTS",
        "toy.linear",
    ):
        assert f"  {name} " in text, name
    assert text.count("--") >= 20
    assert "-- \n" not in text


@pytest.mark.parametrize("command", ["", "compare", "list"])
def test_help_says_what_it_does(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([*command.split(), "--help"])
    assert end.value.code == 0
    assert "usage: python -m zoo" in capsys.readouterr().out


def test_a_posterior_needs_data_and_a_reference_has_its_own(comparison):
    truth = comparison.posteriors["truth"]
    own = {"Delta": guides.Delta(truth.model)}
    with pytest.raises(ValueError, match="needs data to compare on"):
        zoo.compare(truth.model, own, truth)
    with pytest.raises(ValueError, match="has data of its own; omit data"):
        zoo.compare(truth.model, own, object(), comparison.data)
