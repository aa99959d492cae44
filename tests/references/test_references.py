"""Reference posteriors: sound problems, shipped files with evidence, wrong files refused."""

import copy
import dataclasses

import pyro.distributions as dist
import pytest
import torch

import zoo
from zoo import priors, references
from zoo.command.choices import REFERENCES
from zoo.references.evidence import (
    BETWEEN,
    bfmi,
    convergence_evidence,
    is_converged,
)
from zoo.references.problem import inputs_away_from
from zoo.references.reference import FOLDER

SHIPPED = [name for name in REFERENCES if (FOLDER / f"{name}.safetensors").exists()]


@pytest.mark.parametrize("name", REFERENCES)
def test_a_problem_is_sound(name):
    problem = REFERENCES[name]()
    again = REFERENCES[name]()
    assert problem.name == name
    assert problem.fingerprint() == again.fingerprint()
    assert len(problem.runs) == 2
    assert problem.away.shape == (len(problem.inputs),)
    assert 0 < int(problem.away.sum()) < len(problem.inputs)
    if problem.targets is not None:
        number = len(problem.targets)
        assert torch.equal(problem.inputs[:number], problem.data.test.x[:number])
    assert problem.model(problem.inputs).shape[0] == len(problem.inputs)


def test_another_prior_is_another_problem():
    problem = references.linear()
    wider = zoo.BayesianNetwork(
        problem.model.network,
        priors.WeightPrior(dist.Normal(0.0, 2.0)),
        problem.model.likelihood,
    )
    changed = dataclasses.replace(problem, model=wider)
    assert changed.fingerprint() != problem.fingerprint()


def test_another_noise_or_activation_is_another_problem():
    problem = references.sinusoid()
    model = problem.model
    noisier = zoo.BayesianNetwork(
        model.network, model.prior, zoo.likelihoods.Gaussian(2.0)
    )
    other = copy.deepcopy(model.network)
    for name, _ in list(other.named_children()):
        if name.startswith("activation"):
            setattr(other, name, torch.nn.ReLU())
    bent = zoo.BayesianNetwork(other, model.prior, model.likelihood)
    for changed in (noisier, bent):
        replaced = dataclasses.replace(problem, model=changed)
        assert replaced.fingerprint() != problem.fingerprint()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_file_has_the_evidence(name):
    reference = references.load(name)
    assert is_converged(reference.evidence)
    assert [row["run"] for row in reference.evidence] == [*reference.runs, BETWEEN]
    values = reference.posterior.predict(reference.inputs).functions
    assert values.shape[:2] == (reference.posterior.num_samples, len(reference.inputs))
    assert bool(torch.isfinite(values).all())
    for site, prior in reference.model.latents.items():
        assert reference.weights[site].shape[1:] == prior.shape()


def test_shipped_files_are_small():
    assert sum(path.stat().st_size for path in FOLDER.glob("*.safetensors")) < 14e6


@pytest.fixture(scope="module")
def linear():
    return references.load(references.linear)


@pytest.mark.parametrize(
    "problem",
    ["linear", references.linear, references.linear()],
    ids=["name", "function", "problem"],
)
def test_a_reference_is_loaded_by_name_function_or_problem(problem, linear):
    reference = references.load(problem)
    assert reference.name == "linear"
    assert reference.evidence == linear.evidence


@pytest.mark.parametrize("name", ["digits-mlp", "digits_mlp"])
def test_a_name_is_that_of_the_file_or_that_of_the_function(name):
    assert references.load(name).name == "digits-mlp"


def test_a_reference_that_was_ended_is_continued(tmp_path):
    """The runs are taken up from their checkpoints, each seed from its own."""
    whole = references.linear()
    short = {"warmup_steps": 4, "num_samples": 8, "init": "prior", "compile": "plain"}
    nuts = dataclasses.replace(whole.runs["NUTS"], progress=False, **short)
    problem = dataclasses.replace(whole, runs={**whole.runs, "NUTS": nuts})

    def make(**options):
        return references.make(problem, report=lambda text: None, **options)

    alone = make()
    first = make(folder=tmp_path)
    file = tmp_path / "linear.NUTS.seed-0.run"
    written = file.stat().st_mtime_ns
    again = make(folder=tmp_path)
    assert file.stat().st_mtime_ns == written
    for each in (first, again):
        for site, value in alone.weights.items():
            assert torch.equal(each.weights[site], value)

    make(seed=1, folder=tmp_path)
    assert (tmp_path / "linear.NUTS.seed-1.run").exists()
    noisier = zoo.BayesianNetwork(
        problem.model.network, problem.model.prior, zoo.likelihoods.Gaussian(2.0)
    )
    other = dataclasses.replace(nuts, model=noisier)
    problem = dataclasses.replace(problem, runs={**whole.runs, "NUTS": other})
    with pytest.raises(
        ValueError, match=r"differ in likelihood \(then Gaussian\(scale=0.5"
    ):
        make(folder=tmp_path)


def test_an_unknown_name_gets_the_known_ones():
    expected = f"there is no reference 'sinus'; write one of: {', '.join(REFERENCES)}$"
    with pytest.raises(ValueError, match=expected):
        references.load("sinus")


def test_a_damaged_file_is_refused(linear, tmp_path):
    path = linear.save(tmp_path / "linear.safetensors")
    assert references.load(references.linear, path).evidence == linear.evidence
    whole = path.read_bytes()
    path.write_bytes(whole[:-4] + bytes(4))
    with pytest.raises(
        ValueError, match=r"is damaged: the checksum of tensor .weights"
    ):
        references.load(references.linear, path)
    path.write_bytes(whole[:1000])
    with pytest.raises(ValueError, match=r"linear\.safetensors.*damaged"):
        references.load(references.linear, path)


def test_another_version_and_another_problem_are_refused(linear, tmp_path):
    path = linear.save(tmp_path / "linear.safetensors")
    later = dataclasses.replace(references.linear(), version=2)
    expected = (
        r"of version 1 \(.*\), but the problem 'linear' is of version 2 \(.*\); "
        r"make the file again with `python -m zoo reference linear`"
    )
    with pytest.raises(ValueError, match=expected):
        references.load(later, path)
    with pytest.raises(ValueError, match="holds 'linear', not the reference 'cubic'"):
        references.load(references.cubic, path)
    with pytest.raises(FileNotFoundError, match="python -m zoo reference cubic --out"):
        references.load(references.cubic, tmp_path / "cubic.safetensors")


def test_runs_that_differ_have_not_converged():
    posterior = references.load(references.linear).posterior
    posteriors = {"one": posterior, "other": posterior}
    random = torch.Generator().manual_seed(0)
    one = torch.randn(4, 300, 5, 1, generator=random)
    shifted = torch.randn(4, 300, 5, 1, generator=random) + 0.4
    other = torch.randn(4, 300, 5, 1, generator=random)

    rows = convergence_evidence({"one": one, "other": other}, posteriors)
    assert is_converged(rows)

    rows = convergence_evidence({"one": one, "other": shifted}, posteriors)
    assert not is_converged(rows)
    assert is_converged(rows[:2])  # each run alone: only the last row shows it


def test_an_undefined_rhat_is_no_convergence():
    row = {"R-hat 99 %": 1.0, "R-hat": 1.0}
    assert is_converged([row])
    assert not is_converged([row | {"R-hat": float("nan")}])
    assert not is_converged([row | {"R-hat 99 %": float("nan")}])


def test_energy_that_hardly_changes_shows():
    random = torch.Generator().manual_seed(0)
    independent = torch.randn(2, 4000, generator=random)
    two = torch.full((2,), 2.0, dtype=torch.float64)
    assert torch.allclose(bfmi(independent), two, atol=0.15)
    correlated = independent.cumsum(1)
    assert float(bfmi(correlated).max()) < 0.1


def test_inputs_away_from_the_data_are_farther_from_the_mean():
    x = torch.randn(50, 3)
    far = inputs_away_from(x, 20)
    near_centred = x - x.mean(0)
    far_centred = far - x.mean(0)
    nearest = torch.cdist(far_centred, near_centred).min(-1).values
    assert far.shape == (20, 3)
    expected = 3 * float(near_centred.norm(dim=-1).mean())
    found = float(far_centred.norm(dim=-1).mean())
    assert found == pytest.approx(expected, rel=0.3)
    assert float(nearest.median()) > 1.0
