"""Fast geometric ensembles: which points of SGD they keep, their rates, files and statistics."""

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
QUICK = {"num_epochs": 9, "burn_in": 2, "lr": 0.1, "progress": False}


def build(network=None):
    torch.manual_seed(0)
    network = network or networks.MLP(3, 1, hidden=[4])
    return zoo.BayesianNetwork(network, PRIOR, likelihoods.Gaussian(1.0))


def normalised():
    torch.manual_seed(0)
    layers = [nn.Linear(3, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 1)]
    return build(nn.Sequential(*layers))


def fit(model=None, batch_size=None, init=None, **options):
    pyro.set_rng_seed(1)
    engine = inference.FGE(model or build(), **QUICK | options)
    return engine.fit((X, Y), batch_size=batch_size, init=init)


def test_the_rate_is_a_triangle_and_the_run_ends_where_it_is_low():
    engine = inference.FGE(
        build(), num_epochs=20, lr=0.1, high_lr=0.05, low_lr=0.01, cycles=3
    )
    schedule = engine.options.average
    rates = [schedule.rate(step, 200) for step in range(200)]
    assert schedule.steps(200) == [120, 160, 200]  # cycles of 40 steps
    for step in schedule.steps(200):
        assert abs(rates[step - 1] - 0.01) < 1e-9
    for step in (139, 179):
        assert abs(rates[step] - 0.05) < 1e-9
    assert abs(rates[109] - 0.03) < 1e-9  # half way down, as in the paper
    assert rates[:50] == [0.1] * 50
    steps = torch.tensor(rates[100:]).diff().abs()
    assert torch.allclose(steps, torch.full_like(steps, 0.04 / 20), atol=1e-6)
    assert inference.FGE(build(), num_epochs=60).options.average.num_points == 15


def points_by_hand(model, schedule, num_steps, momentum=0.9):
    """Return every iterate of plain SGD on minus the log posterior per datum."""
    values = {name: w.detach() for name, w in model.network.named_parameters()}
    speed = {name: torch.zeros_like(each) for name, each in values.items()}
    path = []
    for step in range(num_steps):
        leaves = {name: each.clone().requires_grad_() for name, each in values.items()}
        output = torch.func.functional_call(model.network, leaves, X)
        loss = 0.5 * (output - Y).square().sum()
        prior = sum(0.5 * each.square().sum() for each in leaves.values())
        found = torch.autograd.grad((loss + prior) / len(X), list(leaves.values()))
        rate = schedule.rate(step, num_steps)
        for name, gradient in zip(values, found, strict=True):
            speed[name] = momentum * speed[name] + gradient
            values[name] = values[name] - rate * speed[name]
        path.append(dict(values))
    return path


def test_its_points_are_the_iterates_of_plain_sgd_where_the_rate_is_lowest():
    """On a quadratic loss they are also far from each other, so that none passes for another."""
    model = build(networks.MLP(3, 1, hidden=[]))
    engine = inference.FGE(model, **QUICK | {"cycles": 4})
    posterior = engine.fit(
        (X, Y)
    )  # a step is an epoch: the points are after 3, 5, 7 and 9
    path = points_by_hand(model, engine.options.average, 9)
    assert posterior.num_samples == 4
    for name, value in posterior.draws.items():
        expected = torch.stack([path[step - 1][name] for step in (3, 5, 7, 9)])
        assert torch.allclose(value[0], expected, atol=1e-6), name
        highest = torch.stack([path[step - 1][name] for step in (4, 6, 8, 9)])
        assert not torch.allclose(value[0], highest, atol=1e-4), name


def test_every_point_has_the_same_weight_in_a_prediction():
    posterior = fit(batch_size=10)
    draws = posterior.sample()
    parts = []
    for number in range(posterior.num_samples):
        one = {name: value[number] for name, value in draws.items()}
        parts.append(torch.func.functional_call(posterior.model.network, one, X))
    mean = posterior.predict(X).mean
    assert torch.allclose(mean, torch.stack(parts).mean(0), atol=1e-6)
    assert not torch.allclose(parts[0], parts[-1], atol=1e-4)
    assert posterior.info.bound is False


def test_a_fit_starts_at_the_network_or_at_the_means_of_a_posterior():
    resting = {"num_epochs": 2, "burn_in": 0, "lr": 1e-12}
    model = build()
    own = dict(model.network.named_parameters())
    first = fit(batch_size=10)
    at_network, at_first = fit(model, **resting), fit(init=first, **resting)
    for name, mean in first.means().items():
        assert torch.allclose(at_network.means()[name], own[name], atol=1e-6)
        assert torch.allclose(at_first.means()[name], mean, atol=1e-6)
        assert not torch.allclose(mean, own[name], atol=1e-3)


def by_hand(values):
    """Return the mean and the variance of the first layer's outputs at weights."""
    outputs = nn.functional.linear(X, values["0.weight"], values["0.bias"])
    return outputs.mean(0), outputs.var(0)


def test_each_point_has_statistics_of_batch_normalisation_of_its_own(tmp_path):
    posterior = fit(normalised(), batch_size=10)
    draws = posterior.sample()
    for number in range(posterior.num_samples):
        values = {name: value[number] for name, value in draws.items()}
        mean, variance = by_hand(values)
        assert torch.allclose(values["1.running_mean"], mean, atol=1e-4)
        assert torch.allclose(values["1.running_var"], variance, atol=1e-4)
    assert not torch.allclose(draws["1.running_mean"][0], mean, atol=1e-3)

    posterior.save(tmp_path / "fge.safetensors")
    again = zoo.load(tmp_path / "fge.safetensors", normalised())
    assert torch.equal(again.predict(X).outputs, posterior.predict(X).outputs)
    assert torch.equal(again.info.losses, posterior.info.losses)


def same(first, second):
    pairs = zip(first.draws.values(), second.draws.values(), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


def test_a_run_that_is_taken_up_again_ends_with_the_same_bits(tmp_path, monkeypatch):
    options = {"batch_size": 10, "compile": "traced"}
    whole = fit(**options)
    add = PathMoments.add

    def interrupted(self, num_steps):
        if num_steps == 27:
            raise KeyboardInterrupt
        add(self, num_steps)

    path = tmp_path / "run.ckpt"
    with monkeypatch.context() as patch:
        patch.setattr(PathMoments, "add", interrupted)
        part = fit(checkpoint=path, **options)
    assert part.info.stopped.startswith("interrupted after")
    assert part.num_samples == 2  # after 12 and 20 of 36 steps
    assert same(whole, fit(checkpoint=path, **options))
    with pytest.raises(ValueError, match="average"):
        fit(checkpoint=path, low_lr=1e-3, **options)


def test_a_run_that_ends_before_its_first_point_has_the_present_one(monkeypatch):
    def interrupted(self, num_steps):
        raise KeyboardInterrupt

    monkeypatch.setattr(PathMoments, "add", interrupted)
    assert fit().num_samples == 1


def test_sites_with_bounded_support_have_draws_inside():
    torch.manual_seed(0)
    network = networks.MLP(3, 1, hidden=[4])
    model = zoo.BayesianNetwork(
        network, PRIOR, likelihoods.Gaussian(dist.HalfNormal(1.0))
    )
    scale = fit(model).draws["likelihood:scale"]
    assert bool((scale > 0).all())
    assert len(scale.flatten().unique()) > 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cycles": 8}, "cycles must be at most the 7 epochs"),
        ({"cycles": 0}, "cycles"),
        ({"low_lr": 0.06}, r"low_lr must be at most the 0.05 of high_lr"),
        ({"burn_in": 9}, "burn_in=9 leaves no epoch of 9"),
        ({"momentum": 1.0}, "momentum must be from 0 to below 1"),
        ({"high_lr": -1.0}, "high_lr"),
    ],
)
def test_wrong_arguments_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        inference.FGE(build(), **QUICK | options)


def test_point_estimates_are_refused():
    rule = priors.by_name(
        {"*bias": priors.Point(dist.Normal(0.0, 1.0))}, otherwise=dist.Normal(0.0, 1.0)
    )
    network = networks.MLP(3, 1, hidden=[4])
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(rule), likelihoods.Gaussian(1.0)
    )
    with pytest.raises(ValueError, match=r"several points need .* is a point estimate"):
        inference.FGE(model)


def test_a_guide_can_go_on_from_its_points():
    posterior = fit(batch_size=10)
    model = posterior.model
    guide = guides.MeanField(model)
    engine = inference.SVI(model, guide, num_steps=20, progress=False)
    assert torch.isfinite(engine.fit((X, Y), init=posterior).info.losses).all()
