"""Results of a run that are no posteriors: computed once, and read by a run that starts again."""

import math
import time

import pyro.distributions as dist
import pytest
import torch

import guides
import zoo
from zoo import inference, likelihoods, priors
from zoo.experiments import Experiment, Run, read

WEIGHTS = {
    "layer.weight": torch.arange(6.0).reshape(2, 3),
    "layer.bias": torch.zeros(2),
}


def make():
    start = time.process_time()
    while time.process_time() - start < 0.06:
        pass

    return {
        "grid": torch.randn(3, 4, dtype=torch.float64),
        "ends": [WEIGHTS, WEIGHTS],
        "barrier": 0.25,
        "beyond": math.inf,
        "kind": "bezier",
        "nothing": None,
    }


def run_of(work, folder, **options):
    experiment = Experiment("mine", "Does it work?", "A paper (2020)", 1.0, work)
    return Run(experiment, out=folder, **options)


def equal(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other) and one.dtype == other.dtype
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return all(map(equal, one, other))
    return one == other


def start(folder, make=make, points=61, **options):
    """Run an experiment of one kept result; return the result and the numbers drawn after it."""
    found = []

    def work(run):
        torch.manual_seed(3)
        found.append(run.keep("a curve", make, ends=[WEIGHTS], points=points))
        found.append(torch.randn(4))

    run_of(work, folder, **options).run()
    return found


def test_a_result_is_computed_once(tmp_path):
    values, after = start(tmp_path)
    known, after_known = start(tmp_path, make=None)
    assert equal(values, known)
    assert known["grid"].dtype == torch.float64
    assert torch.equal(known["ends"][1]["layer.weight"], WEIGHTS["layer.weight"])
    assert torch.equal(after, after_known)  # what comes later does not depend on it


def test_its_random_numbers_are_those_of_the_seed_of_the_run(tmp_path):
    first, other = (start(tmp_path / name)[0]["grid"] for name in "ab")
    assert torch.equal(first, other)
    assert not torch.equal(first, start(tmp_path / "c", seed=1)[0]["grid"])


def test_its_seconds_are_counted_once_and_kept(tmp_path):
    for computation in (make, None):
        start(tmp_path, computation)
        result = read(tmp_path / "mine.json")
        assert result.kept["a curve"] >= 0.1
        assert result.settings["seconds of processor"] == result.kept["a curve"]


def test_a_result_of_another_computation_is_refused(tmp_path):
    start(tmp_path)
    with pytest.raises(
        ValueError,
        match=r"a_curve.kept is of another computation: .*points \(then 61, now",
    ):
        start(tmp_path, points=11)


def test_a_result_of_a_posterior_that_was_read_again_is_the_same(tmp_path):
    network = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())
    data = torch.randn(8, 2), torch.randint(3, (8,))

    def fit(lr):
        guide = guides.Delta(model)
        return inference.SVI(model, guide, num_steps=1, lr=lr, progress=False).fit(data)

    first = fit(0.1)
    first.save(tmp_path / "fit.safetensors")
    again = zoo.load(tmp_path / "fit.safetensors", model, guides.Delta(model))
    for posterior, compute in ((first, make), (again, None)):
        run = run_of(lambda run: None, tmp_path)
        assert run.keep("a grid", compute, fit=posterior)["barrier"] == 0.25
    with pytest.raises(ValueError, match="of another computation: they differ in fit"):
        run.keep("a grid", make, fit=fit(0.2))


@pytest.mark.parametrize("content", [b"", b"half"])
def test_a_torn_result_is_computed_again(tmp_path, content):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a_curve.kept").write_bytes(content)
    with pytest.warns(UserWarning, match=r"a_curve.kept is damaged .*computed again"):
        values, _ = start(tmp_path)
    assert values["barrier"] == 0.25


def test_an_interrupted_result_is_not_kept(tmp_path):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(tmp_path, interrupted)
    values, _ = start(tmp_path)
    assert values["kind"] == "bezier"


def test_values_of_another_kind_get_a_sentence(tmp_path):
    with pytest.raises(TypeError, match=r"a kept result has tensors, .* not Generator"):
        start(tmp_path, lambda: {"random": torch.Generator()})
