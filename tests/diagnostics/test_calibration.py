"""Simulation-based calibration: the exact posterior passes, a narrow or moved one does not."""

import pyro
import pyro.distributions as dist
import pytest
import torch

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.datasets.toy.linear import posterior as exact_posterior
from zoo.diagnostics import Ranks, sbc
from zoo.posterior.draws_posterior import DrawsPosterior

NOISE = 0.5
X = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))


def model(**options):
    return zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[]),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Gaussian(NOISE),
        **options,
    )


def exact(scale=1.0, shift=0.0):
    """Return a fit that draws from the closed form, scaled, or moved by standard deviations."""
    own = model()

    def fit(data):
        x, y = data
        known = exact_posterior(x.double(), y.double(), NOISE, 1.0)
        mean = known.mean.flatten() + shift * known.covariance.diag().sqrt()
        draws = (
            torch.distributions.MultivariateNormal(mean, scale**2 * known.covariance)
            .sample((1, 99))
            .float()
        )
        sites = {"layer1.weight": draws[..., None, :-1], "layer1.bias": draws[..., -1:]}
        return DrawsPosterior(own, state={}, info=None, draws=sites)

    return own, fit


def ranked(scale=1.0, shift=0.0, num_simulations=200):
    pyro.set_rng_seed(3)
    own, fit = exact(scale, shift)
    return sbc(own, fit, X, num_simulations=num_simulations, progress=False)


def test_the_exact_posterior_is_calibrated():
    found = ranked()
    assert str(found).startswith(
        "calibrated: 4 quantities in 200 simulations of 99 draws"
    )
    assert sorted(found.ranks) == ["f[0]", "f[1]", "f[2]", "log likelihood"]


@pytest.mark.parametrize(
    ("scale", "shift", "says"),
    [(0.5, 0.0, "too narrow"), (2.0, 0.0, "too wide"), (1.0, 1.0, "too ")],
)
def test_what_is_wrong_is_caught_and_named(scale, shift, says):
    found = ranked(scale, shift)
    assert str(found).startswith("not calibrated")
    assert says in str(found)
    assert max(found.deviations.values()) > 1.5


def test_a_mean_field_guide_is_too_narrow_somewhere():
    correlated = X @ torch.tensor([[1.0, 0.95], [0.0, 0.3]])
    own = model()

    def fit(data):
        guide = guides.MeanField(own)
        return inference.SVI(
            own, guide, num_steps=200, lr=5e-2, compile="traced", progress=False
        ).fit(data)

    pyro.set_rng_seed(0)
    found = sbc(
        own,
        fit,
        correlated,
        correlated[:2],
        num_simulations=15,
        num_samples=19,
        progress=False,
    )
    assert {len(ranks) for ranks in found.ranks.values()} == {15}


def test_uniform_ranks_stay_inside_nineteen_times_in_twenty():
    random = torch.Generator().manual_seed(5)
    outside = 0
    for _ in range(100):
        ranks = {name: torch.randint(100, (200,), generator=random) for name in "abc"}
        outside += bool(Ranks(ranks, 99).outside)
    assert outside <= 12  # of 100 at 5 %: more has a probability below 0.2 %


def test_noise_is_ranked_and_points_are_refused():
    own = zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[]),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Gaussian(dist.HalfNormal(1.0)),
    )
    pyro.set_rng_seed(0)
    sampler = inference.HMC(
        own, num_chains=2, warmup_steps=10, num_samples=10, num_steps=3, progress=False
    )
    found = sbc(own, sampler.fit, X, num_simulations=2, num_samples=9, progress=False)
    assert "likelihood:scale" in found.ranks
    points = zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[]),
        priors.WeightPrior(
            priors.by_name({"*weight": dist.Normal(0.0, 1.0)}, otherwise=priors.Point())
        ),
        likelihoods.Gaussian(NOISE),
    )
    with pytest.raises(
        ValueError,
        match=r"draws .* from the prior, but the point estimates layer1\.bias have no prior",
    ):
        sbc(points, sampler.fit, X)


def test_the_picture_has_a_line_for_each_quantity():
    ax = ranked(num_simulations=20).plot()
    assert len(ax.lines) == 5
