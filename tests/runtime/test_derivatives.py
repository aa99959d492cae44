"""Derivatives inside `forward`: a force is minus the gradient of an energy, in every engine.

With the energy a x^2 / 2 the force is -a x, so the posterior of a is that of a linear model.
"""

import math
import warnings
from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, priors
from zoo.inference.mcmc.density.potential import Potential
from zoo.tracing.traced import Traced

X = torch.randn(30, 1, generator=torch.Generator().manual_seed(0))
NOISE = 0.5
Y = -0.7 * X + NOISE * torch.randn(30, 1, generator=torch.Generator().manual_seed(1))
PRECISION = 1.0 + X.square().sum().item() / NOISE**2
MEAN = -(X * Y).sum().item() / NOISE**2 / PRECISION
SCALE = 1 / math.sqrt(PRECISION)


class _Force(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.a = nn.Parameter(torch.ones(()))
        self.how = how

    def energy(self, x):
        return 0.5 * self.a * x.square().sum()

    def forward(self, x):
        if self.how == "functional":
            return -torch.func.grad(self.energy)(x)
        if self.how == "jacobian":
            return -torch.autograd.functional.jacobian(
                self.energy, x, create_graph=True
            )
        if self.how == "of the user's input":
            return -torch.autograd.grad(self.energy(x), x, create_graph=True)[0]
        if self.how == "without enable_grad":
            return self.force(x.detach().requires_grad_())
        with torch.enable_grad():
            return self.force(x.detach().requires_grad_())

    def force(self, x):
        return -torch.autograd.grad(self.energy(x), x, create_graph=True)[0]


WAYS = [
    "functional",
    "jacobian",
    "of the user's input",
    "without enable_grad",
    "with enable_grad",
]


def model_and_data(how):
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(_Force(how), prior, likelihoods.Gaussian(NOISE))
    is_given = how == "of the user's input"
    x = X.clone().requires_grad_() if is_given else X.clone()
    return model, x


@pytest.mark.parametrize(
    ("compile", "how"),
    [
        *[("traced", how) for how in WAYS],
        ("plain", "functional"),
        ("plain", "jacobian"),
        *[pytest.param("plain", how, marks=pytest.mark.full) for how in WAYS[2:]],
    ],
)
def test_variational_inference_finds_the_closed_form(how, compile):
    model, x = model_and_data(how)
    guide = guides.MeanField(model)
    engine = inference.SVI(
        model,
        guide,
        num_steps=300,
        lr=0.05,
        scheduler=partial(torch.optim.lr_scheduler.ExponentialLR, gamma=0.985),
        progress=False,
        compile=compile,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        posterior = engine.fit((x, Y))
    assert posterior.info.compiled == compile
    found = posterior.distributions()["a"]
    base = getattr(found, "base_dist", found)
    assert abs(base.loc.item() - MEAN) < 0.3 * SCALE
    assert 0.8 < base.scale.item() / SCALE < 1.25
    prediction = posterior.predict(x, num_samples=200)
    assert (prediction.mean + MEAN * X).abs().max() < X.abs().max() * SCALE


def potential_of(how):
    model, x = model_and_data(how)
    if how == "functional":
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return Potential(model, x, Y)

    with pytest.warns(UserWarning, match=r"chains run one by one.*torch\.func\.grad"):
        return Potential(model, x, Y)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("compile", ["plain", "traced"])
def test_the_gradient_of_a_potential_is_the_closed_form(how, compile):
    potential = potential_of(how)
    q = torch.tensor([[0.3], [-1.2], [2.0]])
    with potential.program.running():
        run = Traced(potential.gradient, compile=compile)
        gradient, energy = run(q)
        energies = potential.energies(q)
    assert run.how == compile
    torch.testing.assert_close(gradient, PRECISION * (q - MEAN), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(energies, energy)
    difference = 0.5 * PRECISION * ((q - MEAN).square() - (q[0] - MEAN).square())[:, 0]
    torch.testing.assert_close(energy - energy[0], difference, rtol=1e-4, atol=1e-3)


def test_a_sampler_of_a_network_that_takes_derivatives():
    model, x = model_and_data("with enable_grad")
    engine = inference.HMC(
        model,
        num_chains=2,
        warmup_steps=10,
        num_samples=10,
        num_steps=5,
        progress=False,
        init="network",
    )
    with pytest.warns(UserWarning, match="takes derivatives by torch.autograd"):
        posterior = engine.fit((x, Y))
    assert abs(posterior.draws["a"].mean().item() - MEAN) < 3 * SCALE
    assert posterior.predict(x, num_samples=3).mean.shape == Y.shape


def test_a_pyro_model_takes_derivatives_too():
    def model(x, y):
        a = pyro.sample("a", dist.Normal(0.0, 1.0))
        z = x.detach().requires_grad_()
        with torch.enable_grad():
            energy = (0.5 * a * z.square()).sum()
            force = -torch.autograd.grad(energy, z, create_graph=True)[0]
        pyro.sample("y", dist.Normal(force, NOISE).to_event(2), obs=y)

    with pytest.warns(UserWarning, match="takes derivatives by torch.autograd"):
        potential = Potential(model, X, Y)
    q = torch.tensor([[0.3]])
    with potential.program.running():
        gradient, _ = potential.gradient(q)
    torch.testing.assert_close(gradient, PRECISION * (q - MEAN), rtol=1e-4, atol=1e-4)


def test_laplace_works_or_says_why_not():
    model, x = model_and_data("with enable_grad")
    model.network.a = nn.Parameter(torch.ones(1))  # Laplace refuses scalars
    model = zoo.BayesianNetwork(model.network, model.prior, model.likelihood)
    engine = inference.Laplace(model, structure="full", num_steps=20, progress=False)
    with pytest.raises(
        ValueError, match=r"_Force takes derivatives .*torch\.func\.grad"
    ):
        engine.fit((x, Y))
