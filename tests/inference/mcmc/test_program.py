"""Pyro models with continuous sites are sampled; others are refused in a sentence."""

import cases
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, off_chains, one_thread  # noqa: F401
from pyro.nn import PyroModule, PyroSample
from torch import nn

import zoo
from zoo import inference
from zoo.inference.mcmc.density.potential import Potential

COUNTS = torch.tensor([3.0, 0.0, 5.0])


def conjugate(counts, y):
    """A plate, a simplex, a positive number and a factor, all with known posteriors."""
    probs = pyro.sample("probs", dist.Dirichlet(torch.ones(3)))
    pyro.sample("counts", dist.Multinomial(8, probs), obs=counts)
    with pyro.plate("groups", 2):
        rate = pyro.sample("rate", dist.Gamma(2.0, 2.0))
        with pyro.plate("data", len(y)):
            pyro.sample("y", dist.Exponential(rate), obs=y)
    pyro.sample("loc", dist.Normal(0.0, 2.0))
    pyro.factor("tilt", pyro.deterministic("twice", 2 * rate.sum()) * 0.25)


def test_plates_positive_and_simplex_supports_against_conjugate_posteriors():
    y = torch.tensor([[0.5, 2.0], [1.0, 3.0], [0.2, 1.5]])
    options = {
        "num_chains": 4,
        "warmup_steps": 60,
        "num_samples": 100,
        "num_steps": 6,
        "jitter": 0.5,
        "init": "prior",
    }
    posterior = inference.HMC(conjugate, **options, compile=False, progress=False).fit(
        (COUNTS, y)
    )
    shapes = {name: tuple(value.shape) for name, value in posterior.draws.items()}
    assert shapes == {
        "probs": (4, 100, 3),
        "rate": (4, 100, 2),
        "loc": (4, 100),
        "twice": (4, 100),
    }
    probs = (COUNTS + 1) / (COUNTS + 1).sum()
    rate = (2.0 + 3) / (2.0 + y.sum(0) - 0.5)  # the factor adds 0.5 to the rate
    assert off_chains(posterior.draws["probs"], probs) < LIMIT
    assert off_chains(posterior.draws["rate"], rate) < LIMIT
    assert (
        off_chains(posterior.draws["loc"].square()[..., None], torch.tensor([4.0]))
        < LIMIT
    )
    for wrong in (
        5 / (2.0 + y.sum(0)),
        4 / (1.5 + y.sum(0)),
        6 / (1.5 + y.sum(0)),
    ):  # no factor; Jacobian off by one
        assert off_chains(posterior.draws["rate"], wrong) > LIMIT
    assert off_chains(posterior.draws["probs"], COUNTS / COUNTS.sum()) > LIMIT


@pytest.mark.parametrize("name", cases.first(cases.SAMPLERS, cases.KINDS))
def test_every_sampler_takes_a_pyro_model(name):
    engine = cases.ENGINES[name](conjugate)
    posterior = engine.fit((COUNTS, torch.ones(4, 2)))
    chains = cases.num_chains(name)
    expected = f"Posterior over 7 values at 4 sites: {chains} chains of 3 draws"
    assert repr(posterior) == expected
    assert "<li><code>rate</code> (2,)</li>" in posterior._repr_html_()
    assert posterior.sample(4)["rate"].shape == (4, 2)
    assert torch.allclose(posterior.draws["probs"].sum(-1), torch.ones(chains, 3))
    assert (posterior.draws["rate"] > 0).all()


@pytest.fixture
def posterior():
    return cases.ENGINES["HMC"](conjugate).fit((COUNTS, torch.ones(4, 2)))


def test_its_posterior_has_no_network_to_predict_with(posterior):
    with pytest.raises(
        ValueError,
        match=r"without a network to predict with; write pyro.infer.Predictive\(model, post",
    ):
        posterior.predict(torch.zeros(3, 2))
    runs = pyro.infer.Predictive(conjugate, posterior.sample())(
        COUNTS, torch.ones(4, 2)
    )  # as the sentence says
    draws = posterior.sample()
    assert runs["y"].shape == (len(draws["rate"]), 4, 2)
    assert torch.equal(draws["twice"], 2 * draws["rate"].sum(-1))


def test_its_posterior_goes_to_arviz_and_into_a_file(posterior, tmp_path):
    results = posterior.to_arviz()
    assert results["posterior"]["rate"].shape == (2, 3, 2)
    assert results["sample_stats"]["lp"].shape == (2, 3)
    posterior.save(tmp_path / "posterior")
    again = zoo.load(tmp_path / "posterior", conjugate)
    assert repr(again) == repr(posterior)
    for name, value in posterior.draws.items():
        assert torch.equal(again.draws[name], value), name


class Module(PyroModule):
    """A Pyro module: two layers, the first one's weight random, the rest as given."""

    def __init__(self, points):
        super().__init__()
        self.layer = PyroModule[nn.Linear](2, 1, bias=False)
        self.layer.weight = PyroSample(dist.Normal(0.0, 1.0).expand([1, 2]).to_event(2))
        self.drop = nn.Dropout(0.5)
        if points:
            self.loc = pyro.nn.PyroParam(torch.zeros(()))

    def forward(self, x, y):
        loc = self.loc if hasattr(self, "loc") else 0.0
        mean = self.drop(self.layer(x)).squeeze(-1) + loc
        with pyro.plate("data", len(x)):
            pyro.sample("y", dist.Normal(mean, 0.5), obs=y)


def test_a_pyro_module_is_sampled_in_evaluation_mode_and_not_changed():
    module, data = Module(points=False), (torch.randn(5, 2), torch.randn(5))
    energy = Potential(module, *data)
    with energy.program.running():
        q = torch.randn(1, 2)
        assert torch.equal(
            energy.gradient(q)[1], energy.gradient(q)[1]
        )  # dropout is off
    assert cases.ENGINES["HMC"](module).fit(data).draws["layer.weight"].shape == (
        2,
        3,
        1,
        2,
    )
    assert module.training
    assert module.drop.training


def point(x):
    loc = pyro.param("loc", torch.zeros(()))
    pyro.sample("z", dist.Normal(loc, 1.0))


def discrete(x):
    pyro.sample("k", dist.Poisson(3.0))


def subsampled(x):
    z = pyro.sample("z", dist.Normal(0.0, 1.0))
    with pyro.plate("data", len(x), subsample_size=2) as index:
        pyro.sample("x", dist.Normal(z, 1.0), obs=x[index])


def observed(x):
    pyro.sample("x", dist.Normal(0.0, 1.0).expand([len(x)]).to_event(1), obs=x)


def moving(x):
    high = pyro.sample("high", dist.HalfNormal(1.0))
    pyro.sample("z", dist.Uniform(0.0, high))


def now_and_then(x):
    if pyro.sample("z", dist.Normal(0.0, 1.0)) > NEXT.pop():
        pyro.sample("other", dist.Normal(0.0, 1.0))


NEXT = []


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (
            point,
            "point estimates, but this model has loc; give them a distribution, or use fixed",
        ),
        (
            discrete,
            r"site 'k' is discrete \(Poisson\), but Hamiltonian dynamics needs continuous sites",
        ),
        (
            subsampled,
            "plate 'data' subsamples the data, but a sampler needs all data: omit subsample_size",
        ),
        (observed, "the model has no latent site, so there is nothing to sample"),
        (
            moving,
            r"site 'z' or its support changes from run to run .*; state a site of fixed support, ",
        ),
        (now_and_then, "site 'other' or its support changes from run to run"),
        (Module(points=True), "this model has loc; give them a distribution"),
    ],
    ids=[
        "param",
        "discrete",
        "subsample",
        "observed",
        "moving support",
        "changing sites",
        "module",
    ],
)
def test_models_that_cannot_be_sampled_are_refused_by_name(model, sentence):
    NEXT[:] = [9.0, -9.0]  # the last is seen first
    data = (
        (torch.randn(5),)
        if not isinstance(model, Module)
        else (torch.randn(5, 2), torch.randn(5))
    )
    before = sorted(pyro.get_param_store().keys())
    with pytest.raises(ValueError, match=sentence):
        inference.HMC(model, progress=False).fit(data)
    assert sorted(pyro.get_param_store().keys()) == before


def test_a_plate_with_all_its_data_is_not_a_subsample():
    def whole(x):
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        with pyro.plate("data", len(x), subsample_size=len(x)):
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    assert Potential(whole, torch.randn(5)).size == 1


def test_the_arguments_of_a_pyro_model_are_a_tuple():
    with pytest.raises(
        TypeError,
        match=r"data must be the tuple of the model's arguments, such as \(x, y\), not Tensor",
    ):
        inference.HMC(observed, progress=False).fit(torch.randn(5))
