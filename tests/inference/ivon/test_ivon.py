"""What IVON returns, which models it takes, and runs that go on from a file."""

import cases
import pyro
import pyro.distributions as dist
import pytest
import torch

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.inference.ivon.normal_prior import NormalPrior

X, Y = torch.randn(40, 2), torch.randn(40, 1)


def mlp(prior=None, likelihood=None):
    torch.manual_seed(0)
    return zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[4]),
        prior or priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihood or likelihoods.Gaussian(0.5),
    )


def fit(model, data=(X, Y), batch_size=None, seed=0, **options):
    pyro.set_rng_seed(seed)
    engine = inference.IVON(model, **{"num_steps": 40, "progress": False} | options)
    return engine.fit(data, batch_size)


def test_it_returns_a_mean_field_posterior():
    model = mlp()
    posterior = fit(model)
    assert type(posterior.guide) is guides.MeanField
    assert set(posterior.distributions()) == set(model.latents)
    assert (posterior.info.num_steps, posterior.info.bound) == (40, True)
    plain = posterior.network().state_dict()
    for name, normal in posterior.distributions().items():
        assert torch.equal(plain[name], normal.mean)


def test_the_losses_estimate_the_bound():
    model = mlp()
    posterior = fit(
        model, num_steps=400, lr=1e-9, beta2=1 - 1e-9
    )  # it stays at its start
    losses = posterior.info.losses
    bound = posterior.bound((X, Y), num_samples=400)
    error = (losses.std() / 20).item() + bound.error
    assert abs(losses.mean().item() - bound.value) < 4.5 * error
    divergence_missing = bound.value - 0.5
    assert abs(losses.mean().item() - divergence_missing) > 4.5 * error


def test_a_second_fit_starts_anew_and_leaves_the_first_alone():
    model = mlp()
    first = fit(model)
    before = first.distributions()["layer1.weight"].mean.clone()
    second = fit(model)
    mean = second.distributions()["layer1.weight"].mean
    assert torch.equal(mean, before)
    assert torch.equal(first.distributions()["layer1.weight"].mean, before)


def stopped_at(stop):
    """Return a schedule that interrupts the run at a step."""

    def schedule(optimizer):
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 60)
        advance, count = scheduler.step, iter(range(10**6))

        def step():
            if next(count) == stop:
                raise KeyboardInterrupt
            advance()

        scheduler.step = step
        return scheduler

    return schedule


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"precision": "bf16", "mc_samples": 2},
        pytest.param({"compile": "compiled"}, marks=pytest.mark.slow),
    ],
)
def test_a_resumed_run_ends_in_the_same_bits(tmp_path, options):
    model = mlp(cases.PRIORS["by_name+Point"]())

    def run(path, stop=None, seed=0):
        settings = {"num_steps": 60, "scheduler": stopped_at(stop)} | options
        return fit(model, (X, Y), 10, seed, checkpoint=path, **settings)

    straight = run(None)
    assert run(tmp_path / "a.run", stop=22).info.stopped.startswith("interrupted")
    again = run(tmp_path / "a.run", seed=4)  # the file holds the random state
    assert torch.equal(again.info.losses, straight.info.losses)
    for name, value in straight.scoped.tensors().items():
        assert torch.equal(value, again.scoped.tensors()[name]), name

    elsewhere = run(None, seed=4)  # the wrong answer: a new run with that seed
    assert not torch.equal(elsewhere.info.losses, straight.info.losses)


def test_another_run_is_refused(tmp_path):
    path = tmp_path / "a.run"
    fit(mlp(), checkpoint=path)
    with pytest.raises(ValueError, match="of another run: they differ in optimizer"):
        fit(mlp(), checkpoint=path, beta2=0.99)


def test_a_site_with_a_random_scale_is_a_part_of_the_loss():
    noise = likelihoods.Gaussian(scale=dist.HalfNormal(1.0))
    rule = {
        "layer1*": dist.Normal(0.1, 2.0),
        "layer2.weight": priors.Hierarchical(dist.HalfNormal(1.0)),
        "layer2.bias": priors.Learned(0.5),
    }
    model = mlp(priors.WeightPrior(priors.by_name(rule)), noise)
    found = NormalPrior.of(model, guides.MeanField(model), num_data=10)
    assert found.names == {"layer1.weight", "layer1.bias"}
    assert sorted(found.delta.unique().tolist()) == pytest.approx([0.0, 0.025])
    assert sorted(found.mean.unique().tolist()) == pytest.approx([0.0, 0.1])

    posterior = fit(model)
    assert "prior:layer2.bias.log_scale" in posterior.state
    assert torch.isfinite(posterior.info.losses).all()


def test_a_positive_site_has_the_optimum_of_svi():
    """Both fit a normal distribution in unconstrained space to the noise scale."""
    noise = likelihoods.Gaussian(scale=dist.HalfNormal(1.0))
    network = torch.nn.Linear(2, 1, bias=False)
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(network, prior, noise)
    found = fit(model, num_steps=600, beta2=0.98, mc_samples=2).guide
    engine = inference.SVI(
        model, guides.MeanField(model), num_steps=600, progress=False
    )
    other = engine.fit((X, Y)).guide

    scale, expected = (each.scale("likelihood:scale").item() for each in (found, other))
    distance = found.loc["likelihood:scale"] - other.loc["likelihood:scale"]
    assert abs(distance.item()) < 0.5 * expected
    assert scale / expected == pytest.approx(1.0, abs=0.3)
    assert expected < 0.3  # far from the start and from the prior


def test_point_estimates_buffers_and_frozen_weights():
    model = cases.model("BatchNorm", "by_name+Point", "Gaussian")
    data = cases.data("BatchNorm", "Gaussian", 12)
    posterior = fit(model, data, num_steps=5)
    own = model.network.state_dict()
    for name in model.plan.points:
        assert not torch.equal(posterior.state[name], own[name]), name
    assert not torch.equal(posterior.state["1.running_mean"], own["1.running_mean"])

    model = cases.model("MLP", "last_layer+Frozen", "Gaussian")
    posterior = fit(model, cases.data("MLP", "Gaussian"), num_steps=5)
    for name in model.plan.frozen:
        assert torch.equal(posterior.state[name], model.network.state_dict()[name])


def test_early_stopping_keeps_the_best_means():
    stopping = inference.EarlyStopping(fraction=0.3, every=5, patience=2)
    posterior = fit(mlp(), num_steps=400, early_stopping=stopping)
    assert "early stopping" in posterior.info.stopped
    assert len(posterior.info.held_out) >= 3


def test_a_likelihood_temperature_keeps_the_size_of_a_step():
    """A cold likelihood has a higher curvature, and a first step of the same length."""
    moves = []
    for cold in (1.0, 0.01):
        model = mlp()
        posterior = fit(model, num_steps=1, scheduler=None, likelihood_temperature=cold)
        plain = posterior.network().layer1.weight
        moves.append((plain - model.network.layer1.weight).norm().item())

    assert (
        0.1 < moves[1] / moves[0] < 10
    )  # a step that is not scaled is 100 times as long


def test_the_kind_of_a_fit_names_the_decay_of_the_curvature():
    slow = fit(mlp(), num_steps=300).info
    assert slow.fit_kind == "scales not converged"
    assert "beta2 of IVON" in slow.fit_reason
    assert fit(mlp(), num_steps=1000, beta2=0.98).info.fit_kind == "optimum"


def test_a_discrete_site_is_refused():
    model = mlp(priors.NodePrior(dist.Bernoulli(0.9)))
    with pytest.raises(ValueError, match="is discrete"):
        inference.IVON(model)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"beta1": 1.0}, "beta1 is the decay .* below 1, not 1.0; write beta1=0.9"),
        ({"beta2": -0.1}, "beta2 is the decay .* from 0 to below 1, not -0.1"),
        ({"hess_init": 0.0}, "hess_init is a curvature .* positive, not 0.0"),
        ({"lr": -1.0}, "lr is a learning rate and must be positive"),
        ({"point_lr": 0}, "point_lr is a learning rate and must be positive"),
        ({"mc_samples": 0}, "mc_samples"),
        ({"temperature": 0.0}, "temperature divides"),
    ],
)
def test_arguments_out_of_range(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        inference.IVON(mlp(), **options)


def test_the_model_is_a_bayesian_network():
    sentence = r"not an object of type MLP; write IVON\(zoo\.BayesianNetwork"
    with pytest.raises(TypeError, match=sentence):
        inference.IVON(networks.MLP(2, 1, hidden=[4]))
