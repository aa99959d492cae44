"""The flow guide: its density, an exact posterior, and nodes for each example."""

import subprocess
import sys
from functools import partial

import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
import zuko
from monte_carlo import LIMIT, apart, off, one_thread, repeat  # noqa: F401
from torch.distributions import Distribution

import guides
import zoo
from guides._lazy.nodes import LazyNodes
from zoo import datasets, inference, likelihoods, networks, priors
from zoo.inference.svi.elbo import elbo
from zoo.predictive.drawing import draw_sites

NOISE, PRIOR_SCALE = 0.5, 2.0


class Linear:
    """A linear model in float64 with correlated bias and weight, its data and its posterior."""

    def __init__(self, prior):
        data = datasets.toy.linear(
            num_data=20, noise=NOISE, prior_scale=PRIOR_SCALE, correlation=0.8
        )
        self.x, self.y = data.train.x[:, :1].double() + 1.5, data.train.y.double()
        self.network = networks.MLP(1, 1, hidden=[]).double()
        self.model = zoo.BayesianNetwork(
            self.network, prior, likelihoods.Gaussian(NOISE)
        )
        self.exact = exact.linear_posterior(
            exact.features(self.x), self.y.squeeze(-1), NOISE, PRIOR_SCALE
        )

    def elbos(self, guide, num_samples):
        return repeat(
            lambda: elbo(self.model, guide, self.x, self.y), num_samples, traced=True
        )


@pytest.fixture(scope="module")
def linear():
    pyro.set_rng_seed(0)
    return Linear(priors.WeightPrior(dist.Normal(0.0, PRIOR_SCALE)))


def node_model():
    network = networks.MLP(2, 1, hidden=[3])
    return zoo.BayesianNetwork(
        network, priors.NodePrior(dist.Normal(1.0, 0.3)), likelihoods.Gaussian(NOISE)
    )


def spread(guide, amount=0.1):
    """Move the parameters of the flow away from their initial values."""
    with torch.no_grad():
        for parameter in guide.parameters():
            parameter.add_(amount * torch.randn_like(parameter))
    return guide


FLOWS = {
    "couplings": None,
    "MAF": partial(zuko.flows.MAF, transforms=2, hidden_features=(8,)),
    "NICE": partial(zuko.flows.NICE, transforms=2, hidden_features=(8,)),
}
FLOW = pytest.mark.parametrize("transform", FLOWS.values(), ids=FLOWS)


# The density


@FLOW
def test_its_density_is_that_of_the_change_of_variables(linear, transform):
    pyro.set_rng_seed(1)
    distribution = spread(
        guides.Flow(linear.model, transform=transform)
    ).joint_distribution("flow:joint")
    noise = torch.randn(2).double()
    jacobian = torch.autograd.functional.jacobian(distribution.transform, noise)
    value = distribution.transform(noise)
    base = dist.Normal(torch.zeros(2).double(), 1.0).log_prob(noise).sum()
    assert torch.allclose(
        distribution.log_prob(value), base - jacobian.det().abs().log(), atol=1e-5
    )
    # Without the determinant:
    assert transform or not torch.allclose(
        distribution.log_prob(value), base, atol=1e-2
    )
    assert transform or not torch.allclose(
        distribution.log_prob(value), base + jacobian.det().abs().log(), atol=1e-2
    )


@FLOW
def test_the_stored_density_of_a_draw_is_that_of_the_inverse_transform(
    linear, transform
):
    pyro.set_rng_seed(2)
    distribution = spread(
        guides.Flow(linear.model, transform=transform)
    ).joint_distribution("flow:joint")
    for one in (distribution, distribution.expand((4,))):
        value = one.rsample()
        assert one.log_prob(value) is one.drawn[1]
        assert torch.allclose(
            one.log_prob(value), one.log_prob(value.clone()), atol=1e-5
        )


# The exact posterior


def triangular(size):
    """Return a linear flow: its parameters are a triangular matrix."""
    return zuko.flows.Flow(
        zuko.lazy.UnconditionalTransform(
            zuko.transforms.LULinearTransform, torch.eye(size)
        ),
        zuko.lazy.UnconditionalDistribution(
            zuko.distributions.DiagNormal, torch.zeros(size), torch.ones(size)
        ),
    )


def test_a_linear_flow_at_the_exact_posterior_has_the_log_evidence_for_its_elbo(linear):
    posterior = linear.exact
    guide = guides.Flow(linear.model, transform=triangular)
    scale = posterior.covariance.diagonal().sqrt()
    factor = torch.linalg.cholesky(posterior.covariance / scale.outer(scale))
    # The factors of zuko are unit lower triangular, then upper triangular.
    lower = factor / factor.diagonal()
    with torch.no_grad():
        for index, name in enumerate(guide.sites):
            guide.loc[name].fill_(posterior.mean[index])
            guide.rho[name].fill_(scale[index].expm1().log())
        (packed,) = guide.transform.parameters()
        packed.copy_(lower.tril(-1) + torch.diag(factor.diagonal()))
        assert torch.allclose(guide.transform()(torch.eye(2).double()), factor.T)
    assert torch.allclose(
        linear.elbos(guide, 10), posterior.log_evidence.expand(10), atol=1e-7
    )
    with torch.no_grad():
        packed.copy_(torch.eye(2))
    assert linear.elbos(guide, 10).std() > 0.1


def test_a_fit_comes_nearer_the_log_evidence_than_mean_field_can(linear):
    pyro.set_rng_seed(3)
    engine = inference.SVI(
        linear.model,
        guides.Flow(linear.model, transform=FLOWS["MAF"], init_scale=0.3),
        num_steps=400,
        lr=0.05,
        scheduler=lambda optimizer: torch.optim.lr_scheduler.ExponentialLR(
            optimizer, 0.99
        ),
        progress=False,
    )
    gap = (
        linear.exact.log_evidence
        - linear.elbos(engine.fit((linear.x, linear.y)).guide, 300).mean()
    )
    assert gap < 0.5 * exact.mean_field_gap(linear.exact.precision)


# Nodes


def test_it_takes_the_nodes_or_the_last_layer():
    assert guides.Flow(node_model()).groups == {
        "flow:joint": ["layer1.nodes_in", "layer2.nodes_in"]
    }
    noisy = zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[3]),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Gaussian(dist.HalfNormal(1.0)),
    )
    assert guides.Flow(noisy).groups == {"flow:joint": ["layer2.weight", "layer2.bias"]}
    one = guides.Flow(noisy, sites=["likelihood:scale"])
    assert one().keys() == noisy.latents.keys()


def test_each_example_of_a_batch_has_nodes_of_its_own_from_the_same_distribution():
    pyro.set_rng_seed(4)
    guide = spread(guides.Flow(node_model(), init_scale=0.5), 0.3)
    shapes = {name: site.init.shape for name, site in guide.sites.items()}
    draws = torch.cat(list(draw_sites(guide, 4000, shapes).values()), -1).double()
    nodes = guide()
    assert all(isinstance(value, LazyNodes) for value in nodes.values())
    rows = (
        torch.cat([value.source.batch(4000) for value in nodes.values()], -1)
        .detach()
        .double()
    )
    assert rows.shape == (4000, 5)
    pairs = [part.unsqueeze(-1) * part.unsqueeze(-2) for part in (rows, draws)]
    assert apart(rows, draws) < LIMIT
    assert apart(*pairs) < LIMIT
    # Layers of different draws:
    mixed = torch.cat([rows[:, :2].flip(0), rows[:, 2:]], -1)
    assert apart(mixed.unsqueeze(-1) * mixed.unsqueeze(-2), pairs[1]) > LIMIT
    assert rows.unique(dim=0).shape == rows.shape


def test_the_loss_with_nodes_per_example_is_that_of_shared_nodes():
    pyro.set_rng_seed(5)
    model = node_model()
    guide = spread(guides.Flow(model, init_scale=0.15))
    x, y = torch.randn(8, 2), torch.randn(8, 1)
    own = repeat(lambda: elbo(model, guide, x, y), 300, traced=True)
    shapes = {name: site.init.shape for name, site in guide.sites.items()}
    draws = draw_sites(guide, 1000, shapes)
    with torch.no_grad():
        density = guide.log_prob(draws)
        prior = sum(
            distribution.log_prob(draws[name])
            for name, distribution in model.latents.items()
        )
        own_weights = dict(model.network.named_parameters())
        f = torch.stack(
            [
                model.output(own_weights | {n: v[i] for n, v in draws.items()}, x)
                for i in range(1000)
            ]
        )
        fit = dist.Normal(f, NOISE).log_prob(y).sum((-2, -1))
    shared = (fit + prior - density).double()
    assert apart(own, shared) < LIMIT
    assert apart(own, (fit + prior).double()) > LIMIT  # without the entropy


# Initial values and refusals


def test_it_starts_at_the_network_with_its_scale():
    guide = guides.Flow(node_model(), init_scale=0.01)
    for name, value in draw_sites(
        guide, 50, {name: site.init.shape for name, site in guide.sites.items()}
    ).items():
        assert (value - guide.sites[name].init).abs().max() < 0.1, name


def test_marginals_unknown_sites_and_large_flows_are_refused(linear, monkeypatch):
    with pytest.raises(
        ValueError,
        match=r"Flow has a joint density .* no marginal distribution of 'layer1.weight'",
    ):
        guides.Flow(linear.model).distributions()
    with pytest.raises(
        ValueError,
        match=r"sites=\['nodes'\] must name sites .*; write some of layer1.weight",
    ):
        guides.Flow(linear.model, sites=["nodes"])
    monkeypatch.setattr(guides.flow, "_MAX_ELEMENTS", 1)
    with pytest.raises(
        ValueError,
        match=r"have 2 elements, too many for a flow \(1 at most\); use guides\.LowRank",
    ):
        guides.Flow(linear.model)


def test_without_zuko_it_says_what_to_install(linear, monkeypatch):
    before = vars(Distribution)["arg_constraints"]
    monkeypatch.setitem(sys.modules, "zuko", None)
    monkeypatch.setitem(sys.modules, "zuko.flows", None)
    with pytest.raises(
        ImportError, match=r"needs zuko; write pip install 'bnn-zoo\[flows\]'"
    ):
        guides.Flow(linear.model)
    assert vars(Distribution)["arg_constraints"] is before


def test_importing_zuko_through_it_leaves_torchs_distributions_alone():
    program = """
import torch
from torch.distributions import Distribution
before = vars(Distribution)["_validate_args"], vars(Distribution)["arg_constraints"]
from guides.flow import _zuko_flows
assert "zuko" not in __import__("sys").modules
_zuko_flows().NSF(3)
assert before == (vars(Distribution)["_validate_args"], vars(Distribution)["arg_constraints"])
"""
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
