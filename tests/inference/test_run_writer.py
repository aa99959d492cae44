"""The file of a run: tried before the work, owned by one process, and never worth the run."""

import dataclasses
import json
import os
import subprocess
import sys
import warnings

import cases
import pyro
import pyro.distributions as dist
import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.inference.mcmc.running.run import ChainRun
from zoo.inference.svi.trainer import Trainer
from zoo.posterior.damaged_file import DamagedFile
from zoo.posterior.storage import read_file, write_file
from zoo.runtime.files.lock import only_one

X, Y = torch.randn(6, 2), torch.randn(6, 1)


def build():
    torch.manual_seed(0)
    return zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[3]),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Gaussian(0.1),
    )


def fit(kind, checkpoint=None, seed=1):
    pyro.set_rng_seed(seed)
    model = build()
    options = {"compile": "plain", "progress": False, "checkpoint": checkpoint}
    if kind == "SVI":
        engine = inference.SVI(model, guides.MeanField(model), num_steps=6, **options)
        return engine.fit((X, Y), batch_size=2)

    engine = dataclasses.replace(
        cases.ENGINES[kind](model), warmup_steps=4, num_samples=8, **options
    )
    return engine.fit((X, Y))


def values(posterior):
    return posterior.tensors()


KINDS = cases.first(["SVI", *cases.SAMPLERS], ["SVI", *cases.KINDS])
ALL = pytest.mark.parametrize("kind", KINDS)
TWO = pytest.mark.parametrize("kind", ["SVI", "HMC"])


pytestmark = pytest.mark.filterwarnings("ignore:.*draws diverged")  # a handful of draws


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Write after every block and every epoch."""
    monkeypatch.setattr("zoo.inference.mcmc.running.blocks.BLOCK", 2)
    monkeypatch.setattr("zoo.inference.mcmc.running.checkpoint.SHARE", torch.inf)
    monkeypatch.setattr("zoo.inference.svi.checkpoint.SHARE", torch.inf)


def full_disk(monkeypatch, writes):
    """Let the first writes fail as on a full disk; return how many there were."""
    seen = []

    def save(tensors, name, metadata):
        seen.append(name)
        if len(seen) <= writes:
            with open(name, "wb") as half:
                half.write(b"half")
            raise SafetensorError("I/O error: No space left on device (os error 28)")
        save_file(tensors, name, metadata)

    monkeypatch.setattr("zoo.posterior.storage.save_file", save)
    return seen


@ALL
def test_a_disk_that_is_full_to_the_end_costs_nothing_but_the_file(
    kind, monkeypatch, tmp_path
):
    expected = values(fit(kind))
    seen = full_disk(monkeypatch, writes=10**9)
    sentence = (
        r"the checkpoint is not written: cannot write .*a.run \(No space left on device\); "
        "free some space, or give another path; the run goes on in memory"
    )
    with pytest.warns(UserWarning, match=sentence) as said:
        posterior = fit(kind, tmp_path / "a.run")
    about = [each for each in said if "checkpoint" in str(each.message)]
    assert len(about) == 1
    assert len(seen) > 1
    assert not posterior.info.stopped
    for name, value in expected.items():
        assert torch.equal(value, values(posterior)[name]), name
    assert list(tmp_path.iterdir()) == []


@TWO
def test_a_disk_with_space_again_gets_the_last_write(kind, monkeypatch, tmp_path):
    seen = full_disk(monkeypatch, writes=1)
    with pytest.warns(UserWarning, match="the checkpoint is not written"):
        posterior = fit(kind, tmp_path / "a.run")
    assert len(seen) > 1
    again = fit(kind, tmp_path / "a.run", seed=99)  # nothing is left to do
    for name, value in values(posterior).items():
        assert torch.equal(value, values(again)[name]), name


@TWO
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_device_is_not_replaced(kind):
    with pytest.warns(UserWarning, match=r"cannot write /dev/full \(No space left on"):
        fit(kind, "/dev/full")
    assert not os.path.isfile("/dev/full")


@TWO
def test_an_error_of_any_kind_in_a_write_is_not_worth_the_run(
    kind, monkeypatch, tmp_path
):
    def fail(*args, **options):
        raise MemoryError("no memory")

    monkeypatch.setattr("zoo.posterior.storage.save_file", fail)
    with pytest.warns(UserWarning, match="the checkpoint is not written: no memory"):
        assert not fit(kind, tmp_path / "a.run").info.stopped


# Before the work


def refuse_work(monkeypatch):
    """Fail if a step is taken or a draw is made."""

    def work(self, *args):
        raise AssertionError("the work has begun")

    monkeypatch.setattr(Trainer, "_take_steps", work)
    monkeypatch.setattr(ChainRun, "__init__", work)


@TWO
@pytest.mark.parametrize(
    ("path", "error", "sentence"),
    [
        (".", ValueError, "the checkpoint must be the path of a file, not ''"),
        ("folder", ValueError, "the checkpoint .*folder is a folder; give the path of"),
        ("none/a.run", FileNotFoundError, "there is no folder .*none for the checkpoi"),
        (
            "file/a.run",
            ValueError,
            "because .*file is a file and not a folder; give an",
        ),
        ("pipe", ValueError, "the checkpoint .*pipe is a pipe, a socket or a disk"),
        ("a" * 300, ValueError, r"cannot write the checkpoint .*\(File name too long"),
        (7, TypeError, "the checkpoint must be the path of a file, not 7"),
    ],
)
def test_a_path_is_tried_before_the_work(
    kind, path, error, sentence, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "other").write_text("an empty one would take draws")
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    refuse_work(monkeypatch)
    with pytest.raises(error, match=sentence):
        fit(kind, path)


@TWO
def test_a_checkpoint_in_use_is_told_before_the_work(kind, monkeypatch, tmp_path):
    path = tmp_path / "a.run"
    with only_one(path, "checkpoint"), monkeypatch.context() as patch:
        refuse_work(patch)
        with pytest.raises(ValueError, match=r"a.run is in use by .*; wait until it"):
            fit(kind, path)
    fit(kind, path)
    assert [each.name for each in tmp_path.iterdir()] == ["a.run"]


WRITER = """
import sys, torch
from pathlib import Path
from zoo.posterior.storage import write_file
print("begins", flush=True)
for number in range(100):
    write_file(Path(sys.argv[1]), {"a": torch.full((2000,), float(number))}, {"run": "{}"})
"""


def test_two_processes_that_write_one_file_do_not_tear_it(tmp_path):
    path = tmp_path / "a.run"
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "begins\n"
        for number in range(40):
            write_file(path, {"a": torch.full((2000,), -float(number))}, {"run": "{}"})
            _, tensors = read_file(path, "run")
            assert len(tensors["a"].unique()) == 1
    assert writer.returncode == 0
    assert [each.name for each in tmp_path.iterdir()] == ["a.run"]


def test_a_file_that_gets_shorter_between_two_openings_is_read_again(
    monkeypatch, tmp_path
):
    path = tmp_path / "a.run"
    write_file(path, {"a": torch.ones(2000)}, {"run": "{}"})
    opened = []

    def open_twice(name, framework):
        opened.append(name)
        if len(opened) == 1:
            write_file(path, {"a": torch.ones(2)}, {"run": "{}"})
            raise RuntimeError("size <634> is smaller than the required mapping size")
        return safe_open(name, framework)

    monkeypatch.setattr("zoo.posterior.storage.safe_open", open_twice)
    _, tensors = read_file(path, "run")
    assert tensors["a"].tolist() == [1.0, 1.0]
    assert len(opened) == 2


@pytest.mark.parametrize("device", ["attic", "cuda:7", "meta", ""])
def test_a_device_to_store_on_that_is_not_there(device):
    if device.startswith("cuda") and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(
        ValueError, match=rf"store_on must be a device that is there, not {device!r} \("
    ):
        inference.HMC(build(), store_on=device)


@TWO
def test_a_good_path_warns_of_nothing(kind, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(kind, str(tmp_path / "a.run"))
    assert [each.name for each in tmp_path.iterdir()] == ["a.run"]


# What a checkpoint claims


def edit(path, change, facts=None):
    """Change the tensors of a checkpoint, which are then those that were written."""
    header, tensors = read_file(path, "run")
    change(tensors)
    for name, value in (facts or {}).items():
        header["counters"][name] = value
    write_file(path, tensors, {"run": json.dumps(header)})


def nan(name):
    def change(tensors):
        tensors[name].flatten()[0] = torch.nan

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda tensors: tensors.pop("kept/1"),
            "tensor 1 of the run has shape None, not",
        ),
        (
            lambda tensors: tensors.update({"kept/0": torch.zeros(7)}),
            r"tensor 0 of the run has shape \(7,\), not",
        ),
        (nan("kept/0"), "parameter 0 holds NaN or infinite values"),
        (lambda tensors: tensors.pop("losses"), "lacks a part of such a run .KeyError"),
    ],
)
def test_a_checkpoint_of_svi_that_lacks_a_part(change, sentence, tmp_path):
    path = tmp_path / "a.run"
    fit("SVI", path)
    edit(path, change)
    with pytest.raises(
        DamagedFile,
        match=f"checkpoint .*a.run is damaged: .*{sentence}.*; delete it to",
    ):
        fit("SVI", path)


def keep(tensors):
    """Change nothing."""


@pytest.mark.parametrize(
    ("change", "counters", "sentence"),
    [
        (lambda tensors: tensors.pop("position"), {}, "lacks a part of such a run"),
        (nan("position"), {}, "the positions hold NaN or infinite values"),
        (nan("store/draw/layer1.bias"), {}, "draw/layer1.bias holds NaN or infinite"),
        (
            keep,
            {"seen": 10**9, "done": 10**9},
            "has shape .*, not .2, 1000000000. draws",
        ),
        (keep, {"thinning": 0}, "its counts are no counts"),
        (keep, {"seen": -3}, "its counts are no counts: 12 draws, -3 seen"),
        (keep, {"colour": 3}, "lacks a part of such a run .TypeError"),
    ],
)
def test_a_checkpoint_of_a_sampler_that_lacks_a_part(
    change, counters, sentence, tmp_path
):
    path = tmp_path / "a.run"
    fit("HMC", path)
    edit(path, change, counters)
    with pytest.raises(
        DamagedFile,
        match=f"checkpoint .*a.run is damaged: .*{sentence}.*; delete it to",
    ):
        fit("HMC", path)


@TWO
def test_a_flipped_bit_in_a_checkpoint_is_found(kind, tmp_path):
    path = tmp_path / "a.run"
    fit(kind, path)
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        DamagedFile,
        match=r"checkpoint .*a.run is damaged: the checksum of .*; delete it",
    ):
        fit(kind, path)
