"""A hub in a folder: what is pushed comes back, and what is not its own is refused."""

import json
import sys
import types
import warnings

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import datasets, hub, inference, likelihoods, networks, priors
from zoo.hub.allowed import allowed
from zoo.hub.hugging_face import is_repository
from zoo.hub.index import check_name
from zoo.hub.rebuilding import rebuilt
from zoo.hub.recipe import build_guide

FILES = {"README.md", "build.json", "calibration.png", "posterior.safetensors"}
NOTICE = "Copyright of the weights, which stays with the file."
SHORT = {"num_steps": 5, "progress": False}


def fitted(network=None, guide=guides.MeanField, output=None):
    data = datasets.uci("yacht")
    network = network or networks.MLP(6, 1, hidden=[4])
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(
        network, prior, likelihoods.Gaussian(0.3), output=output
    )
    posterior = inference.SVI(model, guide(model), **SHORT).fit(data.train)

    return posterior, data


@pytest.fixture(scope="module")
def pushed(tmp_path_factory):
    """Push one posterior into a folder that several tests read."""
    pyro.set_rng_seed(0)
    posterior, data = fitted()
    folder = tmp_path_factory.mktemp("hub")
    told = {"seed": 3, "batch_size": 9, "notice": NOTICE}
    hub.push(posterior, "yacht", path=folder, data=data, num_samples=20, **told)

    return posterior, data, folder


@pytest.fixture
def copied(pushed, tmp_path):
    """Copy the folder for a test that changes it."""
    _, _, folder = pushed
    for file in folder.rglob("*"):
        target = tmp_path / file.relative_to(folder)
        if file.is_file():
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(file.read_bytes())

    return tmp_path


def change(folder, file, change_text):
    """Change a JSON file of the entry, and the index with it."""
    path = folder / "yacht" / file
    text = json.loads(path.read_text())
    change_text(text)
    path.write_text(json.dumps(text))
    index = json.loads((folder / "index.json").read_text())
    from zoo.hub.index import fact_of

    fact = fact_of(path)
    index["files"][f"yacht/{file}"] = {"bytes": fact.size, "sha256": fact.sha256}
    (folder / "index.json").write_text(json.dumps(index))


def same_prediction(first, second, x):
    draws = []
    for posterior in (first, second):
        pyro.set_rng_seed(1)
        draws.append(posterior.predict(x, 5).mean)

    return torch.equal(*draws)


def test_a_posterior_comes_back_without_model_and_guide(pushed):
    posterior, data, folder = pushed
    assert hub.list(folder) == ["yacht"]
    assert {file.name for file in (folder / "yacht").iterdir()} == FILES

    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    again = hub.load("yacht", path=folder)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert same_prediction(posterior, again, data.test.x)


def test_the_card_says_what_there_is_to_know(pushed):
    posterior, data, folder = pushed
    card = hub.card("yacht", path=folder)
    assert card.startswith("---\nlicense: ")
    for part in (
        "networks.MLP(num_inputs=6, num_outputs=1, hidden=[4], activation=nn.Tanh)",
        "WeightPrior(Normal(0, 1))",
        "Gaussian(scale=0.3)",
        "guides.MeanField(init_scale=0.05, max_scale=None)",
        "CC BY 4.0",
        "| seed | 3 |",
        "| command | not stated |",
        "rmse",
        "coverage 90 %",
        "The scores are means",
        "nats per datum in 5 steps",
        zoo.__version__,
    ):
        assert part in card, part

    head = dict(
        line.split(": ", 1) for line in card.split("---")[1].strip().split("\n")
    )
    results = json.loads(head["model-index"])[0]["results"][0]
    value = results["metrics"][0]["value"]
    assert results["metrics"][0]["type"] == "rmse"
    stored = json.loads((folder / "yacht" / "build.json").read_text())["scores"]["rmse"]
    assert value == pytest.approx(stored["value"], rel=1e-4)

    mean = data.in_original_units(posterior.predict(data.test.x, 200)).mean
    errors = mean - data.in_original_units(data.test.y)
    rmse = float(errors.square().mean().sqrt())
    assert value == pytest.approx(rmse, abs=0.3 * rmse)
    assert 0 < stored["error"] < value


def test_the_card_has_a_licence_that_goes_with_the_file(pushed):
    _, _, folder = pushed
    card = hub.card("yacht", path=folder)
    assert f"## Licence of what it began with\n\n{NOTICE}" in card
    assert "| cost | 5 steps of 9 data, less than a minute |" in card


@pytest.mark.parametrize("case", ["own network", "lambda"])
def test_what_cannot_be_described_is_pushed_and_asked_for(tmp_path, case):
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 1)

        def forward(self, x):
            return self.layer(x)

    network = Own() if case == "own network" else None
    output = None if case == "own network" else (lambda o: o)
    posterior, data = fitted(network, output=output)
    with pytest.warns(UserWarning, match="own cannot be loaded by its name alone"):
        hub.push(posterior, "own", path=tmp_path)

    with pytest.raises(ValueError, match=r"does not describe its model .*model=\.\.\."):
        hub.load("own", path=tmp_path)

    again = hub.load("own", path=tmp_path, model=posterior.model)
    assert same_prediction(posterior, again, data.test.x)
    assert "no scores" in hub.card("own", path=tmp_path)


def test_a_guide_of_ones_own_is_asked_for(tmp_path):
    class Narrow(guides.MeanField):
        pass

    posterior, _ = fitted(guide=Narrow)
    with pytest.warns(UserWarning, match="narrow cannot be loaded by its name alone"):
        hub.push(posterior, "narrow", path=tmp_path)

    with pytest.raises(ValueError, match=r"does not describe its guide .*Narrow"):
        hub.load("narrow", path=tmp_path)

    hub.load(
        "narrow", path=tmp_path, model=posterior.model, guide=Narrow(posterior.model)
    )


def test_a_network_that_was_changed_after_it_was_made_is_not_described(tmp_path):
    network = networks.MLP(6, 1, hidden=[4])
    network.activation1 = nn.ReLU()
    posterior, _ = fitted(network)
    with pytest.warns(UserWarning, match="changed cannot be loaded by its name alone"):
        hub.push(posterior, "changed", path=tmp_path)

    with pytest.raises(ValueError, match="its description makes another one"):
        hub.load("changed", path=tmp_path)


def test_frozen_weights_come_from_the_file(tmp_path):
    data = datasets.uci("yacht")
    rule = priors.last_layer(dist.Normal(0.0, 1.0), otherwise=priors.Frozen())
    network = networks.MLP(6, 1, hidden=[4]).double()
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(rule), likelihoods.Gaussian(0.3)
    )
    train = data.train.x.double(), data.train.y.double()
    posterior = inference.SVI(model, guides.MeanField(model), **SHORT).fit(train)
    hub.push(posterior, "frozen", path=tmp_path)

    again = hub.load("frozen", path=tmp_path)
    first = again.model.network.layer1.weight
    assert torch.equal(first, network.layer1.weight)
    assert first.dtype == torch.float64


def test_draws_of_a_sampler_come_back(tmp_path):
    posterior, data = fitted()
    engine = inference.NUTS(
        posterior.model,
        num_chains=2,
        warmup_steps=3,
        num_samples=4,
        max_tree_depth=1,
        compile=False,
        progress=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the chains are too short to agree
        draws = engine.fit(data.train)
    hub.push(draws, "draws", path=tmp_path, data=data, engine=engine)
    again = hub.load("draws", path=tmp_path)
    assert torch.equal(again.draws["layer1.weight"], draws.draws["layer1.weight"])
    card = hub.card("draws", path=tmp_path)
    assert "NUTS(num_chains=2, " in card
    assert "max_tree_depth=1" in card
    assert "R-hat" in card


def test_a_second_push_takes_the_place_of_the_first(copied):
    posterior, _ = fitted()
    hub.push(posterior, "yacht", path=copied)  # without data, so without a picture
    hub.push(posterior, "another", path=copied)
    assert hub.list(copied) == ["another", "yacht"]
    assert {file.name for file in (copied / "yacht").iterdir()} == FILES - {
        "calibration.png"
    }
    hub.load("yacht", path=copied)


# What a file may not do


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "builtins.eval",
        "builtins.exec",
        "zoo.command.fit.run",
        "zoo.load",
        "zoo.hub.push",
        "torch.load",
        "torch.nn.os",
        "torch.nn.functional.relu",
        "torch.nn.Parameter",
        "torch.nn.modules.os.system",
        "torch.nn.__builtins__",
        "guides.__loader__",
        "guides.mixture_entropy",
        "guides.mixture_entropy.math",
        "guides.mixture_entropy.Tensor",
        "zoo.networks._MLP",
        "zoo.networks.missing",
        "zoo.networks.MLP.__init__",
        "zoo.priors.by_name.__globals__",
        "pyro.distributions.torch",
        "pyro.infer.reparam.os",
        "MLP",
        "",
        ".MLP",
        None,
        7,
    ],
)
def test_no_other_name_is_built(name):
    with pytest.raises(ValueError, match="may not be built from a file"):
        allowed(name)
    with pytest.raises(ValueError, match="may not be built from a file"):
        rebuilt({"make": name, "arguments": {}})
    with pytest.raises(ValueError, match="may not be built from a file"):
        rebuilt({"partial": name, "first": [], "arguments": {}})
    with pytest.raises(ValueError, match="may not be built from a file"):
        rebuilt([{"mapping": [["x", {"name": name}]]}])


def test_public_names_are_built():
    assert allowed("zoo.networks.MLP") is networks.MLP
    assert allowed("torch.nn.Tanh") is nn.Tanh
    assert allowed("pyro.distributions.Normal") is dist.Normal
    assert allowed("zoo.priors.by_name") is priors.by_name


@pytest.mark.parametrize(
    "text",
    [
        {"make": "torch.nn.Tanh"},
        {"make": "torch.nn.Tanh", "arguments": ["x"]},
        {"make": "torch.nn.Linear", "arguments": {"in_features": 2}},
        {"make": "torch.nn.Linear", "layers": [["0", {"name": "torch.nn.Tanh"}]]},
        {"dtype": "__class__"},
        {"tensor": [1.0], "shape": [1], "dtype": "load"},
        {"tensor": [1.0]},
        {"tensor": [[1.0], []], "shape": [2], "dtype": "float32"},
        {"full": 1.0, "shape": "x", "dtype": "float32"},
        {"mapping": [1, 2]},
        {"mapping": [[[], 2]]},
        {"partial": "torch.nn.Tanh"},
        {"make": "torch.nn.Sequential", "layers": 3},
        {"unknown": 1},
        {"make": "zoo.networks.MLP", "arguments": {"num_inputs": 2, "num_outputs": -1}},
    ],
    ids=str,
)
def test_other_json_is_refused_in_a_sentence(text):
    with pytest.raises(ValueError, match="file"):
        rebuilt(text)


def test_deep_json_is_refused():
    text = []
    for _ in range(200):
        text = [text]
    with pytest.raises(ValueError, match="nests more than"):
        rebuilt(text)


def test_a_network_is_no_guide():
    with pytest.raises(ValueError, match="in the place of a guide"):
        build_guide({"make": "zoo.networks.MLP", "arguments": {}}, None)
    with pytest.raises(ValueError, match="in the place of a guide"):
        build_guide(
            {"make": "guides.mixture_entropy.MonteCarlo", "arguments": {}}, None
        )


@pytest.mark.parametrize(
    "name",
    [
        "../yacht",
        "/etc/passwd",
        "a/b/c",
        "..",
        ".",
        "",
        ".hidden",
        "a\\b",
        "a..b",
        "a\n",
        "C:x",
        7,
    ],
)
def test_the_name_of_an_entry_leaves_no_folder(pushed, name):
    _, _, folder = pushed
    with pytest.raises(ValueError, match="is no name of an entry"):
        check_name(name)
    with pytest.raises(ValueError, match="is no name of an entry"):
        hub.load(name, path=folder)
    assert not (isinstance(name, str) and is_repository(name))


@pytest.mark.parametrize(
    "file", ["../outside", "yacht/../../outside", "/etc/passwd", "a/b/c"]
)
def test_an_index_that_leaves_its_folder_is_refused(copied, file):
    index = json.loads((copied / "index.json").read_text())
    index["files"][file] = index["files"]["yacht/README.md"]
    (copied / "index.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match="do not use this hub"):
        hub.list(copied)


def test_a_changed_file_is_refused_with_what_differs(copied):
    file = copied / "yacht" / "posterior.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"posterior.safetensors has sha256 .*, not "):
        hub.load("yacht", path=copied)

    file.write_bytes(content[:-1])
    with pytest.raises(ValueError, match=r"has \d+ bytes, not \d+"):
        hub.load("yacht", path=copied)

    file.unlink()
    with pytest.raises(ValueError, match=r"posterior.safetensors is missing"):
        hub.load("yacht", path=copied)
    assert hub.card("yacht", path=copied)  # which is still its own


@pytest.mark.parametrize(
    "text", ["", "[]", '{"format": 1}', '{"format": "zoo.hub/1", "files": {"a": 1}}']
)
def test_a_damaged_index_is_refused(copied, text):
    (copied / "index.json").write_text(text)
    with pytest.raises(ValueError, match="is damaged"):
        hub.list(copied)


def test_a_recipe_of_another_class_is_refused(copied):
    def attack(recipe):
        recipe["model"]["network"] = {
            "make": "os.system",
            "arguments": {"command": "true"},
        }

    change(copied, "build.json", attack)
    with pytest.raises(ValueError, match=r"'os\.system', which may not be built"):
        hub.load("yacht", path=copied)


def test_a_recipe_of_another_size_is_refused(copied):
    def widen(recipe):
        recipe["model"]["network"]["arguments"]["hidden"] = [5]

    change(copied, "build.json", widen)
    with pytest.raises(ValueError, match="holds the posterior of another model"):
        hub.load("yacht", path=copied)


def test_an_unknown_entry_names_the_nearest(pushed):
    _, _, folder = pushed
    with pytest.raises(ValueError, match=r"there is no entry 'yachd'.*yacht"):
        hub.load("yachd", path=folder)
    with pytest.raises(FileNotFoundError, match="is no hub"):
        hub.list(folder / "yacht")


def test_a_push_needs_a_place(pushed):
    posterior, _, _ = pushed
    with pytest.raises(ValueError, match="needs a place"):
        hub.push(posterior, "yacht")


# Hugging Face


def fake_library(repositories):
    """Stand in for huggingface_hub: repositories are folders."""

    def snapshot_download(repo_id, revision=None, allow_patterns=None):
        assert "*.py" not in allow_patterns
        return str(repositories / repo_id)

    class HfApi:
        def create_repo(self, repo_id, private, exist_ok):
            (repositories / repo_id).mkdir(parents=True, exist_ok=exist_ok)

        def upload_folder(self, repo_id, folder_path, allow_patterns, commit_message):
            from pathlib import Path

            for file in Path(folder_path).iterdir():
                (repositories / repo_id / file.name).write_bytes(file.read_bytes())
            return f"https://huggingface.co/{repo_id}/commit/1"

    library = types.ModuleType("huggingface_hub")
    library.snapshot_download, library.HfApi = snapshot_download, HfApi
    return library


def test_a_repository_holds_one_entry(pushed, tmp_path, monkeypatch):
    posterior, data, _ = pushed
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake_library(tmp_path))
    address = hub.push(posterior, "me/yacht", data=data, num_samples=10)
    assert address.startswith("https://huggingface.co/me/yacht")
    assert {file.name for file in (tmp_path / "me" / "yacht").iterdir()} == FILES | {
        "index.json"
    }

    again = hub.load("me/yacht")
    assert same_prediction(posterior, again, data.test.x)
    assert "# me/yacht" in hub.card("me/yacht")

    (tmp_path / "me" / "yacht" / "build.json").write_text("{}")
    with pytest.raises(ValueError, match=r"build\.json has \d+ bytes"):
        hub.load("me/yacht")


def test_without_the_library_the_error_names_the_extra(pushed, monkeypatch):
    posterior, _, _ = pushed
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"pip install 'bnn-zoo\[hub\]'"):
        hub.load("me/yacht")
    with pytest.raises(ImportError, match=r"pip install 'bnn-zoo\[hub\]'"):
        hub.push(posterior, "me/yacht")
