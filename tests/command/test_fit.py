"""The command `fit`: three files, names of everything, sentences for what does not fit."""

import argparse
import json
import os

import numpy
import pytest
import torch

import guides
import zoo
from zoo import inference, networks
from zoo.__main__ import main
from zoo.command import building, choices
from zoo.command.arguments import duration
from zoo.command.signatures import accepted
from zoo.likelihoods import DeeplySupervised
from zoo.runtime.processes import Processes

QUICK = [
    "--hidden",
    "3",
    "--steps",
    "3",
    "--warmup",
    "3",
    "--draws",
    "4",
    "--num-samples",
    "4",
    "--no-progress",
]


@pytest.fixture(autouse=True)
def no_screen(monkeypatch):
    monkeypatch.setitem(os.environ, "MPLBACKEND", "Agg")


def build(prior, data):
    network = building.make_network("MLP", data, 3)
    return zoo.BayesianNetwork(
        network, prior, building.make_likelihood(data, None, network)
    )


@pytest.mark.parametrize(
    ("data", "score"),
    [("yacht", "rmse"), ("moons", "ece"), ("sinusoid", "rmse"), ("digits", "accuracy")],
)
def test_it_writes_a_posterior_results_and_a_figure(data, score, tmp_path, capsys):
    assert main(["fit", "--data", data, *QUICK, "--out", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    assert score in results["scores"]
    assert results["run"]["num_steps"] == 3
    assert results["settings"]["guide"] == "MeanField"
    assert results["versions"]["torch"] == torch.__version__
    assert (tmp_path / "fit.png").stat().st_size > 10_000
    printed = capsys.readouterr().out
    assert f"{score} " in printed
    bound = results["bound"]
    assert f"bound {bound['bound']:.4g} ± " in printed
    assert bound["without training"] > 0


def test_the_posterior_is_read_back(tmp_path):
    assert (
        main(
            [
                "fit",
                "--data",
                "moons",
                "--guide",
                "delta",
                *QUICK,
                "--out",
                str(tmp_path),
            ]
        )
        == 0
    )
    data = building.load_data("moons")
    model = build(choices.PRIORS["normal"](), data)
    posterior = zoo.load(
        tmp_path / "posterior.safetensors", model, guide=guides.Delta(model)
    )
    nll = -posterior.predict(data.test.x, 4).log_prob(data.test.y).mean()
    assert float(nll) == pytest.approx(
        json.loads((tmp_path / "results.json").read_text())["scores"]["nll"], rel=1e-4
    )


SHORTER = {
    "AIS": ["num_particles=8", "num_steps=30"],
    "ChEES": ["max_steps=4"],
    "NUTS": ["max_tree_depth=3"],
    "HMC": ["num_steps=2"],
    "MAMS": ["num_steps=2"],
    "MCLMC": ["num_steps=2"],
    "ParallelTempering": ["num_steps=2"],
}


@pytest.mark.parametrize("engine", choices.ENGINES)
def test_every_engine_has_a_name(engine, tmp_path):
    if engine == "Laplace":
        pytest.importorskip("laplace", reason="Laplace needs laplace-torch")
    plain = (
        ["--set", "compile=False"]
        if "compile" in accepted(getattr(inference, engine), compile=False)
        else []
    )
    for setting in SHORTER.get(engine, ()):
        plain += ["--set", setting]
    command = [
        "fit",
        "--data",
        "sinusoid",
        "--engine",
        engine,
        "--noise",
        "0.1",
        *plain,
        *QUICK,
    ]
    assert main([*command, "--out", str(tmp_path)]) == 0
    assert (
        json.loads((tmp_path / "results.json").read_text())["settings"]["engine"]
        == engine
    )


@pytest.mark.parametrize("guide", choices.GUIDES)
def test_every_guide_gets_a_prior_that_it_takes(guide):
    if guide == "Flow":
        pytest.importorskip("zuko", reason="Flow needs zuko")
    data = building.load_data("moons")
    model, made = building.make_guide(
        guide, {}, None, "normal", lambda prior: build(prior, data)
    )
    assert type(made).__name__ == guide
    assert set(made()) == set(model.latents)


@pytest.mark.parametrize("prior", choices.PRIORS)
def test_every_prior_makes_a_model(prior):
    data = building.load_data("digits")
    if prior == "log_uniform":
        assert build(choices.PRIORS[prior](), data).latents
    else:
        assert build(choices.PRIORS[prior](), data).prior_predictive(
            data.test.x[:3], 2
        ).probs.shape == (3, 10)


def test_of_several_processes_the_first_one_writes(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(
        "zoo.command.shared.joined", lambda distributed: Processes(1, 2)
    )
    call = ["fit", *QUICK, "--set", "distributed=False", "--out", str(tmp_path)]
    assert main(call) == 0
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr().out == ""


def test_settings_reach_the_guide_and_the_engine(tmp_path):
    own = [
        "--guide",
        "NodeMixture",
        "--set",
        "num_components=2",
        "--set",
        "num_particles=3",
    ]
    assert main(["fit", "--data", "moons", *own, *QUICK, "--out", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["settings"]["set"] == [["num_components", 2], ["num_particles", 3]]
    assert results["prior"].startswith("NodePrior(Normal(1, 0.3)")
    weights, nodes = 3 * 2 + 3 + 2 * 3 + 2, 2 + 3
    assert results["run"]["num_parameters"] == weights + 2 * 2 * nodes


@pytest.mark.parametrize(
    ("data", "kind"),
    [(torch.zeros(4, 6), networks.MLP), (torch.zeros(4, 1, 28, 28), networks.LeNet5),
     (torch.zeros(4, 3, 32, 32), networks.ResNet), (torch.zeros(4, 1, 8, 8), torch.nn.Sequential),
     (torch.zeros(4, 1, 140), torch.nn.Sequential)],
)  # fmt: skip
def test_the_usual_network_fits_the_inputs(data, kind):
    part = zoo.datasets.Split(data, torch.arange(4))
    network = building.make_network(None, zoo.datasets.Dataset("mine", part, part), 5)
    assert isinstance(network, kind)
    assert network.eval()(data).shape == (4, 4)


@pytest.mark.parametrize("name", choices.NETWORKS)
def test_every_network_has_a_name_and_data_that_it_takes(name):
    shape = (
        (1, 140)
        if name == "ConvNet1d"
        else (1, 28, 28)
        if name.startswith("LeNet")
        else (3, 32, 32)
    )
    part = zoo.datasets.Split(torch.zeros(2, *shape), torch.arange(2))
    network = building.make_network(name, zoo.datasets.Dataset("mine", part, part), 5)
    assert network.eval()(part.x).shape == (2, 2)
    deep = isinstance(
        building.make_likelihood(
            zoo.datasets.Dataset("mine", part, part), None, network
        ),
        DeeplySupervised,
    )
    assert deep is (name == "DSN")


def test_no_network_is_without_a_name():
    made = [
        getattr(make, "func", make).__name__ for make in choices.IMAGE_NETWORKS.values()
    ]
    other = {"MLP", "ConvNet1d", "FilterResponseNorm", "MultiHead", "NormalisingFlow"}
    of_images = {"SegNet", "ESPCN", "DCGANGenerator", "DCGANDiscriminator"}
    assert {*other, *of_images, *made} == set(networks.__all__)


def test_heart_beats_are_fitted_by_their_name(tmp_path):
    random = numpy.random.default_rng(0)
    x, y = random.normal(size=(12, 140)).astype("float32"), numpy.arange(12) % 5 + 1
    numpy.savez(tmp_path / "ECG5000.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    command = [
        "fit",
        "--data",
        "ecg5000",
        "--path",
        str(tmp_path),
        "--num-train",
        "10",
        *QUICK,
    ]
    assert main([*command, "--out", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    assert (
        results["data"]
        == "Dataset('ECG5000', train=10, test=12, inputs=1x140, classes=5)"
    )
    assert "accuracy" in results["scores"]


@pytest.mark.parametrize(
    ("name", "shape", "sentence"),
    [
        (
            "AlexNet",
            (3, 28, 28),
            "AlexNet needs images of 32x32 pixels, but mine has 28x28; write --network ResNet20",
        ),
        ("VGG16", (1, 28, 28), "VGG16 needs images of 32x32 pixels"),
        ("LeNet", (1, 32, 32), "LeNet needs images of 28x28 pixels"),
        ("NIN", (3, 32, 28), "NIN needs images of 28x28 pixels, but mine has 32x28"),
        (
            "WideResNet28-10",
            (6,),
            r"needs images, but mine has inputs of shape \(6,\); write --network MLP",
        ),
        (
            "ConvNet1d",
            (1, 28, 28),
            r"ConvNet1d needs series, but mine has inputs of shape \(1, 28, 28\)",
        ),
    ],
)
def test_a_network_that_does_not_take_the_data_gets_a_sentence(name, shape, sentence):
    part = zoo.datasets.Split(torch.zeros(2, *shape), torch.arange(2))
    with pytest.raises(ValueError, match=sentence):
        building.make_network(name, zoo.datasets.Dataset("mine", part, part), 5)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (["--guide", "MeanFeild"], "'MeanField'"),
        (["--data", "sinusiod"], "'sinusoid'"),
        (["--prior", "horshoe"], "'horseshoe'"),
        (["--engine", "NUT"], "'NUTS'"),
        (["--network", "LaNet5"], "'LeNet5'"),
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
        (["--data", "mnist"], "mnist is read from a folder; write --path FOLDER"),
        (["--data", "mnist", "--path", "nowhere"], "lacks files of MNIST"),
        (["--network", "LeNet5"], "LeNet5 needs images"),
        (["--data", "digits", "--network", "LeNet5"], "at least 16x16"),
        (
            ["--guide", "NodeMixture", "--prior", "normal"],
            "and NodeMixture gets a prior that it takes",
        ),
        (
            ["--set", "num_component=3", "--guide", "NodeMixture"],
            "the nearest is 'num_components'",
        ),
        (["--engine", "HMC", "--prior", "nodes"], "does not optimise point estimates"),
        (["--split", "20"], "Gal made 20 splits"),
    ],
    ids=[
        "folder",
        "files",
        "tables",
        "small images",
        "prior",
        "setting",
        "points",
        "split",
    ],
)
def test_what_does_not_fit_ends_in_a_sentence(wrong, sentence, capsys, tmp_path):
    assert main(["fit", *wrong, *QUICK, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("python -m zoo fit: ")
    assert sentence in error


def test_a_setting_without_a_value_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["fit", "--set", "p"])
    assert "write --set NAME=VALUE, not --set p" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["fit"], ["compare"], ["reproduce", "bbb-mnist"]])
def test_a_device_that_is_not_there_gets_a_sentence(command, capsys):
    gone = ["gpu", *([] if torch.cuda.is_available() else ["cuda"])]
    for device in gone:
        with pytest.raises(SystemExit):
            main([*command, "--device", device])
        assert f"there is no device '{device}'" in capsys.readouterr().err


def test_an_experiment_without_its_data_says_where_they_are_looked_for(
    capsys, tmp_path
):
    out = tmp_path / "out"
    assert (
        main(["reproduce", "prune-ecg", "--path", str(tmp_path), "--out", str(out)])
        == 2
    )
    assert f"write --path FOLDER; now it is '{tmp_path}'" in capsys.readouterr().err
    assert list(out.iterdir()) == []  # the folder is tried before the work


def test_help_says_what_it_does(capsys):
    with pytest.raises(SystemExit) as end:
        main(["fit", "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for name in ("ResNet20", "NodeMixture", "NUTS", "fashion_mnist", "horseshoe"):
        assert name in text


def test_a_folder_keeps_the_draws(tmp_path, capsys):
    words = ["fit", "--data", "sinusoid", "--engine", "HMC", *QUICK]
    words += ["--set", "compile=plain", "--set", "num_steps=2"]
    words += ["--checkpoint", str(tmp_path / "run")]
    words += ["--out", str(tmp_path / "out")]
    assert main([*words, "--time-limit", "1:00:00"]) == 0
    assert "written: " in capsys.readouterr().out
    assert not (tmp_path / "out" / "posterior.safetensors").exists()
    assert json.loads((tmp_path / "run" / "progress.json").read_text())["of"] == 7

    words = ["fit", *QUICK, "--engine", "Laplace", "--time-limit", "1"]
    assert main([*words, "--out", str(tmp_path)]) == 2
    assert "--time-limit is not for Laplace" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 5400),
        ("1:30", 90),
        ("23:50:00", 85800),
        ("1-12", 129600),
        ("1-0:30", 88200),
    ],
)
def test_a_time_is_written_as_schedulers_do(text, seconds):
    assert duration(text) == seconds
    for wrong in ("", "1h", "0", "-5", "1:2:3:4"):
        with pytest.raises(argparse.ArgumentTypeError):
            duration(wrong)
