"""What every guide promises, for every network, prior and likelihood that it combines with."""

import cases
import pyro
import pytest
import torch
from pyro import poutine

from zoo.inference.sites import sites_differ
from zoo.inference.svi.elbo import elbo
from zoo.runtime.effects import Substitute
from zoo.runtime.param_scope import ScopedGuide

FITS = cases.each_pair("network, prior, guide, likelihood", cases.FITS)
OURS = cases.each_pair(
    "network, prior, guide, likelihood",
    [row for row in cases.FITS if row[2] in cases.OURS],
)


def points(model):
    own = dict(model.network.named_parameters())
    return {
        name: own[name].detach().clone().requires_grad_() for name in model.plan.points
    }


def loss(model, scoped, x, y, num_data=None):
    with scoped.scope(), Substitute(points(model)), pyro.validation_enabled(False):
        return -elbo(model, scoped.guide, x, y, num_data=num_data)


@FITS
def test_a_guide_keeps_its_promises(network, prior, guide, likelihood, subtests):
    model = cases.model(network, prior, likelihood)
    x, y = cases.data(network, likelihood)
    scoped = ScopedGuide(cases.GUIDES[guide](model))

    with subtests.test("it samples exactly the latent sites"), scoped.scope():
        assert sites_differ(model.latents, scoped.guide, model.first_parameter) == ""

    with subtests.test("the loss is finite and its gradient reaches every parameter"):
        value = loss(model, scoped, x, y, num_data=2 * len(x))
        assert torch.isfinite(value), value
        learned = {}
        for name, tensor in scoped.tensors().items():
            if tensor.requires_grad:
                learned[name] = tensor
        if learned:
            gradients = torch.autograd.grad(
                value, list(learned.values()), allow_unused=True
            )
            for name, gradient in zip(learned, gradients, strict=True):
                assert gradient is not None, f"no gradient reaches {name}"
                assert torch.isfinite(gradient).all(), name

    with subtests.test("the same seed gives the same draw and loss"):
        values = []
        for _ in range(2):
            pyro.set_rng_seed(3)
            values.append(loss(model, scoped, x, y).item())
        assert values[0] == values[1]


@OURS
def test_our_guides_keep_more_promises(network, prior, guide, likelihood, subtests):
    model = cases.model(network, prior, likelihood)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [layer.training for layer in model.modules()]
    stored = set(pyro.get_param_store())
    own = dict(model.network.named_parameters())

    fresh = cases.GUIDES[guide](model)
    with subtests.test("building it leaves no trace"):
        assert set(pyro.get_param_store()) == stored
        assert [layer.training for layer in model.modules()] == modes
        for name, value in model.state_dict().items():
            assert torch.equal(value, state[name]), name

    with subtests.test("it starts at the network and keeps no tensor of it"):
        for name, site in fresh.sites.items():
            if name in own:
                assert torch.equal(site.init, own[name]), name
        addresses = {tensor.data_ptr() for tensor in own.values()}
        for name, tensor in fresh.state_dict(keep_vars=True).items():
            assert tensor.data_ptr() not in addresses, name

    with subtests.test("it has its parameters right after construction"):
        before = {name: tensor.clone() for name, tensor in fresh.state_dict().items()}
        fresh()
        after = fresh.state_dict()
        assert list(before) == list(after)
        for name, tensor in before.items():
            assert torch.equal(tensor, after[name]), name
        learned = sum(tensor.numel() for tensor in fresh.parameters())
        assert fresh.num_parameters() == learned
        without = {("NodePrior(Bernoulli)", "MCDropout")}  # fixed probabilities
        without |= {("last_layer+Frozen", name) for name in ("LastLayer", "Resampled")}
        if network == "GRU":  # its only layer with nodes is resampled
            without.add(("NodePrior+Frozen", "Resampled"))
        assert learned or (prior, guide) in without

    with subtests.test("a fresh guide takes its state"):
        other = cases.GUIDES[guide](model)
        with torch.no_grad():
            for parameter in fresh.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        other.load_state_dict(fresh.state_dict())
        draws = []
        for each in (fresh, other):
            pyro.set_rng_seed(1)
            draws.append({name: value.clone() for name, value in each().items()})
        for name, value in draws[0].items():
            assert torch.equal(value, draws[1][name]), name

    with subtests.test("it moves together with the model"):
        x, y = cases.data(network, likelihood)
        x = x.double()
        built_before = cases.GUIDES[guide](model).double()
        model.double()
        built_after = cases.GUIDES[guide](model)
        for each in (built_before, built_after):
            for name, value in each().items():
                assert value.dtype == torch.float64, name
            assert loss(model, ScopedGuide(each), x, y).dtype == torch.float64


@pytest.mark.gpu
@pytest.mark.parametrize("guide", cases.OURS)
def test_a_guide_moves_to_the_device_of_the_model(guide):
    weights = {
        "ConcreteDropout": "WeightPrior",
        "GaussianDropout": "WeightPrior",
        "MCDropout": "NodePrior(Bernoulli)",
    }
    prior = (
        "NodePrior+WeightPrior" if guide == "Rank1" else weights.get(guide, "NodePrior")
    )
    model, (x, y) = cases.model("MLP", prior, "Gaussian"), cases.data("MLP", "Gaussian")
    moved = cases.GUIDES[guide](model).cuda()
    model.cuda()
    for name, value in moved().items():
        assert value.device.type == "cuda", name
    assert loss(model, ScopedGuide(moved), x.cuda(), y.cuda()).device.type == "cuda"


@pytest.mark.parametrize("guide", cases.OURS)
def test_a_guide_says_whether_its_loss_is_a_bound(guide):
    model = cases.model("MLP", cases.prior_for(guide), "Gaussian")
    unbounded = {"ConcreteDropout", "Delta", "GaussianDropout", "MCDropout"}
    assert cases.GUIDES[guide](model).bound is (guide not in unbounded)


def test_dropout_over_bernoulli_nodes_is_a_bound():
    assert cases.GUIDES["MCDropout"](
        cases.model("MLP", "NodePrior(Bernoulli)", "Gaussian")
    ).bound


@pytest.mark.parametrize("guide", cases.OURS)
def test_a_guide_serves_any_pyro_model(guide):
    def program(x, y=None):
        weight = pyro.sample(
            "weight", pyro.distributions.Normal(torch.zeros(1, 3), 1.0).to_event(2)
        )
        with pyro.plate("groups", 2):
            offset = pyro.sample("offset", pyro.distributions.Normal(0.0, 1.0))
        nodes = pyro.sample(
            "nodes",
            pyro.distributions.Normal(torch.ones(3), 0.3).to_event(1),
            infer={"node": True},
        )
        mean = (x * nodes) @ weight.T + offset.mean()
        with pyro.plate("data", len(x)):
            return pyro.sample(
                "y", pyro.distributions.Normal(mean, 1.0).to_event(1), obs=y
            )

    example = (torch.randn(5, 3), torch.randn(5, 1))
    fresh = getattr(__import__("guides"), guide)(program, example=example)
    assert set(fresh()) == {"weight", "offset", "nodes"}
    trace = poutine.trace(fresh).get_trace(*example)
    with poutine.replay(trace=trace):
        program(*example)
    assert torch.isfinite(elbo(program, fresh, *example))


def test_a_guide_over_a_program_that_needs_arguments_asks_for_them():
    def program(x):
        return pyro.sample("z", pyro.distributions.Normal(x, 1.0))

    with pytest.raises(
        ValueError,
        match=r"did not run on 0 arguments .*write example=\(x, y\)",
    ):
        cases.GUIDES["MeanField"](program)


def test_a_guide_over_a_program_without_latent_sites_says_so():
    with pytest.raises(
        ValueError, match="no latent site, so a guide has nothing to fit"
    ):
        cases.GUIDES["MeanField"](lambda: None)


def test_a_site_in_a_subsampled_plate_is_refused():
    def program():
        with pyro.plate("data", 10, subsample_size=2):
            pyro.sample("z", pyro.distributions.Normal(0.0, 1.0))

    with pytest.raises(
        ValueError,
        match=r"'z' is in a subsampled plate, .*write an amortised guide",
    ):
        cases.GUIDES["MeanField"](program)
