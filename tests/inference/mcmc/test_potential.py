"""The potential: the log joint with the Jacobian, its gradient, many chains, the dtype."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import zoo
from zoo import likelihoods, networks, priors
from zoo.inference.mcmc.density.potential import Potential
from zoo.tracing.traced import Traced

PRIOR = priors.WeightPrior(dist.Normal(0.0, 1.0))
X, Y = torch.randn(12, 2), torch.randn(12, 1)


def build(network=None, prior=PRIOR, likelihood=None):
    torch.manual_seed(0)
    network = network or networks.MLP(2, 1, hidden=[3])
    return zoo.BayesianNetwork(
        network, prior, likelihood or likelihoods.Gaussian(dist.HalfNormal(1.0))
    )


class Recurrent(nn.Module):
    """A recurrent network, without a batching rule."""

    def __init__(self):
        super().__init__()
        self.encode, self.decode = nn.GRU(1, 2, batch_first=True), nn.Linear(2, 1)

    def forward(self, x):
        return self.decode(self.encode(x.unsqueeze(-1))[0][:, -1])


MODELS = {
    "weights": build,
    "nodes": lambda: build(
        prior=priors.NodePrior(dist.Normal(1.0, 0.3), weights=dist.Laplace(0.0, 1.0))
    ),
    "Gamma": lambda: build(likelihood=likelihoods.Gaussian(dist.Gamma(2.0, 2.0))),
    "heteroscedastic": lambda: build(
        networks.MLP(2, 2, hidden=[3], activation=nn.ReLU),
        likelihood=likelihoods.HeteroscedasticGaussian(),
    ),
    "double": lambda: build().double(),
    "GRU": lambda: build(Recurrent()),
}


@pytest.mark.parametrize("name", MODELS)
def test_plain_and_traced_give_equal_bits_for_every_chain(name):
    model = MODELS[name]()
    energy = Potential(model, X.to(model.first_parameter), Y)
    with energy.program.running():
        traced = Traced(energy.gradient, compile="traced")
        for _ in range(2):
            q = torch.randn(3, energy.size, dtype=model.first_parameter.dtype)
            gradients, energies = energy.gradient(q)
            for one, other in zip((gradients, energies), traced(q), strict=True):
                assert torch.equal(one, other), (one - other).abs().max()
        energy.vectorised = False  # as with a layer without a batching rule
        for one, other in zip((gradients, energies), energy.gradient(q), strict=True):
            assert torch.allclose(one, other, rtol=1e-4, atol=1e-4)
    assert traced.how == "traced"
    assert not gradients.requires_grad


@pytest.mark.filterwarnings(
    "ignore:.torch.jit:DeprecationWarning"
)  # torch's compiler about itself
def test_compiled_gradients_agree_to_five_digits():
    energy = Potential(
        build(networks.MLP(2, 1, hidden=[]), likelihood=likelihoods.Gaussian(0.5)), X, Y
    )
    with energy.program.running():
        compiled = Traced(energy.gradient, compile=True)
        for _ in range(3):
            q = torch.randn(2, energy.size)
            for one, other in zip(energy.gradient(q), compiled(q), strict=True):
                assert (one - other).abs().max() <= 1e-5 * one.abs().max()
    assert compiled.how == "compiled"


def test_the_gradient_is_that_of_the_potential():
    energy = Potential(build().double(), X.double(), Y)
    q = torch.randn(2, energy.size, dtype=torch.float64)
    with energy.program.running():
        gradient, value = energy.gradient(q)
        step = 1e-5 * torch.eye(energy.size, dtype=torch.float64)
        ends = [
            torch.stack([energy.energy(q[1] + sign * e) for e in step])
            for sign in (1, -1)
        ]
        assert torch.allclose(value[1], energy.energy(q[1]))
    assert torch.allclose(gradient[1], (ends[0] - ends[1]) / 2e-5, rtol=1e-5, atol=1e-6)


def test_the_potential_is_the_log_joint_with_the_jacobian():
    model = build()
    energy = Potential(model, X, Y)
    values = {name: prior.sample() for name, prior in model.latents.items()}
    log_joint = sum(
        prior.log_prob(values[name]) for name, prior in model.latents.items()
    )
    mean = model.output(values, X)
    log_joint = (
        log_joint + dist.Normal(mean, values["likelihood:scale"]).log_prob(Y).sum()
    )
    jacobian = values[
        "likelihood:scale"
    ].log()  # the scale is the exponential of its free value
    assert torch.allclose(
        energy.energy(energy.pack(values)), -log_joint - jacobian, rtol=1e-4
    )
    assert not torch.allclose(energy.energy(energy.pack(values)), -log_joint, rtol=1e-4)
    back, _ = energy.unpack(energy.pack(values))
    for name, value in values.items():
        assert torch.allclose(back[name], value, atol=1e-5), name


def test_many_draws_are_packed_as_one_is():
    energy = Potential(build(), X, Y)
    q = torch.randn(2, 5, energy.size)
    values, _ = energy.unpack(q)
    assert values["layer1.weight"].shape == (2, 5, 3, 2)
    assert torch.allclose(energy.pack(values), q, atol=1e-5)
    one = energy.pack({name: value[1, 3] for name, value in values.items()})
    assert torch.allclose(one, q[1, 3], atol=1e-5)


def regression(x, y):
    """Float32 throughout: numbers, tensors, tensors of tensors."""
    scale = pyro.sample("scale", dist.HalfNormal(torch.tensor([0.7])).to_event(1))
    w = pyro.sample("w", dist.Normal(torch.zeros(2), scale).to_event(1))
    with pyro.plate("data", len(x)):
        pyro.sample("y", dist.Normal(x @ w, 0.3), obs=y.squeeze(-1))


@pytest.mark.parametrize("model", [build(), regression], ids=["network", "Pyro"])
def test_the_energy_has_double_precision_for_any_prior(model):
    single, double = Potential(model, X, Y), Potential(model, X, Y, dtype=torch.float64)
    q = torch.randn(1, single.size, dtype=torch.float64)
    step = torch.full_like(q, 1e-7)  # lost in single precision, compared to the energy
    with single.program.running(), double.program.running():
        gradient, energy = double.gradient(q)
        assert energy.dtype == gradient.dtype == torch.float64
        assert torch.allclose(single.gradient(q.float())[1].double(), energy, rtol=1e-5)
        difference = double.gradient(q + step)[1] - energy
        assert torch.allclose(difference, (gradient * step).sum(-1), rtol=1e-4)
        lost = single.gradient((q + step).float())[1] - single.gradient(q.float())[1]
        assert not torch.allclose(lost.double(), difference, rtol=1e-4)
    assert double.program.dtype == torch.float32


def test_the_parents_of_a_site_are_what_its_prior_depends_on():
    assert Potential(regression, X, Y).parents() == {"scale"}
    assert Potential(build(), X, Y).parents() == set()
    rule = priors.RegularisedHorseshoe(0.5)
    model = build(networks.MLP(2, 1, hidden=[]), prior=priors.WeightPrior(rule))
    named = {name for name in model.latents if name.startswith("prior:")}
    assert Potential(model, X, Y).parents() == named
    assert len(named) == 6
