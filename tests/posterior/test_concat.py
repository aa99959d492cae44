"""Posteriors put together: the right draws in the right places, and nothing of another target."""

import pyro
import pyro.distributions as dist
import pytest
import torch

import guides
import zoo
from zoo import Posterior, inference, likelihoods, networks, priors

pytestmark = pytest.mark.filterwarnings("ignore:.*draws diverged")
torch.manual_seed(0)
X, Y = torch.randn(8, 2), torch.randn(8, 1)


def build(scale=1.0, noise=0.5, seed=0):
    torch.manual_seed(seed)
    return zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[2]),
        priors.WeightPrior(dist.Normal(0.0, scale)),
        likelihoods.Gaussian(noise),
    )


def sample(model=None, seed=0, kind=inference.HMC, data=(X, Y), **options):
    usual = {"num_chains": 2, "warmup_steps": 2, "num_samples": 4, "init": "prior"}
    if kind is inference.HMC:
        usual["num_steps"] = 3
    else:
        usual["max_tree_depth"] = 2
    engine = kind(
        model or build(), compile="plain", progress=False, **{**usual, **options}
    )
    pyro.set_rng_seed(seed)
    return engine.fit(data)


def line(x, y):
    slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
    pyro.sample("y", dist.Normal(slope * x[:, :1], 1.0).to_event(2), obs=y)


@pytest.mark.filterwarnings("ignore:Found chain dimension to be longer")
def test_chains_stand_side_by_side_with_their_statistics():
    one, other = sample(seed=1), sample(build(seed=3), seed=2, num_chains=3)
    both = Posterior.concat([one, other])
    assert (both.num_chains, both.num_samples) == (5, 20)
    for name, value in both.draws.items():
        assert torch.equal(value[:2], one.draws[name])
        assert torch.equal(value[2:], other.draws[name])
    assert torch.equal(both.info.lp, torch.cat([one.info.lp, other.info.lp]))
    assert both.info.step_size.shape == (5,)
    assert both.info.num_gradients == one.info.num_gradients + other.info.num_gradients
    assert (both.info.temperature, both.info.thinning) == (1.0, 1)
    assert both.predict(X).outputs.shape == (20, 8, 1)
    assert both.to_arviz()


def test_draws_are_appended_to_those_before():
    one = sample(seed=1)
    other = sample(seed=2, init=one, num_samples=3)
    both = Posterior.concat([one, other], dim="draw")
    assert (both.num_chains, both.num_samples) == (2, 14)
    for name, value in both.draws.items():
        assert torch.equal(value[:, 4:], other.draws[name])
    assert torch.equal(both.info.step_size, other.info.step_size)


def test_chains_of_two_samplers_of_one_target_may_stand_together():
    both = Posterior.concat([sample(), sample(kind=inference.NUTS)])
    assert both.num_chains == 4


def test_function_values_and_pyro_programs_are_put_together_too(tmp_path):
    one, other = (sample(seed=seed, functions_at=X[:3]) for seed in (1, 2))
    both = Posterior.concat([one, other])
    assert both.functions.values.shape == (4, 4, 3, 1)
    assert both.predict(X[:3]).outputs.shape == (16, 3, 1)
    programs = [sample(line, seed=seed) for seed in (1, 2)]
    together = Posterior.concat(programs)
    assert together.draws["slope"].shape == (4, 4)
    together.save(tmp_path / "line.safetensors")
    again = zoo.load(tmp_path / "line.safetensors", line)
    assert again.info.target == together.info.target != {}


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: sample(build(scale=2.0)),
            r"in prior of layer1.weight \(Normal\(0, 1\) and",
        ),
        (
            lambda: sample(build(noise=2.0)),
            r"differ in likelihood \(Gaussian\(scale=0.5",
        ),
        (lambda: sample(temperature=0.5), r"differ in temperature \(1.0 and 0.5\)"),
        (lambda: sample(data=(X, Y + 1)), r"differ in targets \("),
        (lambda: sample(num_samples=5), r"not \[4, 5\]; sample the shorter ones again"),
        (lambda: sample(functions_at=X), "of one kind, not Posterior over"),
        (lambda: sample(line), "of one kind, not Posterior over"),
    ],
)
def test_what_does_not_belong_together_is_refused(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        Posterior.concat([sample(), make()])


def test_what_has_no_chains_is_refused():
    with pytest.raises(ValueError, match="at least one posterior"):
        Posterior.concat([])
    model = build()
    svi = inference.SVI(model, guides.MeanField(model), num_steps=2, progress=False)
    fitted = svi.fit((X, Y))
    with pytest.raises(ValueError, match="stored draws of a sampler, not a MeanField"):
        Posterior.concat([fitted, fitted])
    with pytest.raises(ValueError, match="dim must be 'chain' or 'draw', not 'sample'"):
        Posterior.concat([sample()] * 2, dim="sample")
    with pytest.raises(ValueError, match=r"equally many chains, not \[2, 3\]"):
        Posterior.concat([sample(), sample(num_chains=3)], dim="draw")
    with pytest.raises(ValueError, match="different inputs of their function values"):
        Posterior.concat([sample(functions_at=x) for x in (X, X + 1)])
