"""Laplace: exact on Bayesian linear regression, elsewhere against a curvature computed here.

Moments of draws are compared within 4.5 standard errors. Each check comes with a wrong
answer that it rejects.
"""

import math
import sys

import cases
import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, off, one_thread  # noqa: F401
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, priors
from zoo.data import batches
from zoo.diagnostics import to_arviz
from zoo.inference.laplace import laplace
from zoo.inference.laplace.polish import can_polish
from zoo.predictive import chunks

NOISE = 0.5
LOC, SCALE = (
    torch.tensor([0.3, 0.3, 0.3, -0.2]).double(),
    torch.tensor([0.4, 0.4, 0.4, 1.5]).double(),
)
X = torch.randn(12, 2, generator=torch.Generator().manual_seed(0)).double()
Y = X.sum(-1, keepdim=True).tanh()


class Linear:
    """A linear model in float64 with the network at the exact mode, and its posterior."""

    def __init__(self, likelihood_temperature=1.0):
        data = datasets.toy.linear(
            num_data=15, noise=NOISE, prior_scale=1.0, correlation=0.8
        )
        self.data = data.train.x.double(), data.train.y.double()
        self.features, self.targets = (
            exact.features(self.data[0]),
            self.data[1].squeeze(-1),
        )
        noise = NOISE * likelihood_temperature**0.5
        self.exact = exact.linear_posterior(
            self.features, self.targets, noise, SCALE, LOC
        )
        network = networks.MLP(3, 1, hidden=[]).double()
        with torch.no_grad():
            network.layer1.weight.copy_(self.exact.mean[:3].reshape(1, 3))
            network.layer1.bias.copy_(self.exact.mean[3:])
        rule = priors.by_name(
            {"*weight": dist.Normal(0.3, 0.4), "*bias": dist.Normal(-0.2, 1.5)}
        )
        self.model = zoo.BayesianNetwork(
            network, priors.WeightPrior(rule), likelihoods.Gaussian(NOISE)
        )

    def fit(self, structure, num_samples=3000, **options):
        options = {"num_steps": 0, "progress": False} | options
        return inference.Laplace(
            self.model, structure=structure, num_samples=num_samples, **options
        ).fit(self.data)


@pytest.fixture(scope="module")
def linear():
    pyro.set_rng_seed(0)
    return Linear()


def coefficients(posterior):
    draws = posterior.sample()
    return torch.cat(
        [draws["layer1.weight"].flatten(1), draws["layer1.bias"]], -1
    )  # (S, P)


def covariance_off(draws, mean, covariance):
    centred = draws - mean
    return off(centred.unsqueeze(-1) * centred.unsqueeze(-2), covariance)


def blocks(precision):
    """Keep two blocks of a precision: that of the weights and that of the bias."""
    return torch.block_diag(precision[:3, :3], precision[3:, 3:])


STRUCTURES = {
    "full": lambda precision: precision,
    "kron": blocks,
    "diag": lambda precision: torch.diag(precision.diagonal()),
}


@pytest.mark.parametrize("structure", STRUCTURES)
def test_on_a_linear_model_the_structure_is_all_that_is_approximate(linear, structure):
    draws, mean = coefficients(linear.fit(structure)), linear.exact.mean
    covariances = {
        name: torch.linalg.inv(keep(linear.exact.precision))
        for name, keep in STRUCTURES.items()
    }
    assert off(draws, mean) < LIMIT
    assert covariance_off(draws, mean, covariances[structure]) < LIMIT
    for name, wrong in covariances.items():
        if name != structure:
            assert covariance_off(draws, mean, wrong) > LIMIT, name
    swapped = exact.linear_posterior(
        linear.features, linear.targets, NOISE**2, SCALE, LOC
    )
    wrong = torch.linalg.inv(STRUCTURES[structure](swapped.precision))
    assert (
        covariance_off(draws, mean, wrong) > LIMIT
    )  # the scale of the noise in place of its variance


@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_log_marginal_likelihood_is_the_log_evidence_but_for_the_structure(
    linear, structure
):
    kept = STRUCTURES[structure](linear.exact.precision)
    gap = 0.5 * (torch.logdet(kept) - torch.logdet(linear.exact.precision))
    info = linear.fit(structure, num_samples=1).info
    assert info.log_marginal_likelihood == pytest.approx(
        (linear.exact.log_evidence - gap).item(), abs=1e-6
    )
    if structure != "full":
        assert gap > 0.05


def test_a_prior_scale_for_each_parameter_is_taken_exactly(linear):
    scale = torch.tensor([0.3, 1.0, 2.0]).double()
    rule = priors.by_name(
        {"*weight": dist.Normal(0.0, scale)}, otherwise=dist.Normal(0.0, 1.0)
    )
    scales = torch.cat([scale, torch.ones(1).double()])
    posterior = exact.linear_posterior(linear.features, linear.targets, NOISE, scales)
    network = networks.MLP(3, 1, hidden=[]).double()
    with torch.no_grad():
        network.layer1.weight.copy_(posterior.mean[:3].reshape(1, 3))
        network.layer1.bias.copy_(posterior.mean[3:])
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(rule), likelihoods.Gaussian(NOISE)
    )
    engine = inference.Laplace(
        model, structure="full", num_steps=0, num_samples=1, progress=False
    )
    info = engine.fit(linear.data).info
    assert info.log_marginal_likelihood == pytest.approx(
        posterior.log_evidence.item(), abs=1e-6
    )
    assert torch.allclose(info.prior_precision, scales**-2)
    with pytest.raises(
        ValueError,
        match=r"a tensor has one prior scale, but layer1.weight has several; use structure",
    ):
        inference.Laplace(model, structure="kron", num_steps=0, progress=False).fit(
            linear.data
        )


def test_the_mode_is_found_from_anywhere_point_estimates_too(linear):
    rule = priors.by_name(
        {"*weight": dist.Normal(0.3, 0.4)},
        otherwise=priors.Point(dist.Normal(-0.2, 1.5)),
    )
    network = networks.MLP(3, 1, hidden=[]).double()
    before = network.layer1.weight.detach().clone()
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(rule), likelihoods.Gaussian(NOISE)
    )
    engine = inference.Laplace(
        model, structure="full", num_steps=800, lr=0.05, num_samples=2, progress=False
    )
    posterior = engine.fit(linear.data)
    mean = linear.exact.mean
    assert torch.allclose(
        posterior.centre["layer1.weight"].flatten(), mean[:3], atol=1e-3
    )
    assert torch.allclose(posterior.state["layer1.bias"], mean[3:], atol=1e-3)
    assert list(posterior.centre) == ["layer1.weight"]
    assert torch.equal(network.layer1.weight, before)
    assert posterior.info.losses.shape == (800,)
    assert posterior.info.num_parameters == 3


def distance_to_the_mode(problem, **options):
    """Return how far the mode found from zero is from the exact one, in posterior scales."""
    network = networks.MLP(3, 1, hidden=[]).double()
    prior = problem.model.prior
    model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(NOISE))
    engine = inference.Laplace(
        model, structure="full", num_samples=2, progress=False, **options
    )
    centre = engine.fit(problem.data).centre
    found = torch.cat([centre["layer1.weight"].flatten(), centre["layer1.bias"]])
    scales = problem.exact.covariance.diagonal().sqrt()
    return float(((found - problem.exact.mean) / scales).abs().max())


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_the_search_ends_at_the_mode_after_few_steps_of_adam(temperature, monkeypatch):
    problem = Linear(likelihood_temperature=temperature)
    options = {"num_steps": 5, "likelihood_temperature": temperature}
    assert distance_to_the_mode(problem, **options) < 1e-4
    monkeypatch.setattr(laplace, "can_polish", lambda *_: False)
    assert distance_to_the_mode(problem, **options) > 0.1  # what Adam has found


def test_the_search_goes_on_from_adam_only_for_one_batch_of_weights_alone(linear):
    def model_of(network, prior):
        return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(NOISE))

    normal = priors.WeightPrior(dist.Normal(0.0, 1.0))
    with_points = priors.WeightPrior(priors.last_layer(dist.Normal(0.0, 1.0)))
    net = networks.MLP(3, 1, hidden=[4]).double()
    normed = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).double()
    found = {}
    for name, model, size in [
        ("weights", model_of(net, normal), None),
        ("batches", model_of(net, normal), 4),
        ("points", model_of(net, with_points), None),
        ("buffers", model_of(normed, normal), None),
    ]:
        found[name] = can_polish(model, batches(model, linear.data, size))
    assert found == {
        "weights": True,
        "batches": False,
        "points": False,
        "buffers": False,
    }


def test_batches_and_loaders_measure_the_same_curvature(linear):
    whole = linear.fit("full", num_samples=1).info.log_marginal_likelihood
    engine = inference.Laplace(
        linear.model, structure="full", num_steps=0, num_samples=1, progress=False
    )
    loader = DataLoader(TensorDataset(*linear.data), 4)
    for parts in (engine.fit(linear.data, batch_size=4), engine.fit(loader)):
        assert parts.info.log_marginal_likelihood == pytest.approx(whole, abs=1e-9)
    with pytest.raises(ValueError, match="this DataLoader drops its last batch"):
        engine.fit(DataLoader(TensorDataset(*linear.data), 4, drop_last=True))


# Temperatures


def test_a_temperature_of_the_whole_widens_draws_by_its_root(linear):
    draws = []
    for temperature in (1.0, 0.25):
        pyro.set_rng_seed(1)
        draws.append(
            coefficients(linear.fit("full", num_samples=5, temperature=temperature))
            - linear.exact.mean
        )
    assert torch.allclose(draws[1], 0.5 * draws[0])


def test_a_temperature_of_the_likelihood_is_wider_noise():
    pyro.set_rng_seed(0)
    warm = Linear(likelihood_temperature=4.0)
    posterior = warm.fit("full", likelihood_temperature=4.0)
    draws = coefficients(posterior)
    assert off(draws, warm.exact.mean) < LIMIT
    assert covariance_off(draws, warm.exact.mean, warm.exact.covariance) < LIMIT
    assert (
        covariance_off(draws, warm.exact.mean, 4.0 * Linear().exact.covariance) > LIMIT
    )  # the whole posterior tempered
    densities = len(warm.targets) * (
        math.log(NOISE * math.sqrt(2 * math.pi)) * (1 - 1 / 4) + math.log(2.0)
    )
    integral = (
        warm.exact.log_evidence.item() + densities
    )  # N(y | f, 4 s^2) against N(y | f, s^2)^(1/4)
    assert posterior.info.log_marginal_likelihood == pytest.approx(integral, abs=1e-6)
    assert posterior.info.likelihood_temperature == 4.0


# The prior's precision


@pytest.mark.parametrize("structure", ["scalar", "layerwise", "diag"])
def test_a_tuned_prior_precision_has_a_higher_marginal_likelihood(linear, structure):
    plain = linear.fit("full", num_samples=1).info
    info = linear.fit("full", num_samples=1, prior_structure=structure).info
    assert info.prior_precision.shape == (
        {"scalar": 1, "layerwise": 2, "diag": 4}[structure],
    )
    if structure != "scalar":  # which cannot be the prior of the model
        assert info.log_marginal_likelihood > plain.log_marginal_likelihood
    if structure == "scalar":
        away = (linear.exact.mean - LOC).square().sum()
        likelihood = linear.features.T @ linear.features / NOISE**2
        grid = torch.logspace(-3, 3, 2001).double()
        score = [
            4 * p.log()
            - p * away
            - torch.logdet(likelihood + p * torch.eye(4).double())
            for p in grid
        ]
        best = grid[torch.stack(score).argmax()]
        assert (info.prior_precision[0] / best).log().abs() < 0.05


# Linearised prediction


def mlp(likelihood=None, outputs=1, hidden=4):
    torch.manual_seed(0)
    network = networks.MLP(2, outputs, hidden=[hidden]).double()
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    return zoo.BayesianNetwork(
        network, prior, likelihood or likelihoods.Gaussian(NOISE)
    )


def test_linearised_and_sampled_prediction_agree_on_a_linear_model_only(linear):
    posterior, x = linear.fit("full", num_samples=7), linear.data[0]
    sampled, linearised = posterior.predict(x), posterior.predict(x, linearised=True)
    assert torch.allclose(sampled.outputs, linearised.outputs)
    bent = inference.Laplace(
        mlp(), structure="full", num_steps=20, num_samples=7, progress=False
    ).fit((X, Y))
    assert not torch.allclose(
        bent.predict(X).outputs, bent.predict(X, linearised=True).outputs, rtol=0.01
    )


def test_linearised_prediction_is_the_jacobian_at_the_mode_times_the_step():
    posterior = inference.Laplace(
        mlp(), structure="diag", num_steps=20, num_samples=9, progress=False
    ).fit((X, Y))
    model, draws = posterior.model, posterior.sample()

    def function(values):
        return model.output(values, X)

    jacobian = torch.func.jacrev(function)(posterior.centre)
    expected = function(posterior.centre) + sum(
        torch.einsum(
            "nop,sp->sno", jacobian[name].flatten(2), (draws[name] - centre).flatten(1)
        )
        for name, centre in posterior.centre.items()
    )
    assert torch.allclose(posterior.predict(X, linearised=True).outputs, expected)
    assert torch.allclose(
        posterior.predict(X, 1, linearised=True).outputs, expected[:1]
    )


def test_linearised_prediction_comes_in_chunks(monkeypatch):
    posterior = inference.Laplace(
        mlp(), structure="diag", num_steps=5, num_samples=3, progress=False
    ).fit((X, Y))
    whole = posterior.predict(X, linearised=True).outputs
    monkeypatch.setattr(chunks, "ELEMENTS", 1)
    assert torch.allclose(posterior.predict(X, linearised=True).outputs, whole)


def test_a_layer_without_a_batching_rule_is_linearised_too():
    model = cases.model("GRU", "WeightPrior", "Gaussian").double()
    x, y = cases.data("GRU", "Gaussian")
    engine = inference.Laplace(
        model, structure="diag", num_steps=2, num_samples=2, progress=False
    )
    posterior = engine.fit((x.double(), y.double()))
    values = posterior.sample(1)
    ahead, behind = (
        model.output(
            {
                name: at + sign * 1e-4 * (values[name][0] - at)
                for name, at in posterior.centre.items()
            },
            x.double(),
        )
        for sign in (1, -1)
    )
    expected = model.output(posterior.centre, x.double()) + (ahead - behind) / 2e-4
    assert torch.allclose(
        posterior.predict(x, 1, linearised=True).outputs[0], expected, atol=1e-6
    )


def test_a_posterior_without_a_mode_is_not_linearised():
    model = cases.model("MLP", "WeightPrior", "Gaussian")
    data = cases.data("MLP", "Gaussian")
    posterior = inference.SVI(
        model, guides.MeanField(model), num_steps=1, progress=False
    ).fit(data)
    with pytest.raises(
        ValueError,
        match=r"this posterior has none \(Posterior over .*MeanField guide\); omit linear",
    ):
        posterior.predict(data[0], linearised=True)


# The last layer, with the curvature made by hand


def features_of(model):
    hidden = model.network.layer1(X).tanh()
    return torch.cat([hidden, torch.ones(len(X), 1).double()], -1).detach()


def test_the_last_layer_of_a_regression_is_a_linear_model_of_its_features():
    model = mlp()
    engine = inference.Laplace(
        model,
        structure="full",
        layers="last",
        num_steps=0,
        num_samples=3000,
        progress=False,
    )
    posterior = engine.fit((X, Y))
    centre = torch.cat(
        [model.network.layer2.weight[0], model.network.layer2.bias]
    ).detach()
    draws = torch.cat(
        [
            posterior.sample()["layer2.weight"].flatten(1),
            posterior.sample()["layer2.bias"],
        ],
        -1,
    )
    linear = exact.linear_posterior(features_of(model), Y.squeeze(-1), NOISE, 1.0)
    assert off(draws, centre) < LIMIT
    assert covariance_off(draws, centre, linear.covariance) < LIMIT
    assert (
        covariance_off(draws, centre, torch.diag(1 / linear.precision.diagonal()))
        > LIMIT
    )
    for name in ("layer1.weight", "layer1.bias"):
        held = model.network.get_parameter(name)
        assert torch.equal(posterior.sample()[name], held.expand(3000, *held.shape))
    assert posterior.info.num_parameters == 5
    joint = posterior.predict(X, linearised=True).outputs
    assert torch.allclose(
        joint, posterior.predict(X).outputs
    )  # linear in its last layer


def test_the_last_layer_of_a_classification_has_the_curvature_of_the_softmax():
    model, labels = mlp(likelihoods.Categorical(), outputs=3), torch.arange(12) % 3
    engine = inference.Laplace(
        model,
        structure="full",
        layers="last",
        num_steps=0,
        num_samples=1,
        progress=False,
    )
    features, probs = features_of(model), model.network(X).softmax(-1).detach()
    middle = torch.diag_embed(probs) - probs.unsqueeze(-1) * probs.unsqueeze(-2)
    precision = torch.einsum("ni,noq,nj->oiqj", features, middle, features).reshape(
        15, 15
    ) + torch.eye(15)
    centre = torch.cat(
        [model.network.layer2.weight, model.network.layer2.bias.unsqueeze(-1)], -1
    ).detach()
    log_joint = (
        probs[torch.arange(12), labels].log().sum()
        + dist.Normal(0.0, 1.0).log_prob(centre).sum()
    )
    expected = (
        log_joint + 0.5 * 15 * math.log(2 * math.pi) - 0.5 * torch.logdet(precision)
    )
    found = engine.fit((X, labels)).info.log_marginal_likelihood
    assert found == pytest.approx(expected.item(), abs=1e-6)
    empirical = torch.einsum(
        "ni,no,nq,nj->oiqj", features, probs, probs, features
    ).reshape(15, 15) + torch.eye(15)
    assert found != pytest.approx(
        (expected + 0.5 * torch.logdet(precision / empirical)).item(), abs=1e-2
    )


# In use


@pytest.fixture(scope="module")
def digits():
    pyro.set_rng_seed(0)
    data = datasets.digits()
    model = zoo.BayesianNetwork(
        networks.MLP(64, 10, hidden=[16]),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Categorical(),
    )
    engine = inference.Laplace(
        model, structure="kron", num_steps=150, lr=0.03, num_samples=20, progress=False
    )
    x, y = data.train.x.flatten(1)[:400], data.train.y[:400]
    return (
        engine.fit((x, y), batch_size=200),
        data.test.x.flatten(1)[:200],
        data.test.y[:200],
    )


def test_digits_are_classified_with_more_uncertainty_than_at_the_mode(digits):
    posterior, x, y = digits
    linearised = posterior.predict(x, linearised=True)
    mode = posterior.model.output(posterior.centre, x).softmax(-1)
    assert (linearised.probs.argmax(-1) == y).float().mean() > 0.8
    assert (
        linearised.entropy.mean() > -(mode * mode.clamp_min(1e-12).log()).sum(-1).mean()
    )
    assert torch.isfinite(posterior.predict(x).log_prob(y)).all()


def test_a_laplace_posterior_is_read_from_a_file(digits, tmp_path):
    posterior, x, _ = digits
    posterior.save(tmp_path / "posterior")
    anew = zoo.BayesianNetwork(
        networks.MLP(64, 10, hidden=[16]),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Categorical(),
    )
    again = zoo.load(tmp_path / "posterior", anew)
    for linearised in (False, True):
        first, second = (
            each.predict(x, linearised=linearised).outputs
            for each in (posterior, again)
        )
        assert torch.equal(first, second)
    assert again.info.log_marginal_likelihood == posterior.info.log_marginal_likelihood
    assert torch.equal(again.info.prior_precision, posterior.info.prior_precision)
    assert (again.info.structure, again.info.layers, again.info.num_steps) == (
        "kron",
        "all",
        150,
    )


def test_diagnostics_take_a_laplace_posterior(digits):
    posterior, x, y = digits
    assert to_arviz(posterior, (x, y)).posterior["layer2.bias"].shape == (1, 20, 10)
    assert zoo.fidelity(posterior, posterior, x) is not None
    assert repr(posterior).endswith(": 20 draws around the mode")


def test_held_layers_are_saved_and_read_back(tmp_path):
    model = mlp()
    posterior = inference.Laplace(
        model, layers="last", num_steps=0, num_samples=3, progress=False
    ).fit((X, Y))
    posterior.save(tmp_path / "posterior")
    again = zoo.load(tmp_path / "posterior", mlp())
    assert torch.equal(again.predict(X).outputs, posterior.predict(X).outputs)


# What it refuses


@pytest.mark.parametrize("likelihood", cases.REFUSED_BY_LAPLACE)
def test_a_likelihood_without_a_curvature_is_refused(likelihood):
    with pytest.raises(ValueError, match=cases.REFUSED_BY_LAPLACE[likelihood]):
        inference.Laplace(cases.model("MLP", "WeightPrior", likelihood))


def test_a_noise_scale_for_each_output_is_refused():
    with pytest.raises(
        ValueError,
        match=r"needs likelihoods.Gaussian with one fixed scale, or Categorical, not",
    ):
        inference.Laplace(
            mlp(likelihoods.Gaussian(torch.tensor([0.1, 0.2])), outputs=2)
        )


def test_layers_without_kronecker_factors_are_refused():
    model = cases.model("GRU", "WeightPrior", "Gaussian")
    with pytest.raises(
        ValueError,
        match=r"a layer of Recurrent has no 'kron' curvature .* layers='last'",
    ):
        inference.Laplace(model, num_steps=1, progress=False).fit(
            cases.data("GRU", "Gaussian")
        )
    half = cases.model("MLP", "by_name+Point", "Gaussian")
    with pytest.raises(
        ValueError,
        match="a layer is random as a whole, but in layer1 only some tensors are; use struct",
    ):
        inference.Laplace(half, num_steps=1, progress=False).fit(
            cases.data("MLP", "Gaussian")
        )


def test_a_curvature_that_is_not_positive_definite_is_refused():
    x = 100 * torch.randn(20, 2).repeat(1, 3)  # only two of six weights are identified
    network = networks.MLP(6, 1, hidden=[])
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 10.0)), likelihoods.Gaussian(1e-4)
    )
    engine = inference.Laplace(model, structure="full", num_steps=0, progress=False)
    with pytest.raises(
        ValueError,
        match=r"not positive definite in torch.float32 .*; write model.double\(\), or use",
    ):
        engine.fit((x, x[:, :1]))


def test_outputs_of_more_dimensions_are_refused():
    network = nn.Sequential(nn.Linear(2, 6), nn.Unflatten(1, (3, 2)))
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihoods.Gaussian(1.0)
    )
    with pytest.raises(
        ValueError,
        match=r"needs outputs of shape \(N, O\), but one input gives \(1, 3, 2\)",
    ):
        inference.Laplace(model, num_steps=0, progress=False).fit(
            (torch.randn(4, 2), torch.randn(4, 3, 2))
        )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"structure": "lowrank"},
            "structure must be one of 'diag', 'kron', 'full', not 'lowrank'",
        ),
        ({"layers": "first"}, "layers must be one of 'all', 'last', not 'first'"),
        (
            {"prior_structure": "all"},
            "prior_structure must be one of 'scalar', 'layerwise', 'diag', None, not 'all'",
        ),
        (
            {"prior_structure": "diag"},
            "a tensor has one prior scale; write prior_structure='layerwise'",
        ),
        (
            {"num_samples": 0},
            "num_samples must be at least 1 and num_steps at least 0, not 0 and 2000",
        ),
        ({"num_steps": -1}, "not 100 and -1"),
        ({"temperature": 0.0}, "temperature divides a log density"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        inference.Laplace(mlp(), **options)


def test_without_the_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "laplace", None)
    with pytest.raises(
        ImportError,
        match=r"needs laplace-torch.*pip install 'bnn-zoo\[laplace\]'",
    ):
        inference.Laplace(mlp(), num_steps=0, progress=False).fit((X, Y))


def test_repr():
    assert repr(inference.Laplace(mlp())) == "Laplace(structure='kron', layers='all')"
