"""The rates of means and of scales: who declares scales, and which group has which rate."""

from functools import partial

import cases
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.inference.svi.rates import scales_of
from zoo.inference.svi.state import TrainingState
from zoo.runtime.param_scope import ScopedGuide

MEANS = {"loc", "transform", "components.0.loc", "components.1.loc"}


def model_of(prior=None):
    prior = prior or priors.WeightPrior(
        priors.by_name({"*bias": dist.Normal(0.0, 1.0)}, otherwise=dist.Normal(0.0, 1))
    )
    network = networks.MLP(2, 1, hidden=[3])
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.1))


def rates(guide, model, **options):
    """Return the rate of each parameter in the optimiser of a run, by name."""
    scoped = ScopedGuide(guide)
    engine = inference.SVI(model, guide, **options)
    state = TrainingState(model, scoped, engine.options, {})
    names = {id(tensor): name for name, tensor in scoped.named_parameters().items()}
    names |= {id(tensor): name for name, tensor in state.points.items()}
    found = {}
    for group in state.optimizer.param_groups:
        for parameter in group["params"]:
            found[names[id(parameter)]] = group[
                "initial_lr" if state.scheduler else "lr"
            ]
    return found


@pytest.mark.parametrize("name", cases.OURS)
def test_every_parameter_of_our_guides_is_a_mean_or_a_scale(name):
    prior = (
        cases.PRIORS["NodePrior+WeightPrior"]()
        if name in ("NodeMixture", "Rank1")
        else None
    )
    model = model_of(prior)
    guide = cases.GUIDES[name](model)
    names = [name for name, _ in guide.named_parameters()]
    scales = scales_of(guide, names)
    for parameter in names:
        within = parameter.split("rest.")[-1]  # the guide of the other layers
        is_mean = any(within.startswith(mean + ".") for mean in MEANS)
        assert is_mean != (parameter in scales), parameter


def test_the_default_rate_of_scales_is_ten_times_that_of_means():
    model = model_of()
    found = rates(guides.MeanField(model), model, lr=3e-3)
    assert {found[name] for name in found if name.startswith("rho")} == {3e-2}
    assert {found[name] for name in found if name.startswith("loc")} == {3e-3}
    assert rates(guides.MeanField(model), model, lr=0.05)["rho.layer1.bias"] == 0.1
    assert rates(guides.MeanField(model), model, lr=0.2)["rho.layer1.bias"] == 0.2


@pytest.mark.parametrize(
    "options", [{"scheduler": None}, {"optimizer": torch.optim.SGD}, {"scale_lr": 0.02}]
)
def test_a_constant_rate_and_other_optimisers_have_one_rate(options):
    model = model_of()
    assert set(rates(guides.MeanField(model), model, lr=0.02, **options).values()) == {
        0.02
    }


def test_a_number_or_a_function_gives_the_rate_of_scales():
    prior = priors.WeightPrior(priors.by_name({"layer1*": dist.Normal(0.0, 1.0)}))
    model = model_of(prior)
    found = rates(guides.MeanField(model), model, lr=0.01, scale_lr=0.03)
    assert found["rho.layer1.weight"] == 0.03
    assert found["layer2.weight"] == 0.01  # a point estimate

    def rate(name):
        return {"rho": 0.03, "layer2": 0.5}.get(name.split(".")[0], 0.04)

    found = rates(
        guides.MeanField(model), model, scale_lr=rate, optimizer=torch.optim.SGD
    )
    assert found == {name: rate(name) for name in found}
    assert len(found) == 6


def test_one_rate_for_all_by_a_function_is_that_of_the_function():
    model = model_of()
    found = rates(guides.MeanField(model), model, lr=0.01, scale_lr=lambda name: 0.02)
    assert set(found.values()) == {0.02}


def test_the_components_of_a_mixture_have_scales():
    model = model_of()
    guide = guides.Mixture(model, guides.FullRank, num_components=2)
    assert rates(guide, model)["components.1.lower.layer1:joint"] == 0.1
    ensemble = guides.Mixture(model, guides.Delta, num_components=2)
    assert set(rates(ensemble, model, scale_lr=0.5).values()) == {0.02}


def test_a_fit_moves_scales_faster():
    """The first step of Adam is as long as the rate."""
    pyro.set_rng_seed(0)
    model = model_of()
    guide = guides.MeanField(model)
    before = {name: value.clone() for name, value in guide.state_dict().items()}
    constant = partial(torch.optim.lr_scheduler.ConstantLR, factor=1.0)
    engine = inference.SVI(
        model, guide, num_steps=1, scheduler=constant, progress=False
    )
    engine.fit((torch.randn(5, 2), torch.randn(5, 1)))
    for name, value in guide.state_dict().items():
        moved = (value - before[name]).abs()
        assert moved.max() == pytest.approx(
            0.1 if name.startswith("rho") else 0.02, rel=0.01
        )


class Silent(guides.Guide):
    """A guide that does not say what its scales are."""

    def __init__(self, model):
        super().__init__(model)
        self.log_scale = nn.Parameter(torch.zeros(()))

    def distribution(self, site):
        normal = dist.Normal(site.init, self.log_scale.exp())
        return normal.to_event(site.prior.event_dim)


def test_what_cannot_have_a_rate_of_scales_says_so():
    model = model_of()
    for guide in (Silent(model), pyro.infer.autoguide.AutoNormal(model)):
        with pytest.raises(ValueError, match=r"does not declare which of its parameters .* write "
                           "scale_lr=lambda name"):  # fmt: skip
            rates(guide, model, scale_lr=0.1)
        assert set(rates(guide, model).values()) == {0.02}

    guide = guides.MeanField(model)
    for wrong in (0.0, -1.0, "fast", float("nan"), True):
        with pytest.raises(
            ValueError, match="scale_lr must be a positive learning rate"
        ):
            inference.SVI(model, guide, scale_lr=wrong)
    with pytest.raises(
        ValueError, match=r"must return a positive learning rate for 'loc\.layer1"
    ):
        rates(guide, model, scale_lr=lambda name: 0.0)
    with pytest.raises(
        ValueError, match=r"pyro\.optim has its own rates; omit scale_lr"
    ):
        inference.SVI(
            model, guide, scale_lr=0.1, optimizer=pyro.optim.Adam({"lr": 0.1})
        )
    with pytest.raises(ValueError, match="LBFGS"):
        rates(guide, model, scale_lr=0.1, optimizer=torch.optim.LBFGS)
