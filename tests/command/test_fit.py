"""The command `fit`: three files, names of everything, sentences for what does not fit."""

import json
import os

import pytest
import torch

import guides
import zoo
from zoo import inference, networks
from zoo.__main__ import main
from zoo.command import names

QUICK = ["--hidden", "3", "--steps", "3", "--warmup", "3", "--draws", "4", "--num-samples", "4", "--no-progress"]


@pytest.fixture(autouse=True)
def no_screen(monkeypatch):
    monkeypatch.setitem(os.environ, "MPLBACKEND", "Agg")


def build(prior, data):
    network = names.make_network("MLP", data, 3)
    return zoo.BayesianNetwork(network, prior, names.make_likelihood(data, None))


@pytest.mark.parametrize(
    ("data", "score"), [("yacht", "rmse"), ("moons", "ece"), ("sinusoid", "rmse"), ("digits", "accuracy")]
)
def test_it_writes_a_posterior_results_and_a_figure(data, score, tmp_path, capsys):
    assert main(["fit", "--data", data, *QUICK, "--out", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    assert score in results["scores"]
    assert results["run"]["num_steps"] == 3
    assert results["settings"]["guide"] == "MeanField"
    assert results["versions"]["torch"] == torch.__version__
    assert (tmp_path / "fit.png").stat().st_size > 10_000
    assert f"{score} " in capsys.readouterr().out


def test_the_posterior_is_read_back(tmp_path):
    assert main(["fit", "--data", "moons", "--guide", "delta", *QUICK, "--out", str(tmp_path)]) == 0
    data = names.load_data("moons")
    model = build(names.PRIORS["normal"](), data)
    posterior = zoo.load(tmp_path / "posterior.safetensors", model, guide=guides.Delta(model))
    nll = -posterior.predict(data.test.x, 4).log_prob(data.test.y).mean()
    assert float(nll) == pytest.approx(json.loads((tmp_path / "results.json").read_text())["scores"]["nll"], rel=1e-4)


@pytest.mark.usefixtures("at_the_prior")
@pytest.mark.parametrize("engine", names.ENGINES)
def test_every_engine_has_a_name(engine, tmp_path):
    if engine == "Laplace":
        pytest.importorskip("laplace", reason="Laplace needs laplace-torch")
    plain = ["--set", "compile=False"] if "compile" in names.accepted(getattr(inference, engine), compile=False) else []
    command = ["fit", "--data", "sinusoid", "--engine", engine, "--noise", "0.1", *plain, *QUICK]
    assert main([*command, "--out", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "results.json").read_text())["settings"]["engine"] == engine


@pytest.mark.parametrize("guide", names.GUIDES)
def test_every_guide_gets_a_prior_that_it_takes(guide):
    if guide == "Flow":
        pytest.importorskip("zuko", reason="Flow needs zuko")
    data = names.load_data("moons")
    model, made = names.make_guide(guide, {}, None, "normal", lambda prior: build(prior, data))
    assert type(made).__name__ == guide
    assert set(made()) == set(model.latents)


@pytest.mark.parametrize("prior", names.PRIORS)
def test_every_prior_makes_a_model(prior):
    data = names.load_data("digits")
    if prior == "log_uniform":
        assert build(names.PRIORS[prior](), data).latents
    else:
        assert build(names.PRIORS[prior](), data).prior_predictive(data.test.x[:3], 2).probs.shape == (3, 10)


def test_settings_reach_the_guide_and_the_engine(tmp_path):
    own = ["--guide", "NodeMixture", "--set", "num_components=2", "--set", "num_particles=3"]
    assert main(["fit", "--data", "moons", *own, *QUICK, "--out", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["settings"]["set"] == [["num_components", 2], ["num_particles", 3]]
    assert results["prior"].startswith("NodePrior(Normal(1, 0.3)")
    weights, nodes = 3 * 2 + 3 + 2 * 3 + 2, 2 + 3
    assert results["run"]["num_parameters"] == weights + 2 * 2 * nodes


@pytest.mark.parametrize(
    ("data", "kind"),
    [(torch.zeros(4, 6), networks.MLP), (torch.zeros(4, 1, 28, 28), networks.LeNet5),
     (torch.zeros(4, 3, 32, 32), networks.ResNet), (torch.zeros(4, 1, 8, 8), torch.nn.Sequential)],
)  # fmt: skip
def test_the_usual_network_fits_the_inputs(data, kind):
    part = zoo.datasets.Split(data, torch.arange(4))
    network = names.make_network(None, zoo.datasets.Dataset("mine", part, part), 5)
    assert isinstance(network, kind)
    assert network.eval()(data).shape == (4, 4)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (["--guide", "MeanFeild"], "'MeanField'"),
        (["--data", "sinusiod"], "'sinusoid'"),
        (["--prior", "horshoe"], "'horseshoe'"),
        (["--engine", "NUT"], "'NUTS'"),
        (["--network", "LeNet"], "'LeNet5'"),
    ],
    ids=["guide", "data", "prior", "engine", "network"],
)
def test_a_wrong_name_gets_the_nearest_right_one(wrong, right, capsys):
    with pytest.raises(SystemExit):
        main(["fit", *wrong])
    assert f"the nearest is {right}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (["--data", "mnist"], "mnist is read from a folder of yours: --folder FOLDER"),
        (["--data", "mnist", "--folder", "nowhere"], "does not hold the files of MNIST"),
        (["--network", "LeNet5"], "LeNet5 is for images"),
        (["--data", "digits", "--network", "LeNet5"], "at least 16x16"),
        (["--guide", "NodeMixture", "--prior", "normal"], "without --prior NodeMixture gets one that it takes"),
        (["--set", "num_component=3", "--guide", "NodeMixture"], "the nearest is 'num_components'"),
        (["--engine", "HMC", "--prior", "nodes"], "optimises point estimates"),
        (["--split", "20"], "Gal made 20 splits"),
    ],
    ids=["folder", "files", "tables", "small images", "prior", "setting", "points", "split"],
)
def test_what_does_not_fit_ends_in_a_sentence(wrong, sentence, capsys, tmp_path):
    assert main(["fit", *wrong, *QUICK, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("python -m zoo fit: ")
    assert sentence in error


def test_a_setting_without_a_value_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["fit", "--set", "p"])
    assert "'p' is no setting; write NAME=VALUE" in capsys.readouterr().err


def test_help_says_what_it_does(capsys):
    with pytest.raises(SystemExit) as end:
        main(["fit", "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for name in ("ResNet20", "NodeMixture", "NUTS", "fashion_mnist", "horseshoe"):
        assert name in text
