"""Our guides on other people's Pyro models: plates, positive sites, subsampled data.

Nothing of the zoo is imported here but the guides. Means are compared within 4.5
standard errors, a false alarm of 7e-6 a number.
"""

import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
import torch.nn.functional as F
from monte_carlo import LIMIT, above, apart, off, one_thread, repeat  # noqa: F401
from pyro import poutine
from pyro.infer import SVI, Predictive, Trace_ELBO, TraceMeanField_ELBO

import guides

NOISE, GROUP = 0.8, 0.4


def losses(model, guide, *data, loss=Trace_ELBO, num_samples=250):
    with torch.no_grad():
        return repeat(
            lambda: torch.tensor(loss().loss(model, guide, *data), dtype=torch.float64),
            num_samples,
        )


@pytest.fixture(autouse=True)
def own_store():
    with pyro.get_param_store().scope():
        pyro.set_rng_seed(0)
        yield


# A hierarchy with plates


def groups(y):
    mean = pyro.sample("mean", dist.Normal(y.new_zeros(()), 2.0))
    with pyro.plate("groups", y.shape[1], dim=-1):
        group = pyro.sample("group", dist.Normal(mean, GROUP))
        with pyro.plate("observations", len(y), dim=-2):
            pyro.sample("y", dist.Normal(group, NOISE), obs=y)


@pytest.fixture
def observed():
    generator = torch.Generator().manual_seed(
        0
    )  # few data, for the mean and the groups to be correlated
    return (
        torch.randn(1, 4, generator=generator, dtype=torch.float64)
        + torch.arange(4).double()
    )


def place(guide, loc, scale):
    parts = {"mean": slice(0, 1), "group": slice(1, None)}
    with torch.no_grad():
        for name, part in parts.items():
            guide.loc[name].copy_(loc[part].reshape(guide.loc[name].shape))
            guide.rho[name].copy_(
                scale[part].expm1().log().reshape(guide.rho[name].shape)
            )
    return guide


@pytest.mark.parametrize(
    ("family", "loss"),
    [(guides.MeanField, Trace_ELBO), (guides.LocalReparam, TraceMeanField_ELBO)],
)
def test_the_mean_field_optimum_of_a_hierarchy(observed, family, loss):
    posterior = exact.hierarchical_posterior(observed, 2.0, GROUP, NOISE)
    guide = family(groups, example=(observed,))
    assert sorted(guide()) == ["group", "mean"]

    def gradient():
        value = loss().differentiable_loss(groups, guide, observed)
        return torch.cat(
            [
                part.flatten()
                for part in torch.autograd.grad(value, list(guide.parameters()))
            ]
        )

    best = posterior.precision.diagonal().rsqrt()
    place(guide, posterior.mean, best)
    assert off(repeat(gradient, 200), 0.0) < LIMIT
    draws = -losses(groups, guide, observed, loss=loss)
    assert (
        off(draws, posterior.log_evidence - exact.mean_field_gap(posterior.precision))
        < LIMIT
    )
    assert above(draws, posterior.log_evidence) < LIMIT
    for wrong in (posterior.covariance.diagonal().sqrt(), best.square()):
        place(guide, posterior.mean, wrong)
        assert off(repeat(gradient, 200), 0.0) > LIMIT


# A positive site


def rate(y):
    rate = pyro.sample("rate", dist.LogNormal(y.new_zeros(()), 1.0))
    with pyro.plate("data", len(y)):
        pyro.sample("y", dist.LogNormal(rate.log(), NOISE), obs=y)


def test_a_positive_site_is_normal_in_its_logarithm_and_the_bound_is_tight():
    """The posterior of log(rate) is normal: every draw at the optimum gives the log evidence."""
    y = torch.tensor([1.5, 2.0, 4.0], dtype=torch.float64)
    posterior = exact.linear_posterior(torch.ones(3, 1).double(), y.log(), NOISE, 1.0)
    log_evidence = (
        posterior.log_evidence - y.log().sum()
    )  # the density of y, not of its logarithm
    guide = guides.MeanField(rate, example=(y,))
    with torch.no_grad():
        guide.loc["rate"].copy_(posterior.mean.squeeze())
        for scale, tight in (
            (posterior.covariance.sqrt(), True),
            (posterior.covariance, False),  # a variance for a scale
        ):
            guide.rho["rate"].copy_(scale.expm1().log().squeeze())
            draws = -losses(rate, guide, y, num_samples=50)
            assert (
                torch.allclose(draws, log_evidence.expand(50), rtol=0, atol=1e-9)
                == tight
            )
            without_jacobian = draws - torch.stack(
                [guide()["rate"].detach().log() for _ in range(50)]
            )
            assert not torch.allclose(
                without_jacobian, log_evidence.expand(50), atol=1e-2
            )
    assert (torch.stack([guide()["rate"] for _ in range(100)]) > 0).all()


def test_stock_svi_fits_a_positive_site():
    y = torch.tensor([1.5, 2.0, 4.0], dtype=torch.float64)
    posterior = exact.linear_posterior(torch.ones(3, 1).double(), y.log(), NOISE, 1.0)
    guide = guides.MeanField(rate, example=(y,))
    engine = SVI(
        rate,
        guide,
        pyro.optim.ClippedAdam({"lr": 0.1, "lrd": 0.01 ** (1 / 500)}),
        Trace_ELBO(),
    )
    for _ in range(500):
        engine.step(y)
    # fits end within 0.02 of both; a variance for a scale is off by half
    assert abs(guide.loc["rate"] - posterior.mean.squeeze()) < 0.1
    assert abs(guide.scale("rate") / posterior.covariance.sqrt().squeeze() - 1) < 0.1
    assert abs(guide.scale("rate") / posterior.covariance.squeeze() - 1) > 0.5


# Networks written by hand


def regression(x, y=None):
    weight = pyro.sample("weight", dist.Normal(x.new_zeros(1, 3), 2.0).to_event(2))
    bias = pyro.sample("bias", dist.Normal(x.new_zeros(1), 2.0).to_event(1))
    with pyro.plate("data", len(x)):
        return pyro.sample(
            "y", dist.Normal(F.linear(x, weight, bias).squeeze(-1), NOISE), obs=y
        )


def subsampled(x, y):
    """The same model, that takes ten data at random by itself."""
    weight = pyro.sample("weight", dist.Normal(x.new_zeros(1, 3), 2.0).to_event(2))
    bias = pyro.sample("bias", dist.Normal(x.new_zeros(1), 2.0).to_event(1))
    with pyro.plate("data", len(x), subsample_size=10) as rows:
        pyro.sample(
            "y",
            dist.Normal(F.linear(x[rows], weight, bias).squeeze(-1), NOISE),
            obs=y[rows],
        )


def noded(x, y=None):
    """Nodes that no `infer` dictionary calls nodes."""
    z = pyro.sample("z", dist.Normal(x.new_ones(3), 0.4).to_event(1))
    weight = torch.tensor([[1.0, -2.0, 0.5]], dtype=x.dtype)
    with pyro.plate("data", len(x)):
        return pyro.sample(
            "y", dist.Normal(F.linear(x, weight * z).squeeze(-1), NOISE), obs=y
        )


@pytest.fixture
def table():
    generator = torch.Generator().manual_seed(1)
    shared, own = (
        torch.randn(20, 1, generator=generator),
        torch.randn(20, 3, generator=generator),
    )
    x = (shared + 0.5 * own).double()
    return x, x.sum(-1) + NOISE * torch.randn(20, generator=generator).double()


@pytest.mark.parametrize("family", [guides.MeanField, guides.LocalReparam])
@pytest.mark.parametrize("model", [regression, subsampled])
def test_a_linear_layer_by_hand_reaches_the_exact_bound(table, family, model):
    x, y = table
    posterior = exact.linear_posterior(exact.features(x), y, NOISE, 2.0)
    scale = posterior.precision.diagonal().rsqrt()
    guide = family(model, example=(x, y))
    with torch.no_grad():
        for name, part in (("weight", slice(0, -1)), ("bias", slice(-1, None))):
            guide.loc[name].copy_(posterior.mean[part].reshape(guide.loc[name].shape))
            guide.rho[name].copy_(
                scale[part].expm1().log().reshape(guide.rho[name].shape)
            )
    best = posterior.log_evidence - exact.mean_field_gap(posterior.precision)
    draws = -losses(model, guide, x, y, loss=TraceMeanField_ELBO, num_samples=400)
    assert off(draws, best) < LIMIT
    divergence = exact.normal_divergence(posterior.mean, scale, 0.0, 2.0)
    assert (
        off(draws + 0.75 * divergence, best) > LIMIT
    )  # averaged over the four numbers


@pytest.mark.parametrize(
    ("model", "make"),
    [
        (
            regression,
            lambda example: guides.MCDropout(regression, p=0.3, example=example),
        ),
        (regression, lambda example: guides.Delta(regression, example=example)),
        (
            noded,
            lambda example: guides.NodeMixture(
                noded, num_components=1, nodes=["z"], example=example
            ),
        ),
        (
            noded,
            lambda example: guides.NodeMixture(
                noded, num_components=3, nodes=["z"], example=example
            ),
        ),
    ],
    ids=["MCDropout", "Delta", "NodeMixture(1)", "NodeMixture(3)"],
)
def test_the_other_guides_take_models_of_other_people(table, model, make):
    x, y = table
    guide = make((x, y))
    first, second = (
        losses(model, guide, x, y, loss=loss, num_samples=150)
        for loss in (Trace_ELBO, TraceMeanField_ELBO)
    )
    assert apart(first, second) < LIMIT
    engine = SVI(model, guide, pyro.optim.Adam({"lr": 0.02}), Trace_ELBO())
    for _ in range(100):
        engine.step(x, y)
    assert apart(losses(model, guide, x, y, num_samples=100), first) > LIMIT
    assert losses(model, guide, x, y, num_samples=100).mean() < first.mean()
    trace = poutine.trace(guide).get_trace(x, y)
    assert {name for name, site in trace.nodes.items() if site["type"] == "sample"} - {
        "nodes:joint"
    } == set(guide())
    drawn = Predictive(model, guide=guide, num_samples=7)(x)["y"]
    assert drawn.shape == (7, 20)


def test_the_nodes_of_one_component_reach_the_evidence(table):
    """The features of z are x_j w_j; the mean-field gap is exact again."""
    x, y = table
    posterior = exact.linear_posterior(
        x * torch.tensor([1.0, -2.0, 0.5]).double(), y, NOISE, 0.4, 1.0
    )
    guide = guides.NodeMixture(noded, num_components=1, nodes=["z"], example=(x, y))
    with torch.no_grad():
        guide.loc["z"].copy_(posterior.mean)
        guide.rho["z"].copy_(posterior.precision.diagonal().rsqrt().expm1().log())
    draws = -losses(noded, guide, x, y, loss=TraceMeanField_ELBO, num_samples=400)
    assert (
        off(draws, posterior.log_evidence - exact.mean_field_gap(posterior.precision))
        < LIMIT
    )
    assert off(draws, posterior.log_evidence) > LIMIT


def test_a_model_that_needs_arguments_says_so():
    with pytest.raises(
        ValueError,
        match=r"did not run on 0 arguments .*write example=\(x, y\)",
    ):
        guides.MeanField(regression)
