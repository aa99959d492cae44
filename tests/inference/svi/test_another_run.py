"""A checkpoint of SVI is of one program: each part of it that a user can change is compared."""

from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

import guides
import zoo
from zoo import inference, likelihoods, networks, priors

torch.manual_seed(0)
X, Y = torch.randn(12, 2), torch.randn(12, 1)
GAMMA = {"value": 0.9}


class Twice(nn.Module):
    """A user's network with an option."""

    def __init__(self, slope=1.0):
        super().__init__()
        self.slope = slope
        self.layer = nn.Linear(2, 1)

    def forward(self, x):
        return self.slope * self.layer(x)


def mlp(activation=nn.Tanh, hidden=(3,)):
    return networks.MLP(2, 1, hidden=list(hidden), activation=activation)


def frozen_body(shift=0.0):
    network = mlp()
    with torch.no_grad():
        network.layer1.weight += shift
    return network


def buffered(momentum=0.1, mean=0.0):
    network = nn.Sequential(
        nn.Linear(2, 2), nn.BatchNorm1d(2, momentum=momentum), nn.Linear(2, 1)
    )
    network[1].running_mean.fill_(mean)
    return network


def fit(path, *, network=mlp, prior=None, likelihood=None, guide=None, fit_to=None,
        batch_size=None, dtype=None, seed=0, **options):  # fmt: skip
    """Fit a model of which every part has a default."""
    pyro.set_rng_seed(seed)
    made = network().to(dtype) if dtype else network()
    prior = prior or priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(made, prior, likelihood or likelihoods.Gaussian(0.1))
    engine = inference.SVI(
        model, (guide or guides.MeanField)(model), num_steps=4, progress=False, compile="plain",
        checkpoint=path, **options,
    )  # fmt: skip
    return engine.fit(fit_to or (X, Y), batch_size)


def other_priors(scale):
    return priors.WeightPrior(
        priors.by_name(
            {
                "layer1*": priors.Frozen(),
                "layer2.bias": priors.Point(dist.Normal(0.0, scale)),
            },
            otherwise=dist.Normal(0.0, 1.0),
        )
    )


def points(network, parameter):
    return priors.WeightPrior(priors.by_name({"layer2*": dist.Normal(0.0, 1.0)}))


def schedule(optimizer, gamma=0.9):
    return lr_scheduler.ExponentialLR(optimizer, gamma)


def in_turn(total_iters):
    def make(optimizer):
        parts = [
            torch.optim.lr_scheduler.ConstantLR(optimizer, 0.5, total_iters),
            schedule(optimizer),
        ]
        return torch.optim.lr_scheduler.ChainedScheduler(parts)

    return make


def by_lambda(factor):
    return partial(lr_scheduler.LambdaLR, lr_lambda=lambda step: factor**step)


def loader(x=X, y=Y, size=4, **options):
    return DataLoader(TensorDataset(x, y), size, **options)


def changed(values):
    values = values.clone()
    values[3, 0] += 1e-6
    return values


def stopping(**options):
    return inference.EarlyStopping(**{"every": 2, "fraction": 0.25, **options})


FROZEN = {"prior": other_priors(1.0)}
POINTS = {
    "prior": priors.WeightPrior(priors.by_name({"layer2*": dist.Normal(0.0, 1.0)}))
}
HALF = likelihoods.Gaussian(dist.HalfNormal(1.0))
NORMAL = dist.Normal

CHANGES = {
    "scale of the prior": ({}, {"prior": priors.WeightPrior(NORMAL(0.0, 0.01))},
        r"prior of layer1.weight \(then Normal\(0, 1\), now Normal\(0, 0.01\)\)"),
    "class of the prior": ({}, {"prior": priors.WeightPrior(dist.Laplace(0.0, 1.0))},
        r"then Normal\(0, 1\), now Laplace\(0, 1\)"),
    "scale of a scale": ({"prior": priors.WeightPrior(priors.Hierarchical(dist.HalfNormal(1.0)))},
        {"prior": priors.WeightPrior(priors.Hierarchical(dist.HalfNormal(2.0)))},
        r"prior of prior:layer1.weight.scale \(then HalfNormal\(1\), now HalfNormal\(2\)"),
    "side of nodes": ({"prior": priors.NodePrior(NORMAL(1.0, 0.1))},
        {"prior": priors.NodePrior(NORMAL(1.0, 0.1), where="out")}, "prior of .*nodes"),
    "prior of a point": (FROZEN, {"prior": other_priors(2.0)}, "treatment of layer2.bias"),
    "treatment": ({}, POINTS, "treatment of layer1.weight"),
    "noise": ({}, {"likelihood": likelihoods.Gaussian(10.0)},
        r"likelihood \(then Gaussian\(scale=0.1.*now Gaussian\(scale=10.0"),
    "prior of the noise": ({"likelihood": HALF},
        {"likelihood": likelihoods.Gaussian(dist.HalfNormal(2.0))}, "differ in .*likelihood"),
    "code of the likelihood": ({"likelihood": likelihoods.From(lambda f: dist.Laplace(f, 0.1))},
        {"likelihood": likelihoods.From(lambda f: dist.Laplace(f, 0.2))}, "in likelihood"),
    "activation": ({}, {"network": partial(mlp, nn.ReLU)},
        r"network activation1 \(then Tanh\(\), now ReLU\("),
    "width": ({}, {"network": partial(mlp, hidden=(4,))}, "network layer1"),
    "option of a network": ({"network": Twice}, {"network": partial(Twice, 2.0)},
        r"slope=1.0\), now .*slope=2.0\)"),
    "momentum of a layer": ({"network": buffered}, {"network": partial(buffered, 0.2)},
        "network 1 .*momentum=0.1.*momentum=0.2"),
    "buffer": ({"network": buffered}, {"network": partial(buffered, mean=1.0)},
        "buffer 1.running_mean"),
    "frozen body": ({"network": frozen_body, **FROZEN},
        {"network": partial(frozen_body, 1e-3), **FROZEN}, "frozen layer1.weight"),
    "start of a point": ({"network": frozen_body, **POINTS},
        {"network": partial(frozen_body, 1e-3), **POINTS},
        "start of layer1.weight .*set the seed before the network and the guide are built, or"),
    "dtype": ({}, {"dtype": torch.float64}, r"parameter layer1.weight \(then .*float32, now"),
    "class of the guide": ({}, {"guide": guides.Flipout}, r"guide \(then MeanField, now Flipout"),
    "initial scale": ({}, {"guide": partial(guides.MeanField, init_scale=1.0)}, "guide's rho"),
    "largest scale": ({}, {"guide": partial(guides.MeanField, max_scale=1.0)}, "max_scale"),
    "rank": ({"guide": guides.LowRank}, {"guide": partial(guides.LowRank, rank=2)},
        "guide's rank \\(then 4, now 2\\)"),
    "rate of dropout": ({"guide": guides.MCDropout}, {"guide": partial(guides.MCDropout, p=0.2)},
        "guide's p \\(then 0.1, now 0.2\\)"),
    "fixed parameters": ({}, {"guide": lambda model: guides.MeanField(model).freeze("rho.*")},
        "guide's rho.layer1.weight .*fixed"),
    "spread of a mixture": ({"guide": guides.Mixture},
        {"guide": partial(guides.Mixture, init_spread=0.5)}, "start of the guide"),
    "num_particles": ({}, {"num_particles": 5}, r"num_particles \(then 1, now 5\)"),
    "temperature": ({}, {"temperature": 0.5}, r"temperature \(then 1.0, now 0.5\)"),
    "likelihood_temperature": ({}, {"likelihood_temperature": 0.5}, "likelihood_temperature"),
    "learning rate": ({}, {"lr": 0.05}, r"learning rate \(then 0.02, now 0.05\)"),
    "optimizer": ({}, {"optimizer": torch.optim.SGD}, r"optimizer \(then Adam .*now SGD"),
    "options of the optimizer": ({"optimizer": torch.optim.SGD},
        {"optimizer": partial(torch.optim.SGD, momentum=0.9)}, "in optimizer"),
    "optimizer by a lambda": ({"optimizer": lambda p, lr: torch.optim.SGD(p, lr)},
        {"optimizer": lambda p, lr: torch.optim.SGD(p, lr, momentum=0.5)}, "in optimizer"),
    "a scheduler": ({"scheduler": None}, {"scheduler": schedule},
        r"scheduler \(then None, now ExponentialLR"),
    "the default scheduler": ({}, {"scheduler": None}, r"scheduler \(then LambdaLR.*now None"),
    "warm-up": ({}, {"scheduler": inference.schedules.cosine(warmup=0.1)}, "in scheduler"),
    "rate of scales": ({}, {"scale_lr": 0.02}, "in optimizer"),
    "rate of one scale": ({"scale_lr": lambda name: 0.02},
        {"scale_lr": lambda name: 0.01 if name == "rho.layer1.bias" else 0.02}, "in optimizer"),
    "options of the scheduler": ({"scheduler": schedule},
        {"scheduler": partial(schedule, gamma=0.5)}, "in scheduler"),
    "scheduler by a lambda": ({"scheduler": by_lambda(0.9)}, {"scheduler": by_lambda(0.5)},
        "in scheduler"),
    "schedulers in a scheduler": ({"scheduler": in_turn(2)}, {"scheduler": in_turn(3)},
        "in scheduler"),
    "early stopping": ({"early_stopping": stopping()}, {"early_stopping": stopping(patience=3)},
        r"early_stopping \(then .*patience=10.*now .*patience=3"),
    "held-out data": ({"early_stopping": stopping(held_out=(X, Y))},
        {"early_stopping": stopping(held_out=(X, changed(Y)))}, "early_stopping"),
    "one input": ({}, {"fit_to": (changed(X), Y)}, r"inputs \(then \(12, 2\)"),
    "one target": ({}, {"fit_to": (X, changed(Y))}, "differ in targets"),
    "batch size": ({"batch_size": 4}, {"batch_size": 6}, r"batch size \(then 4, now 6\)"),
    "a loader's data": ({"fit_to": loader()}, {"fit_to": loader(changed(X))}, "in data set"),
    "a loader's batches": ({"fit_to": loader()}, {"fit_to": loader(size=6)}, "batch size"),
    "a loader's order": ({"fit_to": loader()}, {"fit_to": loader(shuffle=True)}, "in sampler"),
    "a loader's last batch": ({"fit_to": loader(size=5)},
        {"fit_to": loader(size=5, drop_last=True)}, "in sampler .*drop_last"),
    "a sampler's weights": (
        {"fit_to": loader(sampler=WeightedRandomSampler(torch.ones(12), 12))},
        {"fit_to": loader(sampler=WeightedRandomSampler(torch.arange(12) + 1.0, 12))},
        "in sampler"),
}  # fmt: skip


@pytest.mark.parametrize(("before", "now", "sentence"), CHANGES.values(), ids=CHANGES)
def test_another_program_is_refused_by_name(tmp_path, before, now, sentence):
    """The same program is taken up; one that differs in one part is refused."""
    path = tmp_path / "a.run"
    first = fit(path, **before)
    again = fit(path, **before)
    assert torch.equal(first.info.losses, again.info.losses)
    with pytest.raises(ValueError, match=sentence):
        fit(path, **{**before, **now})


@pytest.mark.parametrize(
    "guide", [guides.MeanField, guides.LowRank, guides.Mixture, pyro.infer.autoguide.AutoNormal]
)  # fmt: skip
def test_a_program_without_a_seed_is_taken_up(tmp_path, guide):
    """The network and the guide start elsewhere each time, which is not what the user said."""
    path = tmp_path / "a.run"
    first = fit(path, guide=guide, seed=1)
    again = fit(path, guide=guide, seed=2)
    assert torch.equal(first.info.losses, again.info.losses)
    with pytest.raises(ValueError, match=r"prior of layer1.weight"):
        fit(path, guide=guide, seed=2, prior=priors.WeightPrior(NORMAL(0.0, 2.0)))


def test_what_does_not_change_the_answer_may_change(tmp_path):
    path = tmp_path / "a.run"
    first = fit(path)
    moved = path.rename(tmp_path / "b.run")
    again = fit(moved, fit_to=TensorDataset(X.clone(), Y.clone()))
    assert torch.equal(first.info.losses, again.info.losses)


def test_a_long_list_of_differences_is_cut(tmp_path):
    fit(tmp_path / "a.run")
    with pytest.raises(
        ValueError, match=r"and \d+ more; delete it, or give another path"
    ):
        fit(tmp_path / "a.run", network=partial(mlp, hidden=(3, 3)))


def test_the_split_of_early_stopping_belongs_to_the_run(tmp_path):
    """With another seed the run is taken up with the same held-out data, stopped early or not."""
    path = tmp_path / "a.run"
    options = {
        "early_stopping": stopping(every=1, patience=1),
        "lr": 1.0,
        "batch_size": 3,
    }
    first = fit(path, **options)
    assert "early stopping" in first.info.stopped
    written = path.stat().st_mtime_ns
    again = fit(path, seed=9, **options)
    assert again.info.held_out == first.info.held_out
    assert again.info.stopped == first.info.stopped
    assert torch.equal(again.info.losses, first.info.losses)
    for name, value in first.scoped.tensors().items():
        assert torch.equal(value, again.scoped.tensors()[name])
    assert path.stat().st_mtime_ns == written


@pytest.mark.parametrize("seed", [3, 4])
def test_the_callers_random_numbers_are_as_before(tmp_path, seed):
    """Those of torch, Python, NumPy and of the caller's loader."""
    import random

    import numpy as np

    generator = torch.Generator().manual_seed(5)
    data = loader(shuffle=True, generator=generator)
    fit(tmp_path / "a.run", fit_to=data)
    kept = generator.get_state()
    written = (tmp_path / "a.run").stat().st_mtime_ns

    pyro.set_rng_seed(seed)
    wanted = [random.random(), np.random.rand()]
    fit(tmp_path / "a.run", fit_to=data, seed=seed)
    assert [random.random(), np.random.rand()] == wanted
    assert torch.equal(generator.get_state(), kept)
    assert (tmp_path / "a.run").stat().st_mtime_ns == written  # and not written again

    after = torch.rand(3)
    pyro.set_rng_seed(seed)
    guides.MeanField(zoo.BayesianNetwork(
        mlp(), priors.WeightPrior(NORMAL(0.0, 1.0)), likelihoods.Gaussian(0.1)))  # fmt: skip
    assert torch.equal(after, torch.rand(3))


def test_the_fingerprint_of_a_resnet_20_costs_little():
    """Under 50 ms on an idle machine; the model, the guide and the options together."""
    import time

    from zoo.inference.svi.fingerprint import describe_run
    from zoo.inference.svi.state import TrainingState
    from zoo.runtime.param_scope import ScopedGuide

    model = zoo.BayesianNetwork(
        networks.ResNet(20),
        priors.WeightPrior(NORMAL(0.0, 0.1)),
        likelihoods.Categorical(),
    )
    scoped = ScopedGuide(guides.MeanField(model))
    options = inference.SVI(model, scoped.guide).options
    state = TrainingState(model, scoped, options, {})
    costs = []
    for _ in range(3):
        began = time.process_time()
        words = describe_run(model, scoped, options, state)
        costs.append(time.process_time() - began)
    assert words["prior of conv1.weight"] == "Normal(0, 0.1)"
    assert min(costs) < 0.1
