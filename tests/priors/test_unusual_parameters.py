"""Parameters wherever torch lets them stand: lists, dictionaries, scalars, unused, on the root."""

import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import diagnostics, inference, likelihoods, priors

NORMAL = dist.Normal(0.0, 1.0)
X = torch.randn(12, 3)
Y = X.sum(-1, keepdim=True)


class Unusual(nn.Module):
    """A network with few layers, and with names that a guide uses itself."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.5))  # a scalar
        self.parts = nn.ParameterList([torch.randn(3, 2), torch.zeros(2)])
        self.by_name = nn.ParameterDict({"last": torch.randn(2, 1)})
        self.selected = nn.Linear(1, 1)
        self.unused = nn.Linear(2, 2)
        self.register_buffer("shift", torch.ones(1), persistent=False)

    def forward(self, x):
        hidden = torch.tanh(x @ self.parts[0] + self.parts[1]) * self.scale
        return self.selected(hidden @ self.by_name["last"] + self.shift)


SITES = {
    "scale": (),
    "parts.0": (3, 2),
    "parts.1": (2,),
    "by_name.last": (2, 1),
    "selected.weight": (1, 1),
    "selected.bias": (1,),
    "unused.weight": (2, 2),
    "unused.bias": (2,),
}
RULES = {
    "normal": NORMAL,
    "fan-in": priors.fan_in(),
    "one scale a tensor": priors.Hierarchical(dist.HalfNormal(1.0)),
    "one scale an input": priors.Hierarchical(dist.HalfNormal(1.0), by="input"),
    "one scale a weight": priors.Hierarchical(dist.HalfNormal(1.0), by="weight"),
    "horseshoe": priors.RegularisedHorseshoe(),
    "scale mixture": priors.ScaleMixture(0.5, 1.0, 0.1),
    "points": priors.by_name({"parts.0": NORMAL}, otherwise=priors.Point(NORMAL)),
}
GUIDES = [
    guides.MeanField,
    guides.LocalReparam,
    guides.Flipout,
    guides.LowRank,
    guides.Radial,
    guides.MatrixNormal,
    guides.GaussianDropout,
    guides.MCDropout,
]


def build(rule=NORMAL):
    return zoo.BayesianNetwork(
        Unusual(), priors.WeightPrior(rule), likelihoods.Gaussian(2.0)
    )


def test_a_site_has_the_name_and_shape_of_its_parameter():
    shapes = {name: tuple(prior.shape()) for name, prior in build().latents.items()}
    assert sorted(shapes) == sorted(SITES)
    assert shapes == SITES


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_every_prior_is_fitted(rule):
    model = build(rule)
    svi = inference.SVI(model, guides.MeanField(model), num_steps=3, progress=False)
    posterior = svi.fit((X, Y))
    assert posterior.predict(X, num_samples=2).mean.shape == (12, 1)


@pytest.mark.parametrize("make", GUIDES)
def test_every_guide_takes_them(make):
    model = build()
    guide = make(model)
    svi = inference.SVI(model, guide, num_steps=3, progress=False)
    posterior = svi.fit((X, Y))
    assert posterior.sample(2)["scale"].shape == (2,)


def test_a_parameter_that_is_not_used_keeps_its_prior():
    model = build()
    svi = inference.SVI(
        model, guides.MeanField(model), num_steps=400, lr=0.05, progress=False
    )
    guide = svi.fit((X, Y)).guide
    assert guide.loc["unused.weight"].abs().max() < 0.02
    assert torch.allclose(guide.scale("unused.weight"), torch.ones(2, 2), atol=0.02)


def test_a_buffer_that_is_not_saved_belongs_to_the_model():
    model = build()
    svi = inference.SVI(model, guides.MeanField(model), num_steps=3, progress=False)
    assert torch.equal(svi.fit((X, Y)).state["shift"], torch.ones(1))


def test_samplers_and_their_diagnostics_take_a_scalar():
    mclmc = inference.MCLMC(
        build(),
        num_samples=6,
        warmup_steps=10,
        num_chains=2,
        compile="traced",
        progress=False,
    )
    posterior = mclmc.fit((X, Y))
    assert posterior.draws["scale"].shape == (2, 6)
    assert "scale" in diagnostics.convergence(posterior, X).weights


def test_laplace_refuses_a_scalar():
    sentence = "weights of one dimension or more, but scale is a scalar"
    with pytest.raises(ValueError, match=sentence):
        inference.Laplace(build(), structure="diag", progress=False)
