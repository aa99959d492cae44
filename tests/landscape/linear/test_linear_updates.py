"""Linear regression as data arrive, against its closed form."""

import exact
import pyro.distributions as dist
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import nn

import zoo
from zoo import landscape, likelihoods, networks, priors

NOISE, PRIOR_SCALE, PRIOR_LOC = 0.5, 0.7, 0.3
TRUTH = torch.tensor([0.8, -0.5]).double()


def line(prior_scale=PRIOR_SCALE, noise=NOISE):
    """Return the model of a line."""
    prior = priors.WeightPrior(dist.Normal(PRIOR_LOC, prior_scale))
    network = networks.MLP(1, 1, hidden=[]).double()
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(noise))


def points(number):
    """Return data of the line."""
    x = torch.randn(number, 1).double()
    y = TRUTH[0] * x + TRUTH[1] + NOISE * torch.randn_like(x)
    return x, y


def closed(x, y, noise=NOISE):
    """Return the closed form of the tests."""
    scale = torch.tensor(PRIOR_SCALE)
    return exact.linear_posterior(exact.features(x), y[:, 0], noise, scale, PRIOR_LOC)


def test_moments_are_those_of_the_closed_form():
    x, y = points(12)
    sizes = [1, 2, 5, 12]
    found = landscape.linear_updates(line(), (x, y), sizes)
    for index, size in enumerate(sizes):
        known = closed(x[:size], y[:size])
        assert torch.allclose(found.map[index], known.mean)
        assert torch.allclose(found.covariance[index], known.covariance)
        assert torch.allclose(found.log_evidence[index], known.log_evidence)

    # the variance of the noise in place of its standard deviation
    wrong = closed(x, y, NOISE**2)
    assert not torch.allclose(found.map[-1], wrong.mean, rtol=1e-2)
    assert not torch.allclose(found.covariance[-1], wrong.covariance, rtol=0.1)
    assert not torch.allclose(found.log_evidence[-1], wrong.log_evidence, rtol=1e-2)

    at = torch.linspace(-3, 3, 5).double()[:, None]
    mean, std = found.predict(at)
    new = exact.predictive(exact.features(at), closed(x, y), NOISE)
    assert torch.allclose(mean, new.loc)
    assert torch.allclose(std, new.scale)


def test_before_data_it_is_the_prior_and_the_maximum_likelihood_is_not_determined():
    x, y = points(3)
    found = landscape.linear_updates(line(), (x, y))
    assert found.sizes.tolist() == [0, 1, 2, 3]
    assert torch.allclose(found.map[0], torch.tensor(PRIOR_LOC).double())
    assert torch.allclose(found.std[0], torch.tensor(PRIOR_SCALE).double())
    assert float(found.volume[0]) == pytest.approx(1)
    assert float(found.log_evidence[0]) == pytest.approx(0, abs=1e-12)
    assert found.mle[:2].isnan().all()
    assert torch.allclose(exact.features(x[:2]) @ found.mle[2], y[:2, 0])

    # two data at one place determine no line
    twice = torch.cat([x[:1], x[:1]]), y[:2]
    assert landscape.linear_updates(line(), twice, [2]).mle.isnan().all()


def test_with_growing_data_the_estimates_meet_and_the_posterior_contracts():
    x, y = points(20_000)
    sizes = [20, 200, 2_000, 20_000]
    found = landscape.linear_updates(line(), (x, y), sizes)
    gaps = (found.mle - found.map).norm(dim=-1)
    assert (gaps[1:] < 0.3 * gaps[:-1]).all()  # as 1/N
    assert gaps[-1] < 1e-4
    assert (found.volume[1:] < 0.2 * found.volume[:-1]).all()  # as 1/N for two weights
    # the truth is five standard deviations away once in a million
    assert ((found.map[-1] - TRUTH).abs() < 5 * found.std[-1]).all()

    # a prior that is sure keeps them apart for longer
    sure = landscape.linear_updates(line(prior_scale=0.05), (x, y), sizes)
    assert ((sure.mle - sure.map).norm(dim=-1) > 3 * gaps).all()


def test_features_of_a_network_that_is_linear_in_its_weights():
    class Square(nn.Module):
        def forward(self, x):
            return torch.cat([x, x**2], -1)

    network = nn.Sequential(Square(), nn.Linear(2, 1, bias=False)).double()
    prior = priors.WeightPrior(dist.Normal(0.0, PRIOR_SCALE))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(NOISE))
    x, y = points(8)
    found = landscape.linear_updates(model, (x, y), [8])
    features = torch.cat([x, x**2], -1)
    known = exact.linear_posterior(features, y[:, 0], NOISE, torch.tensor(PRIOR_SCALE))
    assert torch.allclose(found.map[0], known.mean)
    assert torch.allclose(found.covariance[0], known.covariance)

    weights, _ = found.plot(figure=Figure()).axes  # the second one is no intercept
    assert weights.get_xlabel() == "slope"
    assert weights.get_ylabel() == "1.weight[1]"


def test_the_picture_shows_these_moments(tmp_path):
    x, y = points(6)
    found = landscape.linear_updates(line(), (x, y), [1, 6])
    weights, lines = found.plot(truth=TRUTH, figure=Figure()).axes
    labels = [weights.get_xlabel(), weights.get_ylabel()]
    assert labels == ["slope", "intercept"]

    shown = {each.get_label(): each.get_xydata() for each in weights.lines}
    assert shown["MAP"][0] == pytest.approx(found.map[-1].numpy())
    assert shown["MLE"][0] == pytest.approx(found.mle[-1].numpy())
    half = torch.as_tensor(weights.patches[-1].get_xy()).double() - found.map[-1]
    squares = ((half @ torch.linalg.inv(found.covariance[-1])) * half).sum(-1)
    assert torch.allclose(squares, torch.tensor(1.3863).double(), rtol=1e-4)  # 2 log 2

    band = lines.collections[0].get_paths()[0].vertices
    at = torch.as_tensor(band[:, 0]).double()[:, None]
    new = exact.predictive(exact.features(at), closed(x, y), NOISE)
    inside = new.cdf(torch.as_tensor(band[:, 1]).double())
    ends = torch.minimum((inside - 0.05).abs(), (inside - 0.95).abs())
    assert ends.max() < 1e-4

    path = found.animate(tmp_path / "line.gif", dpi=30)
    with Image.open(path) as film:
        assert film.n_frames == 2  # the last one stays


def test_what_is_not_linear_regression_is_refused():
    x, y = points(5)
    normal = priors.WeightPrior(dist.Normal(0.0, 1.0))
    deep = networks.MLP(1, 1, hidden=[3]).double()
    model = zoo.BayesianNetwork(deep, normal, likelihoods.Gaussian(NOISE))
    with pytest.raises(ValueError, match="linear in its weights, but MLP is not"):
        landscape.linear_updates(model, (x, y))
    with pytest.raises(ValueError, match="fixed scale, but the likelihood is Gaussian"):
        landscape.linear_updates(line(noise=dist.HalfNormal(1.0)), (x, y))
    laplace = priors.WeightPrior(dist.Laplace(0.0, 1.0))
    model = zoo.BayesianNetwork(line().network, laplace, likelihoods.Gaussian(NOISE))
    with pytest.raises(ValueError, match=r"normal priors, but that of layer1\.weight"):
        landscape.linear_updates(model, (x, y))
    by_name = priors.by_name(
        {"*.bias": priors.Point()}, otherwise=dist.Normal(0.0, 1.0)
    )
    points_too = priors.WeightPrior(by_name)
    model = zoo.BayesianNetwork(line().network, points_too, likelihoods.Gaussian(NOISE))
    with pytest.raises(ValueError, match=r"every weight, but layer1\.bias is a point"):
        landscape.linear_updates(model, (x, y))
    with pytest.raises(ValueError, match="at most the number of data, 5, not 6"):
        landscape.linear_updates(line(), (x, y), [6])

    linear = zoo.references.linear()
    found = landscape.linear_updates(linear.model, linear.data, [5])
    with pytest.raises(ValueError, match="two coefficients and one input, but there"):
        found.plot(figure=Figure())
    with pytest.raises(ValueError, match=r"ends in \.gif, not a\.png; write 'a\.gif'"):
        landscape.linear_updates(line(), (x, y)).animate("a.png")
