"""One interface for every kind of posterior, and answers to mistakes in calls."""

import pyro
import pyro.distributions as dist
import pytest
import torch

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.function_posterior import FunctionPosterior
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.posterior.laplace_posterior import LaplacePosterior
from zoo.posterior.posterior import Posterior
from zoo.posterior.program_posterior import ProgramPosterior

X, Y = torch.randn(6, 2), torch.randn(6, 1)
C, S = 2, 5


def program():
    pyro.sample("z", dist.Normal(torch.zeros(3), 1.0).to_event(1))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[3]),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Gaussian(0.5),
    )


@pytest.fixture(scope="module")
def posteriors(model):
    """Make one posterior of each kind."""
    draws = {
        name: torch.randn(C, S, *prior.shape()) for name, prior in model.latents.items()
    }
    centre = {name: value[0, 0] for name, value in draws.items()}
    known = {"state": {}, "info": None}
    engine = inference.SVI(model, guides.MeanField(model), num_steps=2, progress=False)
    functions = X, torch.randn(C, S, 6, 1)
    return {
        "guide": engine.fit((X, Y)),
        "draws": DrawsPosterior(model, draws=draws, **known),
        "laplace": LaplacePosterior(model, draws=draws, centre=centre, **known),
        "functions": FunctionPosterior(model, functions=functions, draws={}, **known),
        "program": ProgramPosterior(
            program, draws={"z": torch.randn(C, S, 3)}, info=None
        ),
    }


KINDS = pytest.mark.parametrize(
    "kind", ["guide", "draws", "laplace", "functions", "program"]
)


@KINDS
def test_every_kind_has_the_same_interface(posteriors, kind):
    posterior = posteriors[kind]
    assert isinstance(posterior, Posterior)
    assert posterior.source in repr(posterior)
    assert posterior.masks == {}
    if kind == "guide":
        assert (posterior.draws, posterior.num_samples, posterior.num_chains) == (
            None,
            None,
            None,
        )
        assert posterior.num_available(1000) == 1000
        assert all(len(value) == 7 for value in posterior.sample_all(7).values())
    else:
        assert posterior.guide is None
        assert (posterior.num_samples, posterior.num_chains) == (C * S, C)
        assert posterior.num_available(1000) == C * S
        assert posterior.num_available(3) == 3
        assert all(len(value) == C * S for value in posterior.sample_all(7).values())


def test_function_values_have_names_and_positions(posteriors):
    x, values = posteriors["functions"].functions
    assert torch.equal(x, X)
    assert torch.equal(posteriors["functions"].functions.x, X)
    assert values.shape == posteriors["functions"].functions.values.shape
    assert posteriors["draws"].functions is None


@pytest.mark.parametrize("kind", ["guide", "draws", "laplace"])
def test_draws_that_were_taken_before_predict(posteriors, kind):
    posterior = posteriors[kind]
    assert posterior.require_weights("pruning needs weights") is posterior.model
    draws = posterior.sample(4)
    prediction = posterior.predict_with(draws, X)
    assert prediction.functions.shape == (4, 6, 1)
    if kind != "guide":
        again = posterior.predict(X, num_samples=4)
        assert torch.equal(prediction.functions, again.functions)


@pytest.mark.parametrize(
    ("kind", "why"),
    [("functions", "only function values"), ("program", "a Pyro program")],
)
def test_what_needs_weights_is_refused(posteriors, kind, why):
    sentence = f"pruning needs weights, but this posterior has no weights.*{why}"
    with pytest.raises(ValueError, match=sentence):
        posteriors[kind].require_weights("pruning needs weights")


def test_function_values_predict_at_their_inputs_alone(posteriors):
    posterior = posteriors["functions"]
    assert posterior.predict(X, num_samples=3).functions.shape == (3, 6, 1)
    with pytest.raises(ValueError, match="only function values at 6 inputs"):
        posterior.predict(X + 1)
    with pytest.raises(ValueError, match="linearised=True needs the mode"):
        posterior.predict(X, linearised=True)


def test_a_program_gives_no_prediction(posteriors):
    posterior = posteriors["program"]
    assert not posterior.has_network
    for call in (posterior.predict, lambda x: posterior.predict_with({}, x)):
        with pytest.raises(ValueError, match="without a network to predict with"):
            call(X)


def test_another_guide_takes_the_place_of_draws(posteriors, model):
    found = posteriors["draws"].with_guide(guides.Delta(model))
    assert isinstance(found, GuidePosterior)
    assert found.num_samples is None
    assert "Delta guide" in repr(found)


def test_draws_have_no_densities(posteriors):
    with pytest.raises(
        ValueError, match=r"fit a guide, e.g. guides.MeanField, to have them"
    ):
        posteriors["draws"].distributions()


@pytest.mark.parametrize("name", ["num_draws", "samples", "n_samples"])
def test_a_wrong_name_for_the_number_of_draws(posteriors, name):
    sentence = f"predict has no argument '{name}'; write num_samples=100"
    with pytest.raises(TypeError, match=sentence):
        posteriors["guide"].predict(X, **{name: 10})


@pytest.mark.parametrize(
    ("name", "instead"),
    [("prior", "num_prior_samples=500"), ("num_draws", "num_samples=100")],
)
def test_a_wrong_name_in_the_conversion_to_arviz(posteriors, name, instead):
    sentence = f"to_arviz has no argument '{name}'; write {instead}"
    with pytest.raises(TypeError, match=sentence):
        posteriors["guide"].to_arviz((X, Y), **{name: 10})
