"""Reference posteriors: each problem is sound, what ships is whole and has the evidence, what is wrong is refused."""

import dataclasses

import pyro.distributions as dist
import pytest
import torch

import zoo
from zoo import priors, references
from zoo.command.choices import REFERENCES
from zoo.references.evidence import BETWEEN, bfmi, evidence, ships
from zoo.references.problem import beyond
from zoo.references.reference import FOLDER

PROBLEMS = [name.replace("-", "_") for name in REFERENCES]
SHIPPED = [
    name
    for name in PROBLEMS
    if (FOLDER / f"{name.replace('_', '-')}.safetensors").exists()
]


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_problem_is_sound(name):
    problem = getattr(references, name)()
    assert problem.name == name.replace("_", "-")
    assert (
        problem.fingerprint() == getattr(references, name)().fingerprint()
    )  # the same each time
    assert len(problem.runs) == 2
    assert problem.away.shape == (len(problem.inputs),)
    assert 0 < int(problem.away.sum()) < len(problem.inputs)
    if problem.targets is not None:
        assert torch.equal(
            problem.inputs[: len(problem.targets)],
            problem.data.test.x[: len(problem.targets)],
        )
    assert problem.model(problem.inputs).shape[0] == len(problem.inputs)


def test_another_prior_is_another_problem():
    problem = references.linear()
    wider = zoo.BayesianNetwork(
        problem.model.network,
        priors.WeightPrior(dist.Normal(0.0, 2.0)),
        problem.model.likelihood,
    )
    assert (
        dataclasses.replace(problem, model=wider).fingerprint() != problem.fingerprint()
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_has_the_evidence(name):
    reference = references.load(getattr(references, name))
    assert ships(reference.evidence)
    assert [row["run"] for row in reference.evidence] == [*reference.runs, BETWEEN]
    values = reference.posterior.predict(reference.inputs).functions
    assert values.shape[:2] == (reference.posterior.num_samples, len(reference.inputs))
    assert bool(torch.isfinite(values).all())
    for site, prior in reference.model.latents.items():
        assert reference.weights[site].shape[1:] == prior.shape()


def test_what_ships_is_small():
    assert sum(path.stat().st_size for path in FOLDER.glob("*.safetensors")) < 8e6


@pytest.fixture(scope="module")
def linear():
    return references.load(references.linear)


def test_a_damaged_file_is_refused(linear, tmp_path):
    path = linear.save(tmp_path / "linear.safetensors")
    assert references.load(references.linear, path).evidence == linear.evidence
    whole = path.read_bytes()
    path.write_bytes(whole[:-4] + bytes(4))
    with pytest.raises(ValueError, match="is damaged: its checksum is not"):
        references.load(references.linear, path)
    path.write_bytes(whole[:1000])
    with pytest.raises(ValueError, match="truncated, damaged or no safetensors file"):
        references.load(references.linear, path)


def test_another_version_and_another_problem_are_refused(linear, tmp_path):
    path = linear.save(tmp_path / "linear.safetensors")
    later = dataclasses.replace(references.linear(), version=2)
    with pytest.raises(
        ValueError,
        match=r"of version 1 .* of version 2 .*: make it anew, python -m zoo reference",
    ):
        references.load(later, path)
    with pytest.raises(ValueError, match="holds 'linear', not the reference 'cubic'"):
        references.load(references.cubic, path)
    with pytest.raises(FileNotFoundError, match="python -m zoo reference cubic --out"):
        references.load(references.cubic, tmp_path / "cubic.safetensors")


def test_runs_that_differ_do_not_ship():
    posterior = references.load(references.linear).posterior
    random = torch.Generator().manual_seed(0)
    same, shifted = (
        torch.randn(4, 300, 5, 1, generator=random) + shift for shift in (0.0, 0.4)
    )
    both = {"one": posterior, "other": posterior}
    assert ships(
        evidence(
            {"one": same, "other": torch.randn(4, 300, 5, 1, generator=random)}, both
        )
    )
    rows = evidence({"one": same, "other": shifted}, both)
    assert not ships(rows)
    assert ships(rows[:2])  # each alone looks well: only between them it shows


def test_energy_that_hardly_changes_shows():
    random = torch.Generator().manual_seed(0)
    free = torch.randn(2, 4000, generator=random)
    assert torch.allclose(
        bfmi(free), torch.full((2,), 2.0, dtype=torch.float64), atol=0.15
    )  # independent energies
    walk = free.cumsum(1)
    assert float(bfmi(walk).max()) < 0.1


def test_what_is_away_is_farther_from_the_middle():
    x = torch.randn(50, 3)
    far = beyond(x, 20)
    nearest = torch.cdist(far - x.mean(0), x - x.mean(0)).min(-1).values
    assert far.shape == (20, 3)
    assert float((far - x.mean(0)).norm(dim=-1).mean()) == pytest.approx(
        3 * float((x - x.mean(0)).norm(dim=-1).mean()), rel=0.3
    )
    assert float(nearest.median()) > 1.0
