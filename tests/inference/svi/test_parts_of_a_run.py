"""Steps without noise, more draws towards the end, averages, restarts, scales alone."""

import copy

import cases
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import one_thread  # noqa: F401
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.inference.svi.averaging import Averaging
from zoo.inference.svi.phases import phases

X = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
NOISE = torch.randn(40, 1, generator=torch.Generator().manual_seed(1))
Y = X @ torch.tensor([[0.5], [-1.0]]) + 0.3 * NOISE
WEIGHTS = priors.WeightPrior(dist.Normal(0.0, 1.0))


def model_of(network=None, prior=WEIGHTS, likelihood=None):
    network = network or networks.MLP(2, 1, hidden=[4])
    return zoo.BayesianNetwork(network, prior, likelihood or likelihoods.Gaussian(0.3))


def svi(model, guide, seed=1, fit_to=(X, Y), batch_size=None, **options):
    pyro.set_rng_seed(seed)
    settings = {"num_steps": 24, "progress": False} | options
    return inference.SVI(model, guide, **settings).fit(fit_to, batch_size)


def tensors(posterior):
    return posterior.scoped.tensors() | posterior.state


def same(one, other):
    return all(torch.equal(value, other[name]) for name, value in one.items())


# The parts


@pytest.mark.parametrize("num_steps", [1, 7, 100])
@pytest.mark.parametrize("deterministic", [0.0, 0.2, 0.9])
@pytest.mark.parametrize("num_particles", [1, 3, (1, 8), (2, 5)])
def test_the_parts_cover_the_run(num_steps, deterministic, num_particles):
    parts = phases(num_steps, deterministic, num_particles)
    assert parts[0].begin == 0
    assert parts[-1].end == num_steps
    assert [part.begin for part in parts[1:]] == [part.end for part in parts[:-1]]
    numbers = [part.num_particles for part in parts if not part.is_deterministic]
    assert numbers == sorted(numbers)
    if num_steps == 100 and num_particles == (1, 8):
        assert numbers == [1, 2, 4, 8]


REFUSED = {
    "deterministic must be the share of steps without noise": [
        {"deterministic": 1.0},
        {"deterministic": -0.1},
    ],
    "num_particles must be a number of draws": [
        {"num_particles": (8, 1)},
        {"num_particles": (1, 2, 3)},
    ],
    "num_particles must be at least 1": [{"num_particles": (0, 4)}],
    "average must be 'ema', 'swa' or a decay": [
        {"average": "mean"},
        {"average": 1.0},
        {"average": True},
    ],
    "restarts must be at least 1": [{"restarts": 0}],
    "scales_only moves nothing in the steps without noise": [
        {"scales_only": True, "deterministic": 0.2}
    ],
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_a_wrong_part_is_refused(sentence):
    model = model_of()
    guide = guides.MeanField(model)
    for options in REFUSED[sentence]:
        with pytest.raises(ValueError, match=sentence):
            inference.SVI(model, guide, **options)


# Without noise


def test_without_noise_the_means_are_fitted_as_point_masses():
    """All but one step have no noise: the losses and means are those of `Delta`."""
    torch.manual_seed(0)
    model = model_of()
    options = {"num_steps": 30, "lr": 0.01, "scheduler": None}
    point = svi(model, guides.Delta(model), **options)
    for family in (guides.MeanField, guides.LocalReparam, guides.FullRank):
        guide = family(model)
        scales = {n: p.clone() for n, p in guide.state_dict().items() if n[:3] == "rho"}
        found = svi(model, guide, deterministic=29 / 30, **options)
        assert torch.allclose(found.info.losses[:29], point.info.losses[:29], rtol=1e-5)
        assert found.info.losses[29] > found.info.losses[28]  # a divergence, and noise
        moved = [abs(guide.state_dict()[n] - p).max() for n, p in scales.items()]
        assert max(moved) <= 0.0101  # by one step alone


WITHOUT_MEANS = {"Flow", "LastLayer", "Mixture", "NodeMixture", "Rank1", "Resampled"}


@pytest.mark.parametrize("name", cases.GUIDES)
def test_every_guide_has_steps_without_noise_or_says_why_not(name):
    torch.manual_seed(0)
    prior = cases.PRIORS["NodePrior+WeightPrior"]()
    if name == "Rank1":
        prior = priors.NodePrior(dist.Normal(1.0, 0.3), where="both")
    model = model_of(prior=prior)
    options = {"num_steps": 8, "deterministic": 0.5, "num_particles": (1, 2)}
    if name in WITHOUT_MEANS:
        with pytest.raises(
            ValueError, match=r"has no mean, because .* omit deterministic"
        ):
            svi(model, cases.GUIDES[name](model), **options)
        return

    found = []
    for _ in range(2):
        pyro.set_rng_seed(0)
        found.append(svi(model, cases.GUIDES[name](model), **options).info.losses)
    assert torch.isfinite(found[0]).all()
    assert torch.equal(*found)


def test_a_site_with_bounded_support_rests_at_its_mean():
    model = model_of(likelihood=likelihoods.Gaussian(dist.HalfNormal(1.0)))
    found = svi(model, guides.MeanField(model), deterministic=0.5)
    assert torch.isfinite(found.info.losses).all()


# Averages


def trajectory(num_steps, average):
    """Return the average of a known path, and the path, (T,)."""
    tensor, count = torch.zeros(1), torch.zeros(1, dtype=torch.long)
    averaging = Averaging([tensor, count], average, num_steps)
    path = torch.randn(num_steps, generator=torch.Generator().manual_seed(2))
    for step, value in enumerate(path, start=1):
        tensor.fill_(value)
        count.fill_(step)
        averaging.add(step)
    averaging.finish()
    assert count == num_steps
    return tensor.item(), path


def test_an_average_is_that_of_its_equation():
    value, path = trajectory(100, "swa")
    assert value == pytest.approx(path[75:].mean().item(), abs=1e-6)
    for average, decay in (("ema", 0.9), (0.5, 0.5)):
        value, path = trajectory(100, average)
        weights = (1 - decay) * decay ** torch.arange(99, -1, -1.0)
        weights[0] = decay**99
        assert value == pytest.approx((weights * path).sum().item(), abs=1e-5)


def batch_normed():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    return model_of(
        network, priors.WeightPrior(priors.all_but_normalisation(dist.Normal(0, 1)))
    )


def test_a_fit_ends_at_the_average_with_its_buffers():
    """With a decay near 0 the average is the end; with one near 1 it is the first step."""
    model = batch_normed()
    ends = {}
    for average in (None, 1e-9, "swa", 1 - 1e-9):
        guide = guides.MeanField(model)
        found = svi(model, guide, average=average, num_steps=12, batch_size=10)
        ends[average] = found.state["1.running_mean"]
        assert same(found.scoped.tensors(), dict(guide.state_dict()))
        assert found.state["1.num_batches_tracked"] == 12
    assert torch.allclose(ends[None], ends[1e-9])
    one = svi(model, guides.MeanField(model), num_steps=1, batch_size=10)
    assert torch.allclose(ends[1 - 1e-9], one.state["1.running_mean"], atol=1e-6)
    assert not torch.allclose(ends["swa"], ends[None])


def test_early_stopping_scores_the_average():
    model = model_of()
    stopping = inference.EarlyStopping(held_out=(X, Y), every=4, patience=50)
    options = {"early_stopping": stopping, "lr": 0.1, "scheduler": None}
    plain = svi(model, guides.Delta(model), **options)
    averaged = svi(model, guides.Delta(model), average=1 - 1e-7, **options)
    assert torch.equal(plain.info.losses, averaged.info.losses)
    scores = torch.tensor(averaged.info.held_out)
    assert torch.allclose(scores, scores[0], rtol=1e-3)  # that of the first step
    assert plain.info.held_out[-1] < scores[-1]


# Scales alone


@pytest.mark.parametrize(
    "family",
    [guides.MeanField, guides.LocalReparam, guides.LowRank, guides.MatrixNormal],
)
def test_scales_alone_are_moved_bit_for_bit(family):
    model = batch_normed()
    model.network.train()
    svi(model, guides.Delta(model), num_steps=50)
    before = copy.deepcopy(model.network.state_dict())
    guide = family(model)
    start = {name: value.clone() for name, value in guide.state_dict().items()}
    found = svi(model, guide, scales_only=True, batch_size=10)

    for name, value in guide.state_dict().items():
        is_mean = name.startswith("loc")
        assert torch.equal(value, start[name]) == is_mean, name
    for name, value in before.items():
        assert torch.equal(model.network.state_dict()[name], value)
        if name in found.state:
            assert torch.equal(found.state[name], value), name
    means = sum(p.numel() for n, p in guide.named_parameters() if n.startswith("loc"))
    assert found.info.num_parameters == guide.num_parameters() - means


def test_scales_alone_reach_the_closed_form():
    """At the mean of the posterior, left where it is, the optimum is 1 / sqrt(precision)."""
    torch.manual_seed(0)
    precision = torch.eye(2) + X.T @ X / 0.09
    mean = torch.linalg.solve(precision, X.T @ Y / 0.09)
    model = model_of(nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        model.network.weight.copy_(mean.T)
    guide = guides.LocalReparam(model, init_scale=0.3)
    svi(model, guide, scales_only=True, num_steps=400, lr=0.02)
    assert torch.equal(guide.loc["weight"], mean.T)
    expected = precision.diagonal().rsqrt()
    assert ((guide.scale("weight")[0] / expected - 1).abs() < 0.1).all()
    wrong = precision.inverse().diagonal()  # a variance
    assert ((guide.scale("weight")[0] / wrong - 1).abs() > 0.1).all()


@pytest.mark.parametrize("make", [guides.Delta, pyro.infer.autoguide.AutoNormal])
def test_a_guide_without_scales_has_none_to_fit(make):
    model = model_of()
    with pytest.raises(
        ValueError, match=r"declares its scales, which .* write guides.MeanF"
    ):
        svi(model, make(model), scales_only=True)


# Restarts


def test_the_best_restart_is_kept():
    torch.manual_seed(3)
    model = model_of(networks.MLP(2, 1, hidden=[4]))
    network = copy.deepcopy(model.network.state_dict())
    guide = guides.MeanField(model)
    first = svi(model, copy.deepcopy(guide), num_steps=40)
    found = svi(model, guide, num_steps=40, restarts=4)

    losses = found.info.restarts
    assert len(losses) == 4
    assert losses[0] == pytest.approx(first.info.losses[-2:].mean().item())
    assert len(set(losses)) == 4
    assert found.info.losses[-2:].mean().item() == pytest.approx(min(losses), rel=1e-5)
    assert same(found.scoped.tensors(), dict(guide.state_dict()))
    for name, value in network.items():
        assert torch.equal(model.network.state_dict()[name], value)


def test_point_estimates_start_anew_too():
    prior = priors.WeightPrior(priors.by_name({"layer2*": dist.Normal(0.0, 1.0)}))
    model = model_of(prior=prior)
    found = svi(model, guides.MeanField(model), restarts=2, num_steps=1, lr=1e-9)
    assert len(set(found.info.restarts)) == 2


def test_a_guide_of_pyro_has_no_restarts():
    model = model_of()
    with pytest.raises(ValueError, match="restarts need a guide that says which"):
        svi(model, pyro.infer.autoguide.AutoNormal(model), restarts=2)


# Checkpoints


COUNT = {"runs": 0, "stop at": -1}


class Stopping(nn.Module):
    """A network that interrupts a fit at one of its runs."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))

    def forward(self, x):
        if self.training:
            COUNT["runs"] += 1
        if COUNT["runs"] == COUNT["stop at"]:
            COUNT["stop at"] = -1
            raise KeyboardInterrupt
        return self.body(x)


RUNS = {
    "without noise": {"deterministic": 0.5},
    "draws": {"num_particles": (1, 4)},
    "ema": {"average": "ema"},
    "swa": {"average": "swa", "deterministic": 0.25},
    "restarts": {"restarts": 3, "deterministic": 0.25, "average": 0.9},
    "early stopping": {
        "average": "ema",
        "early_stopping": inference.EarlyStopping(fraction=0.25, every=3),
    },
}


STOPS = [
    *[(0.8, name) for name in RUNS],
    (0.3, "without noise"),
    (0.3, "early stopping"),
]


@pytest.mark.parametrize(
    ("share", "name"),
    [
        *STOPS,
        *[
            pytest.param(0.3, name, marks=pytest.mark.full)
            for name in RUNS
            if (0.3, name) not in STOPS
        ],
    ],
)
def test_a_resumed_run_ends_in_the_same_bits(tmp_path, name, share):
    def run(path, seed, stop_at=-1):
        torch.manual_seed(0)
        model = model_of(
            Stopping(),
            priors.WeightPrior(priors.all_but_normalisation(dist.Normal(0.0, 1.0))),
        )
        guide = guides.MeanField(model)
        COUNT.update({"runs": 0, "stop at": stop_at})
        found = svi(
            model,
            guide,
            seed,
            batch_size=10,
            compile="plain",
            checkpoint=path,
            **RUNS[name],
        )
        return found, COUNT["runs"]

    straight, num_runs = run(None, seed=1)
    path = tmp_path / "a.run"
    stopped, _ = run(path, seed=1, stop_at=round(share * num_runs))
    assert "interrupted after" in stopped.info.stopped
    assert isinstance(stopped.info.error, KeyboardInterrupt)
    again, _ = run(path, seed=5)
    assert torch.equal(again.info.losses, straight.info.losses)
    assert same(tensors(straight), tensors(again))
    read, num_more = run(path, seed=6)  # a complete run is read
    assert num_more <= 3
    assert same(tensors(straight), tensors(read))
    elsewhere, _ = run(None, seed=5)  # the wrong answer: a new run
    assert not torch.equal(elsewhere.info.losses, straight.info.losses)


def test_all_together_have_equal_bits_plain_and_traced():
    model = batch_normed()
    options = {"deterministic": 0.25, "num_particles": (1, 2), "average": "ema"}
    plain, traced = (
        svi(model, guides.LocalReparam(model), compile=mode, **options)
        for mode in ("plain", "traced")
    )
    assert traced.info.compiled == "traced"
    assert torch.equal(plain.info.losses, traced.info.losses)
    assert same(tensors(plain), tensors(traced))
