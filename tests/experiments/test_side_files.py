"""The small files of a run: a damaged one is set aside, and one that fails costs nothing else."""

import json
from functools import partial

import pyro.distributions as dist
import pytest
import torch

import guides
import zoo
from zoo import datasets, likelihoods, networks, priors
from zoo.experiments import Experiment, Run, read
from zoo.experiments.running.method import Method
from zoo.experiments.running.scores import Cases
from zoo.experiments.running.seeded_fits import SeededFits
from zoo.experiments.running.training import Training
from zoo.inference import SVI
from zoo.inference.svi.trainer import Trainer
from zoo.runtime.files.lock import only_one

TORN = ["", "{", '{"plan": ', "[1, 2]", "\x00\x00"]


def build():
    network = networks.MLP(2, 2, hidden=[3])
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihoods.Categorical()
    )
    return model, guides.MeanField(model)


@pytest.fixture(scope="module")
def moons():
    return datasets.toy.moons(num_data=40)


def fit(path, moons):
    method = Method(2, rates=(1e-2,), batch_size=20, min_epochs=0.1)
    training = Training(method, 60.0, progress=False)
    return training.fit(build, moons.train, moons.test, path)


def experiment(run=lambda run: None):
    return Experiment("mine", "Does it work?", "A paper (Someone, 2020)", 1.0, run)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_torn_plan_is_made_again(tmp_path, moons):
    path = tmp_path / "a.safetensors"
    path.with_suffix(".json").write_text("")
    with pytest.warns(
        UserWarning, match=r"a.json is damaged .*; it is now called a.js"
    ):
        _, facts = fit(path, moons)
    assert facts["plan"]["steps"] > 0
    assert names(tmp_path) == ["a.json", "a.json.torn", "a.safetensors"]
    written = json.loads(path.with_suffix(".json").read_text())
    assert written["plan"] == facts["plan"]


def test_a_fit_is_kept_when_its_plan_is_torn(tmp_path, moons):
    path = tmp_path / "a.safetensors"
    posterior, _ = fit(path, moons)
    path.with_suffix(".json").write_text('{"plan": 3}')
    with pytest.warns(UserWarning, match=r"a.json is damaged \(it has no plan"):
        again, facts = fit(path, moons)
    for name, value in posterior.tensors().items():
        assert torch.equal(value, again.tensors()[name]), name
    assert facts["num_steps"] == posterior.info.num_steps


@pytest.mark.parametrize("suffix", ["safetensors", "run"])
def test_a_torn_fit_or_checkpoint_is_made_again(tmp_path, moons, suffix):
    path = tmp_path / "a.safetensors"
    path.with_suffix(f".{suffix}").write_bytes(b"half")
    with pytest.warns(UserWarning, match=rf"a.{suffix} is damaged .*computed again"):
        posterior, _ = fit(path, moons)
    assert posterior.info.num_steps > 0
    assert f"a.{suffix}.torn" in names(tmp_path)
    assert path.is_file()


@pytest.mark.parametrize("torn", TORN)
def test_torn_settings_are_written_anew(tmp_path, torn):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "settings.json").write_text(torn)
    with pytest.warns(UserWarning, match=r"settings.json is damaged .*set"):
        Run(experiment(), out=tmp_path).run()
    assert names(tmp_path / "mine") == ["settings.json.torn"]


def test_fits_of_torn_settings_are_of_nobody_knows_what(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "settings.json").write_text("")
    (tmp_path / "mine" / "a.safetensors").write_text("a fit")
    with (
        pytest.warns(UserWarning, match="settings.json is damaged"),
        pytest.raises(ValueError, match="their settings are not known; write another"),
    ):
        Run(experiment(), out=tmp_path).run()


def test_a_torn_result_gets_a_sentence(tmp_path):
    (tmp_path / "mine.json").write_text("{")
    with pytest.raises(
        ValueError, match=r"mine.json is damaged .*run the experiment a"
    ):
        read(tmp_path / "mine.json")


def score(run):
    run.scores.add("a prediction", lambda: None, None)


@pytest.mark.parametrize("content", [b"", b"half", None])
def test_torn_scores_are_computed_again(tmp_path, monkeypatch, content):
    fresh = Cases(torch.ones(5), torch.ones(5), torch.ones(5))
    monkeypatch.setattr(Cases, "of", lambda *_: fresh)
    (tmp_path / "mine").mkdir()
    path = tmp_path / "mine" / "a_prediction.cases"
    if content is None:
        Cases(torch.ones(5), torch.ones(4), torch.ones(5)).write(path)
    else:
        path.write_bytes(content)

    run = Run(experiment(score), out=tmp_path)
    with pytest.warns(UserWarning, match=r"a_prediction.cases is damaged"):
        run.run()
    assert run.scores["a prediction"]["error %"].value == 1.0
    assert torch.equal(Cases.read(path).nll, torch.ones(5))


def test_a_full_disk_costs_an_experiment_its_files_and_nothing_else(
    tmp_path, monkeypatch
):
    def find(run):
        monkeypatch.setattr("zoo.runtime.files.atomic.os.replace", full)
        run.report.find("a number", 1.0)
        run.report.find("another", 2.0)
        run.scores.add("a prediction", lambda: None, None)
        monkeypatch.undo()

    def full(*_):
        raise OSError(28, "No space left on device")

    fresh = Cases(torch.ones(5), torch.ones(5), torch.ones(5))
    monkeypatch.setattr(Cases, "of", lambda *_: fresh)
    with pytest.warns(UserWarning, match="goes on without the file") as said:
        result = Run(experiment(find), out=tmp_path).run()
    about = [each for each in said if "mine.json" in str(each.message)]
    assert len(about) == 1  # once, although every finding is written
    assert len(result.findings) == 2
    assert "a prediction" in result.scores
    assert len(read(tmp_path / "mine.json").findings) == 2  # at the end it was written


def test_an_interrupted_fit_is_not_kept_as_a_whole_one(tmp_path, moons, monkeypatch):
    path = tmp_path / "a.safetensors"
    step, count = Trainer._step, [0]

    def interrupt(self, *batch):
        count[0] += self.options.num_steps == 4  # the fit itself: two epochs of two
        if count[0] == 3 and self.options.num_steps == 4:
            raise KeyboardInterrupt
        return step(self, *batch)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fit(path, moons)
    assert not path.exists()
    posterior, _ = fit(path, moons)
    assert posterior.info.num_steps == 4
    assert not posterior.info.stopped


def test_an_error_in_a_fit_comes_out(moons):
    class Broken(torch.optim.Adam):
        def step(self, closure=None):
            if len(self.state) and next(iter(self.state.values()))["step"] > 1:
                raise LookupError("no")
            return super().step(closure)

    method = Method(1, partial(SVI, optimizer=Broken), batch_size=20)
    fits = SeededFits(build, moons.train, method, seed=0, progress=False)
    with (
        pytest.warns(UserWarning, match="the run ends"),
        pytest.raises(LookupError, match="no"),
    ):
        fits.run(1e-2, 8)


def test_two_runs_of_one_experiment(tmp_path):
    sentence = r"the folder .*mine is in use by .*wait"
    with (
        only_one(tmp_path / "mine", "folder"),
        pytest.raises(ValueError, match=sentence),
    ):
        Run(experiment(), out=tmp_path).run()
    Run(experiment(), out=tmp_path).run()
    assert names(tmp_path) == ["mine.json"]


def test_an_out_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match=r"out must be a folder, but .*file is a file"):
        Run(experiment(), out=tmp_path / "file").run()
