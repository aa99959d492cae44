"""What SWA and SWAG return: points, draws, files, statistics of batch normalisation."""

from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import one_thread  # noqa: F401
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.inference.swag.moments import PathMoments

X, Y = torch.randn(40, 3), torch.randn(40, 1)
PRIOR = priors.WeightPrior(dist.Normal(0.0, 1.0))
QUICK = {"num_epochs": 8, "lr": 0.05, "progress": False}


def build(network=None):
    torch.manual_seed(0)
    network = network or networks.MLP(3, 1, hidden=[4])
    return zoo.BayesianNetwork(network, PRIOR, likelihoods.Gaussian(1.0))


def normalised():
    torch.manual_seed(0)
    layers = [nn.Linear(3, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 1)]
    return build(nn.Sequential(*layers))


def fit(kind, model=None, batch_size=10, init=None, **options):
    pyro.set_rng_seed(1)
    engine = kind(model or build(), **QUICK | options)
    return engine.fit((X, Y), batch_size=batch_size, init=init)


def same(first, second):
    ours, theirs = first.scoped.tensors(), second.scoped.tensors()
    assert ours.keys() == theirs.keys()
    return all(torch.equal(value, theirs[name]) for name, value in ours.items())


def points_by_hand(model, num_epochs, burn_in, rate, momentum):
    """Return the points of plain SGD on minus the log posterior per datum, with all data."""
    parameters = dict(model.network.named_parameters())
    values = {name: each.detach().clone() for name, each in parameters.items()}
    speed = {name: torch.zeros_like(each) for name, each in values.items()}
    points = []
    for epoch in range(num_epochs):
        leaves = {name: each.requires_grad_() for name, each in values.items()}
        output = torch.func.functional_call(model.network, leaves, X)
        loss = 0.5 * (output - Y).square().sum()
        prior = sum(0.5 * each.square().sum() for each in leaves.values())
        found = torch.autograd.grad((loss + prior) / len(X), list(leaves.values()))
        for name, gradient in zip(values, found, strict=True):
            speed[name] = momentum * speed[name] + gradient
            values[name] = (values[name] - rate * speed[name]).detach()
        if epoch >= burn_in:
            points.append(dict(values))
    return points


def test_the_mean_is_that_of_plain_sgd_on_the_log_posterior():
    found = fit(inference.SWA, batch_size=None, swa_lr=0.05, burn_in=3)
    points = points_by_hand(build(), 8, 3, 0.05, 0.9)
    for name, mean in found.means().items():
        expected = torch.stack([point[name] for point in points]).mean(0)
        assert torch.allclose(mean, expected, atol=1e-6), name
        assert not torch.allclose(mean, points[-1][name], atol=1e-4), name


def test_swag_has_the_mean_of_swa_and_spreads_with_its_scale():
    point = fit(inference.SWA)
    posterior = fit(inference.SWAG, rank=3)
    wider = fit(inference.SWAG, rank=3, scale=4.0)
    diagonal = fit(inference.SWAG, rank=0)
    assert (type(posterior.guide), posterior.guide.rank) == (guides.LowRank, 3)
    assert type(diagonal.guide) is guides.MeanField
    for name, mean in point.means().items():
        for each in (posterior, wider, diagonal):
            assert torch.equal(each.means()[name], mean)
        ratio = wider.guide.scale(name) / posterior.guide.scale(name)
        assert torch.allclose(ratio, torch.tensor(2.0), rtol=1e-4)
    assert posterior.info.bound is False
    draws = posterior.sample(5)
    assert torch.isfinite(posterior.guide.log_prob(draws)).all()


def test_the_rate_falls_to_that_of_the_average_and_in_cycles():
    engine = inference.SWA(build(), num_epochs=20, lr=1.0, swa_lr=0.2, cycles=2)
    schedule = engine.options.average
    rates = [schedule.rate(step, 200) for step in range(200)]
    assert rates[0] == rates[49] == 1.0
    assert abs(rates[70] - 0.6) < 0.01
    assert abs(rates[95] - 0.2) < 1e-9
    assert rates[100] == rates[150] == 0.2
    assert max(rates[149], rates[199]) < 0.01
    assert schedule.steps(200) == [150, 200]
    constant = inference.SWA(build(), num_epochs=20, burn_in=17).options.average
    assert constant.steps(200) == [180, 190, 200]
    several = inference.SWA(build(), num_epochs=20, burn_in=18, points=5)
    assert several.options.average.steps(200) == [184, 188, 192, 196, 200]


def test_a_fit_starts_at_the_network_or_at_the_means_of_a_posterior():
    resting = {"num_epochs": 2, "lr": 1e-12}
    model = build()
    at_network = fit(inference.SWA, model, **resting).means()
    own = dict(model.network.named_parameters())
    first = fit(inference.SWAG, rank=3)
    at_first = fit(inference.SWAG, init=first, rank=0, **resting).means()
    for name, mean in first.means().items():
        assert torch.allclose(at_network[name], own[name], atol=1e-6)
        assert torch.allclose(at_first[name], mean, atol=1e-6)
        assert not torch.allclose(mean, own[name], atol=1e-3)


def test_svi_goes_on_with_the_guide():
    posterior = fit(inference.SWAG, rank=3)
    engine = inference.SVI(
        posterior.model, posterior.guide, num_steps=20, progress=False
    )
    assert torch.isfinite(engine.fit((X, Y)).info.losses).all()


def test_a_file_holds_it(tmp_path):
    posterior = fit(inference.SWAG, rank=3)
    posterior.save(tmp_path / "swag.safetensors")
    model = build()
    guide = guides.LowRank(model, rank=3, per="all")
    again = zoo.load(tmp_path / "swag.safetensors", model, guide=guide)
    assert same(posterior, again)


def test_a_run_that_is_taken_up_again_ends_with_the_same_bits(tmp_path, monkeypatch):
    path = tmp_path / "run.ckpt"
    options = {"rank": 3, "compile": "traced"}
    whole = fit(inference.SWAG, **options)

    add = PathMoments.add

    def interrupted(self, num_steps):
        if num_steps == 27:
            raise KeyboardInterrupt
        add(self, num_steps)

    with monkeypatch.context() as patch:
        patch.setattr(PathMoments, "add", interrupted)
        part = fit(inference.SWAG, checkpoint=path, **options)
    assert part.info.stopped.startswith("interrupted after")
    assert not same(whole, part)
    assert same(whole, fit(inference.SWAG, checkpoint=path, **options))
    with pytest.raises(ValueError, match="average"):
        fit(inference.SWAG, checkpoint=path, rank=2, compile="traced")


def test_a_run_that_ends_before_two_points_is_a_point():
    assert type(fit(inference.SWAG, burn_in=7).guide) is guides.Delta


def test_points_without_a_covariance_are_refused_with_a_remedy(monkeypatch):
    def fails(*_):
        raise torch.linalg.LinAlgError("not positive-definite")

    monkeypatch.setattr("zoo.inference.swag.fit.low_rank_normal", fails)
    with pytest.raises(ValueError, match="write a smaller swa_lr"):
        fit(inference.SWAG)


def by_hand(network, values):
    """Return the mean and the variance of the first layer's outputs at weights."""
    outputs = nn.functional.linear(X, values["0.weight"], values["0.bias"])
    return outputs.mean(0), outputs.var(0)


def test_statistics_of_batch_normalisation_are_those_at_the_mean():
    posterior = fit(inference.SWA, normalised())
    mean, variance = by_hand(posterior.model.network, posterior.means())
    assert torch.allclose(posterior.state["1.running_mean"], mean, atol=1e-5)
    assert torch.allclose(posterior.state["1.running_var"], variance, atol=1e-5)


def test_each_draw_has_statistics_of_its_own(tmp_path):
    posterior = fit(inference.SWAG, normalised(), rank=3, scale=100.0)
    found = zoo.renormalise(posterior, (X, Y), num_samples=4)
    draws = found.sample()
    for number in range(4):
        values = {name: value[number] for name, value in draws.items()}
        mean, variance = by_hand(found.model.network, values)
        assert torch.allclose(values["1.running_mean"], mean, atol=1e-4)
        assert torch.allclose(values["1.running_var"], variance, atol=1e-4)
        assert not torch.allclose(mean, posterior.state["1.running_mean"], atol=1e-3)

    outputs = found.predict(X).outputs
    shared = posterior.predict_with(
        {name: draws[name] for name in posterior.shapes}, X
    ).outputs
    assert not torch.allclose(outputs, shared, atol=1e-3)
    found.save(tmp_path / "draws.safetensors")
    again = zoo.load(tmp_path / "draws.safetensors", normalised())
    assert torch.equal(again.predict(X).outputs, outputs)
    assert found.to_arviz() is not None


def test_statistics_of_frozen_layers_stay():
    torch.manual_seed(0)
    layers = [nn.BatchNorm1d(3), nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Linear(5, 1)]
    network = nn.Sequential(*layers)
    rule = priors.by_name({"0.*": priors.Frozen()}, otherwise=dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(rule), likelihoods.Gaussian(1.0)
    )
    posterior = fit(inference.SWA, model)
    assert torch.equal(posterior.state["0.running_mean"], torch.zeros(3))
    assert not torch.equal(posterior.state["2.running_mean"], torch.zeros(5))


def test_without_batch_normalisation_draws_need_no_statistics():
    with pytest.raises(ValueError, match="no batch normalisation"):
        zoo.renormalise(fit(inference.SWAG, rank=2), (X, Y))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rank": 1}, "rank must be a number of points, at least 2, or 0"),
        ({"rank": -1}, "rank"),
        ({"scale": 0.0}, "scale multiplies a covariance"),
        ({"momentum": 1.0}, "momentum must be from 0 to below 1"),
        ({"burn_in": 8}, "burn_in=8 leaves no epoch of 8"),
        ({"cycles": 5}, "cycles must be at most the 4 epochs"),
        ({"points": 0}, "points"),
        ({"points": 6, "cycles": 2}, "points=6 is of a constant rate.*write cycles=0"),
        ({"lr": -1.0}, "lr"),
        ({"swa_lr": 0.0}, "swa_lr"),
        ({"num_epochs": 0}, "num_epochs"),
    ],
)
def test_wrong_arguments_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        inference.SWAG(build(), **QUICK | options)


def test_several_runs_are_an_equal_mixture(tmp_path):
    one = fit(inference.SWAG, rank=3)
    several = fit(inference.SWAG, rank=3, num_runs=3)
    guide = several.guide
    assert (type(guide), guide.num_components) == (guides.Mixture, 3)
    first, second, _ = guide.components
    own = one.scoped.tensors()
    for name, value in first.state_dict().items():
        assert torch.equal(value, own[name]), name
    assert not torch.allclose(first.loc["layer1.weight"], second.loc["layer1.weight"])

    draws = several.sample(4)
    each = torch.stack([part.log_prob(draws) for part in guide.components])
    expected = each.logsumexp(0) - torch.tensor(3.0).log()
    assert torch.allclose(guide.log_prob(draws), expected)
    assert len(several.info.losses) == 3 * len(one.info.losses)
    assert len(several.info.restarts) == 3

    several.save(tmp_path / "several.safetensors")
    model = build()
    make = partial(guides.LowRank, rank=3, per="all")
    anew = guides.Mixture(model, make, num_components=3)
    again = zoo.load(tmp_path / "several.safetensors", model, guide=anew)
    assert same(several, again)


def test_draws_of_several_runs_come_from_all_of_them():
    guide = fit(inference.SWAG, rank=3, num_runs=3, lr=1e-9).guide  # at their starts
    draws = guide.draw_many(600)["layer1.weight"].flatten(1)
    means = torch.stack([each.loc["layer1.weight"] for each in guide.components])
    nearest = torch.cdist(draws, means.flatten(1)).argmin(1)
    shares = nearest.bincount(minlength=3) / 600
    assert bool(((shares - 1 / 3).abs() < 4.5 * (2 / 9 / 600) ** 0.5).all())


def test_several_runs_start_at_draws_of_a_posterior():
    ensemble = fit(inference.SWAG, rank=0, num_runs=3)
    resting = {"num_epochs": 2, "lr": 1e-12}
    found = fit(inference.SWAG, rank=0, num_runs=4, init=ensemble, **resting)
    starts = [each.loc["layer1.weight"] for each in found.guide.components]
    spread = torch.stack(starts).var(0)
    assert bool((spread > 0).all())


def test_several_runs_of_normalised_networks_say_what_to_do():
    with pytest.warns(UserWarning, match=r"predict with zoo\.renormalise"):
        posterior = fit(inference.SWAG, normalised(), rank=3, num_runs=2)

    torch.manual_seed(0)
    found = zoo.renormalise(posterior, (X, Y), num_samples=8)
    assert torch.isfinite(found.predict(X).outputs).all()
    draws = found.sample()
    means = torch.stack([each.loc["0.weight"] for each in posterior.guide.components])
    distances = torch.cdist(draws["0.weight"].flatten(1), means.flatten(1))
    assert set(distances.argmin(1).tolist()) == {0, 1}  # draws of both runs
    for number in range(8):
        values = {name: value[number] for name, value in draws.items()}
        mean, variance = by_hand(found.model.network, values)
        assert torch.allclose(values["1.running_mean"], mean, atol=1e-4)
        assert torch.allclose(values["1.running_var"], variance, atol=1e-4)

    # the wrong answer: the statistics of the first run for the draws of the second
    of_the_second = draws["1.running_mean"][distances.argmin(1) == 1]
    of_the_first = posterior.state["1.running_mean"]
    assert bool(((of_the_second - of_the_first).norm(dim=1) > 0.1).all())


def test_several_runs_refuse_point_estimates():
    rule = priors.by_name(
        {"*bias": priors.Point(dist.Normal(0.0, 1.0))}, otherwise=dist.Normal(0.0, 1.0)
    )
    network = networks.MLP(3, 1, hidden=[4])
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(rule), likelihoods.Gaussian(1.0)
    )
    with pytest.raises(ValueError, match=r"several runs need .* is a point estimate"):
        inference.SWAG(model, num_runs=2)


def test_statistics_that_cannot_be_recomputed_do_not_lose_the_run():
    torch.manual_seed(0)
    computed = nn.utils.parametrizations.weight_norm(nn.Linear(3, 5))
    network = nn.Sequential(computed, nn.BatchNorm1d(5), nn.Linear(5, 1))
    prior = priors.NodePrior(dist.Normal(1.0, 0.3))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(1.0))
    with pytest.warns(UserWarning, match="not recomputed: .* a plain network cannot"):
        posterior = fit(inference.SWA, model)
    assert torch.isfinite(posterior.predict(X, num_samples=2).outputs).all()
