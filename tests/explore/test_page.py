"""The page: its data equal what Python computes, and it needs nothing but itself."""

import re
from configparser import ConfigParser
from pathlib import Path

import numpy as np
import pyro
import pytest
import torch
from explore.conftest import Bar, data_of, made

import guides
import zoo
from zoo import inference, references
from zoo.command import explore
from zoo.explore.fit_series import FitSeries
from zoo.explore.functions_view import SCORES, functions_view
from zoo.explore.packed import packed, scale_for, unpacked

ROOT = Path(__file__).parents[2]
STEPS = (2, 5)
LEVELS = (torch.arange(30, dtype=torch.float64) + 0.5) / 30


def fit_mean_field(model, train, lengths):
    for length in lengths:
        guide = guides.MeanField(model)
        engine = inference.SVI(model, guide, num_steps=length, progress=False)
        yield engine.fit(train)


@pytest.fixture(scope="module")
def truth():
    return references.load(references.sinusoid)


@pytest.fixture(scope="module")
def view(truth):
    method = FitSeries("mean field", "", "steps", STEPS, fit_mean_field)
    return functions_view({"as in the reference": truth}, [method], seed=3)


def test_a_packed_array_comes_back_to_half_a_unit():
    values = torch.randn(50, generator=torch.Generator().manual_seed(0)).double()
    scale = scale_for(float(values.abs().max()))
    error = unpacked(packed(values, scale), scale) - values.numpy()
    assert np.abs(error).max() <= 0.5 * scale * (1 + 1e-9)
    assert np.abs(error).max() > 0  # the check can tell
    assert unpacked(packed(torch.tensor([9e9]), scale), scale)[0] == 32767 * scale


def test_the_page_has_the_scores_and_the_draws_of_fidelity(truth, view):
    pyro.set_rng_seed(3)
    first, second = fit_mean_field(truth.model, truth.data.train, STEPS)
    for stop, posterior in zip(view["fits"][0][0], (first, second), strict=True):
        pyro.set_rng_seed(3)
        card = zoo.fidelity(posterior, truth)
        wanted = [card.scores[name] for name in SCORES]
        assert stop["scores"] == pytest.approx(wanted, abs=1e-6)
        assert stop["verdict"] == card.verdict

        scale = view["scale"]
        draws = card.ours.values[..., 0]
        quantiles = torch.quantile(draws, LEVELS, dim=0).numpy().ravel()
        shown = unpacked(stop["quantiles"], scale)
        largest = 32767 * scale
        assert np.abs(shown - quantiles.clip(-largest, largest)).max() < 0.51 * scale

    scores = [stop["scores"] for stop in view["fits"][0][0]]
    assert scores[0] != scores[1]  # another fit has other scores
    floor = [card.floor[name] for name in SCORES]
    assert view["priors"][0]["floor"] == pytest.approx(floor, abs=1e-6)


def test_the_truth_of_the_page_is_the_reference(truth, view):
    values = truth.posterior.functions.values.flatten(0, 1)[..., 0].double()
    quantiles = torch.quantile(values, LEVELS, dim=0).numpy().ravel()
    shown = unpacked(view["priors"][0]["quantiles"], view["scale"])
    assert np.abs(shown - quantiles).max() < 0.51 * view["scale"]
    assert view["levels"] == pytest.approx(LEVELS.tolist(), abs=1e-4)
    assert len(view["x"]) == len(truth.inputs)


def test_the_page_is_alone_and_small(page_text):
    assert len(page_text.encode()) < 1_500_000
    outside = re.findall(r"(?:src|href)\s*=\s*[\"'](?!data:)[^\"'#]", page_text)
    assert not outside
    assert "@import" not in page_text
    assert "fetch(" not in page_text


def test_a_seed_is_one_page(truth, view):
    method = FitSeries("mean field", "", "steps", STEPS, fit_mean_field)
    again = functions_view({"as in the reference": truth}, [method], seed=3)
    other = functions_view({"as in the reference": truth}, [method], seed=4)
    assert again == view
    assert other["fits"] != view["fits"]


def test_a_seed_is_of_the_first_values_of_networks_too(tmp_path, monkeypatch):
    def first_value(*_given):
        return torch.nn.Linear(1, 1).weight.item()

    for view in ("_functions", "_plane", "_pruning"):
        monkeypatch.setattr(explore, view, first_value)
    first, again, other = (
        data_of(made(tmp_path / "page.html", seed))["functions"] for seed in (3, 3, 4)
    )
    assert first == again
    assert first != other


def test_the_bar_ends_at_its_total(page_and_bar):
    _, bar = page_and_bar
    assert sum(bar.steps) == bar.total
    assert max(bar.steps) <= 2


def test_a_fit_is_counted_when_it_is_scored(truth):
    bar = Bar(None, "", True)
    seen = []

    def fit(model, train, lengths):
        for posterior in fit_mean_field(model, train, lengths):
            seen.append(len(bar.steps))
            yield posterior

    method = FitSeries("mean field", "", "steps", STEPS, fit)
    functions_view({"as in the reference": truth}, [method], progress=bar)
    assert seen == [0, 1]


def test_a_wheel_has_the_files_that_are_no_programs():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    packed_files = set()
    for package, patterns in setup["options.package_data"].items():
        folder = ROOT.joinpath(*package.split("."))
        for pattern in patterns.split(","):
            packed_files |= set(folder.glob(pattern.strip()))

    template = ROOT / "zoo" / "explore" / "template"
    assert set(template.iterdir()) <= packed_files
    for package in (ROOT / "zoo", ROOT / "guides"):
        files = {path for path in package.rglob("*.*") if path.is_file()}
        others = {path for path in files if path.suffix not in (".py", ".pyc")}
        assert others <= packed_files


def test_every_view_has_as_many_fits_as_stops(page_data):
    functions = page_data["functions"]
    assert len(functions["priors"]) == 2
    for method, fits in zip(functions["methods"], functions["fits"], strict=True):
        for stops in fits:
            assert len(stops) == len(method["lengths"])

    plane = page_data["plane"]
    entropy = unpacked(plane["fits"][0][0]["entropy"], plane["scale"])
    assert len(entropy) == plane["size"] ** 2
    assert 0 <= entropy.min() <= entropy.max() <= np.log(2) + 1e-4

    pruning = page_data["pruning"]
    for rule in pruning["rules"]:
        for stop in rule["stops"]:
            probs = unpacked(stop["probs"], pruning["scale"]).reshape(20, 10)
            assert np.abs(probs.sum(-1) - 1).max() < 1e-3
