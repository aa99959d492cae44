"""Lines and planes: an exact quadratic for linear regression, batch normalisation, refusals."""

import cases
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import inference, landscape, likelihoods, priors
from zoo.posterior import DrawsPosterior

Normal = dist.Normal


def test_a_line_is_the_exact_parabola(linear):
    a, b = torch.randn(2, 4, dtype=torch.float64)
    found = landscape.line(linear.posterior(a), linear.weights(b), linear.data, 7)

    w = a + found.t[:, None] * (b - a)
    log_joint = linear.exact.log_evidence + torch.distributions.MultivariateNormal(
        linear.exact.mean, linear.exact.covariance
    ).log_prob(w)
    assert torch.allclose(found.values, -log_joint / len(linear.data[0]))
    assert torch.allclose(found.prior + found.loss, found.values)

    assert torch.allclose(found.values.diff(), linear.rise(w).diff())
    assert not torch.allclose(found.loss.diff(), linear.rise(w).diff())  # a bare loss
    assert found.barrier == 0.0  # a parabola is below its chord


def test_a_plane_is_the_exact_paraboloid(linear):
    ends = torch.randn(3, 4, dtype=torch.float64)
    a, b, c = map(linear.posterior, ends)
    found = landscape.plane(a, b, c, data=linear.data, shape=(5, 6))

    right = (ends[1] - ends[0]) / (ends[1] - ends[0]).norm()
    rest = ends[2] - ends[0]
    up = rest - (rest @ right) * right
    up = up / up.norm()
    w = ends[0] + found.x[None, :, None] * right + found.y[:, None, None] * up

    lowest = landscape.line(
        linear.posterior(linear.exact.mean), a, linear.data, 2
    ).values[0]
    assert torch.allclose(found.values - lowest, linear.rise(w), atol=1e-6)
    assert torch.allclose(found.points[1].norm(), (ends[1] - ends[0]).norm())
    assert torch.allclose(found.points[2].norm(), rest.norm())


def test_a_plane_has_pictures_and_the_test_error(linear):
    ends = map(linear.posterior, torch.randn(3, 4, dtype=torch.float64))
    found = landscape.plane(*ends, data=linear.data, shape=(4, 4), test=linear.data)
    assert found.test_error.shape == (4, 4)
    for quantity in ("values", "prior", "loss", "test_error"):
        assert found.plot(quantity).axes
    assert found.plot(solid=True).axes[0].name == "3d"
    with pytest.raises(ValueError, match="quantity must be one of"):
        found.plot("accuracy")


@pytest.fixture
def normalised():
    """Fit a network with batch normalisation twice, from different weights."""
    return normalised_fits(priors.WeightPrior(Normal(0.0, 1.0)))


def normalised_fits(prior):
    """Return two fits from different weights and statistics, with their data."""
    x, y = torch.randn(64, 2, 4, 4), torch.randint(3, (64,))
    fits = []
    for _ in range(2):
        network = cases.normalised(3)
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean.normal_()
                layer.running_var.uniform_(0.2, 3.0)
        model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())
        engine = inference.SVI(model, guides.Delta(model), num_steps=3, progress=False)
        fits.append(engine.fit((x, y)))
    return *fits, (x, y)


def test_statistics_of_batch_normalisation_go_with_the_weights(normalised):
    a, b, data = normalised
    own = [float(-fit.predict(data[0], 1).log_prob(data[1]).mean()) for fit in (a, b)]

    carried = landscape.line(a, b, data, 3, batch_norm="carry")
    assert carried.loss[[0, -1]].tolist() == pytest.approx(own, rel=1e-4)
    assert carried.batch_norm == "carry"

    # with the statistics of the first end, the second one is another network
    wrong = landscape.line(a, b.means(), data, 3, batch_norm="carry")
    assert abs(float(wrong.loss[-1]) - own[1]) > 0.01

    anew = landscape.line(a, b.means(), data, 3)
    network = b.network().train()
    for layer in network.modules():
        if isinstance(layer, nn.Dropout):
            layer.eval()
    trained = nn.functional.cross_entropy(network(data[0]), data[1])
    assert float(anew.loss[-1]) == pytest.approx(float(trained.detach()), rel=0.02)
    assert anew.batch_norm == "recompute"


@pytest.mark.parametrize("batch_norm", ["carry", "recompute"])
def test_normalisations_may_be_point_estimates(batch_norm):
    rule = priors.all_but_normalisation(Normal(0.0, 1.0), otherwise=priors.Point())
    a, b, data = normalised_fits(priors.WeightPrior(rule))
    found = landscape.line(a, b, data, 3, batch_norm=batch_norm)
    for fit, loss in zip((a, b), found.loss[[0, -1]], strict=True):
        if batch_norm == "recompute":
            fit = zoo.renormalise(fit, data)
        own = -fit.predict(data[0], 1).log_prob(data[1]).mean()
        assert float(loss) == pytest.approx(float(own), rel=1e-3)


def scaled(posterior, factor):
    """Return the same function: the first layer times a factor, the second divided by it."""
    values = posterior.means()
    for name, times in (
        ("0.weight", factor),
        ("0.bias", factor),
        ("2.weight", 1 / factor),
    ):
        values[name] = values[name] * times
    draws = {name: value[None, None] for name, value in values.items()}
    return DrawsPosterior(posterior.model, draws=draws, state={}, info=None)


def test_filter_normalised_planes_do_not_change_with_the_scale_of_the_layers():
    network = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1)).double()
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(Normal(0.0, 1.0)), likelihoods.Gaussian(0.5)
    )
    draws = {name: value[None] for name, value in model.prior_draws(1).items()}
    posterior = DrawsPosterior(model, draws=draws, state={}, info=None)
    data = (torch.randn(20, 3).double(), torch.randn(20, 1).double())

    losses = []
    for each in (posterior, scaled(posterior, 10.0)):
        torch.manual_seed(0)
        losses.append(landscape.random_plane(each, data, shape=(3, 3)).loss)
    assert torch.allclose(*losses)

    # the line to a fixed, bare direction does
    away = {name: torch.randn_like(value) for name, value in posterior.means().items()}
    bare = []
    for each in (posterior, scaled(posterior, 10.0)):
        moved = {name: value + away[name] for name, value in each.means().items()}
        bare.append(landscape.line(each, moved, data, 3).loss)
    assert not torch.allclose(*bare, rtol=0.1)


def test_what_has_no_landscape_is_refused_with_a_remedy(linear):
    a, b = map(linear.posterior, torch.randn(2, 4, dtype=torch.float64))
    with pytest.raises(ValueError, match="not on one line, but these are"):
        landscape.plane(a, b, b, data=linear.data)
    with pytest.raises(ValueError, match="give one as a posterior"):
        landscape.line(a.means(), b.means(), linear.data)
    with pytest.raises(ValueError, match=r"layer1\.bias has shape"):
        landscape.line(a, {"layer1.weight": torch.zeros(1, 3)}, linear.data)
    with pytest.raises(TypeError, match="posteriors or dictionaries of weights"):
        landscape.line(a, torch.zeros(4), linear.data)
    with pytest.raises(ValueError, match="'recompute' or 'carry'"):
        landscape.line(a, b, linear.data, batch_norm="keep")

    own = {"layer1.bias": priors.Point(Normal(0.0, 1.0))}
    model = with_point_bias(linear, own)
    fit = inference.SVI(model, guides.Delta(model), num_steps=1, progress=False)
    with pytest.raises(
        ValueError, match=r"priors of their own, layer1\.bias; write the"
    ):
        landscape.line(*2 * [fit.fit(linear.data)], linear.data)
    fit = point_fit(linear, torch.zeros(4).double())
    with pytest.raises(ValueError, match=r"the point estimate layer1\.bias; give it a"):
        landscape.connect(fit, fit, linear.data, num_epochs=1, progress=False)


def with_point_bias(linear, treatments=None):
    """Return the model with a point estimate of the bias."""
    weight = {"layer1.weight": Normal(0.0, 0.4), "layer1.bias": priors.Point()}
    prior = priors.WeightPrior(priors.by_name(weight | (treatments or {})))
    return zoo.BayesianNetwork(
        linear.model.network, prior, likelihoods.Gaussian(linear.noise)
    )


def point_fit(linear, w):
    """Return a fit with coefficients w (4,), whose bias is a point estimate."""
    weights = linear.weights(w)
    draws = {"layer1.weight": weights["layer1.weight"][None, None]}
    state = {"layer1.bias": weights["layer1.bias"]}
    return DrawsPosterior(with_point_bias(linear), draws=draws, state=state, info=None)


def test_point_estimates_move_along_without_a_prior(linear):
    a, b, c = ends = torch.randn(3, 4, dtype=torch.float64)
    x, y = linear.data

    def loss(w):
        mean = x @ w[:3, None] + w[3]
        return -Normal(mean, linear.noise).log_prob(y).sum() / len(x)

    def prior(w):
        return -Normal(0.0, 0.4).log_prob(w[:3]).sum() / len(x)

    fits = [point_fit(linear, end) for end in ends]
    found = landscape.line(fits[0], fits[1], linear.data, 3)
    middle = (a + b) / 2
    assert torch.allclose(found.loss, torch.stack([loss(w) for w in (a, middle, b)]))
    assert torch.allclose(found.prior, torch.stack([prior(w) for w in (a, middle, b)]))
    held = torch.cat(
        [middle[:3], a[3:]]
    )  # the bias of the first end is another function
    assert abs(float(found.loss[1] - loss(held))) > 1e-3

    plane = landscape.plane(*fits, data=linear.data, shape=(2, 2), margin=0.0)
    assert float(plane.points[1, 0]) == pytest.approx(float((b - a)[:3].norm()))
    assert float(plane.loss[0, 0]) > 0
    around = landscape.random_plane(fits[0], linear.data, shape=(3, 3))
    assert float(around.loss[1, 1]) == pytest.approx(float(loss(a)))

    flat = landscape.flatness(fits[2], linear.data, radius=1e-4)
    hessian = x.T @ x / linear.noise**2 / len(x)
    assert flat.loss == pytest.approx(float(loss(c)))
    assert flat.eigenvalue == pytest.approx(float(torch.linalg.eigvalsh(hessian)[-1]))


def test_a_positive_site_moves_on_a_log_scale_with_its_own_density(linear):
    scale = dist.LogNormal(0.0, 1.0)
    model = zoo.BayesianNetwork(
        linear.model.network,
        priors.WeightPrior(Normal(0.0, 1.0)),
        likelihoods.Gaussian(scale),
    )
    ends = []
    for noise in (0.5, 2.0):
        weights = linear.weights(torch.randn(4).double())
        noise = torch.tensor(noise).double()
        ends.append(weights | {"likelihood:scale": noise})
    draws = {name: value[None, None] for name, value in ends[0].items()}
    posterior = DrawsPosterior(model, draws=draws, state={}, info=None)
    found = landscape.line(posterior, ends[1], linear.data, 3)

    # the middle of 1/2 and 2 is 1, and no Jacobian is in the density
    middle = [
        (ends[0][name] + ends[1][name]) / 2 for name in linear.weights(torch.zeros(4))
    ]
    log_prior = scale.log_prob(torch.tensor(1.0))
    log_prior = log_prior + sum(Normal(0.0, 1.0).log_prob(w).sum() for w in middle)
    assert torch.allclose(found.prior[1], -log_prior / 10)


def chain_of(linear, draws):
    """Return a posterior with draws (S, 4) of coefficients."""
    sites = {
        "layer1.weight": draws[None, :, None, :3],
        "layer1.bias": draws[None, :, 3:],
    }
    return DrawsPosterior(linear.model, draws=sites, state={}, info=None)


def test_the_plane_of_one_posterior_has_the_largest_variance_of_its_draws(linear):
    frame = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64)).Q
    center = torch.randn(4, dtype=torch.float64)
    steps = torch.randn(60, 4, dtype=torch.float64) * torch.tensor([3.0, 1.0, 0.1, 0.1])
    draws = center + steps @ frame.T
    found = landscape.plane(chain_of(linear, draws), data=linear.data, shape=(4, 5))

    away = draws - draws.mean(0)
    _, sizes, axes = torch.linalg.svd(away, full_matrices=False)
    variances = sizes**2 / 60
    assert found.share == pytest.approx(float(variances[:2].sum() / variances.sum()))
    assert torch.allclose(found.draws.abs(), (away @ axes[:2].T).abs())
    assert torch.allclose(found.points[1:].diagonal(), variances[:2].sqrt())
    assert repr(found).endswith("of the variance of its draws)")
    assert len(found.plot().axes[0].collections) >= 3  # contours, draws, their mean

    # the grid goes beyond the draws, and its middle coordinates are those of a Mahalanobis bowl
    assert float(found.x[0]) < float(found.draws[:, 0].min())
    signs = (found.draws[0] * (away @ axes[:2].T)[0]).sign()
    at = (
        draws.mean(0)
        + (found.x[2] * signs[0]) * axes[0]
        + found.y[1] * signs[1] * axes[1]
    )
    level = landscape.line(
        linear.posterior(at), linear.posterior(center), linear.data, 2
    )
    assert float(found.values[1, 2]) == pytest.approx(float(level.values[0]), rel=1e-5)


def test_the_plane_of_three_points_goes_through_them(linear):
    ends = torch.randn(3, 4, dtype=torch.float64)
    found = landscape.plane(chain_of(linear, ends), data=linear.data, shape=(3, 3))
    assert found.share == pytest.approx(1.0)
    off = landscape.project(found, [linear.weights(end) for end in ends]).error
    assert torch.allclose(off, torch.zeros(3).double(), atol=1e-6)
    assert torch.allclose(
        torch.cdist(found.draws, found.draws), torch.cdist(ends, ends)
    )


def test_a_plane_needs_draws_that_differ_or_three_ends(linear):
    a, b = map(linear.posterior, torch.randn(2, 4, dtype=torch.float64))
    with pytest.raises(
        ValueError, match=r"one point, or on one line; write .*random_plane"
    ):
        landscape.plane(a, data=linear.data)
    two = chain_of(linear, torch.randn(2, 4, dtype=torch.float64))
    with pytest.raises(ValueError, match="one point, or on one line"):
        landscape.plane(two, data=linear.data)
    with pytest.raises(ValueError, match="but these are two ends; write"):
        landscape.plane(a, b, data=linear.data)
