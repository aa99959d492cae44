"""Any optimiser and any scheduler: with a closure, with the loss, of Pyro, or a sentence."""

import functools
import math
import re

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.optim.clipped_adam import ClippedAdam
from torch import nn
from torch.optim import lr_scheduler

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.inference.svi.trainer import Trainer

X = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
NOISE = torch.randn(40, 1, generator=torch.Generator().manual_seed(1))
Y = X @ torch.tensor([[0.5], [-1.0]]) + 0.3 * NOISE


def model_of(network=None):
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    network = network or nn.Linear(2, 1, bias=False)
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.3))


def fitted(guide=None, batch_size=None, **options):
    model = model_of() if guide is None else guide.keywords["model"]
    made = guides.MeanField(model) if guide is None else guide()
    options = {"num_steps": 30, "progress": False} | options
    return inference.SVI(model, made, **options).fit((X, Y), batch_size)


def mean_and_scale(posterior):
    site = posterior.distributions()["weight"]
    while hasattr(site, "base_dist"):
        site = site.base_dist
    return site.loc[0].detach(), site.scale[0].detach()


def closed_form():
    precision = torch.eye(2) + X.T @ X / 0.09
    mean = torch.linalg.solve(precision, X.T @ Y / 0.09)[:, 0]
    return mean, precision.diagonal().rsqrt()


class _Sharpness(torch.optim.SGD):
    """Two gradients a step: at the parameters, and uphill of them."""

    def step(self, closure=None):
        assert closure is not None, "this optimiser requires a closure"
        parameters = [each for group in self.param_groups for each in group["params"]]
        with torch.no_grad():
            moves = [0.01 * each.grad for each in parameters]
            for each, move in zip(parameters, moves, strict=True):
                each.add_(move)
        self.zero_grad()
        closure()
        with torch.no_grad():
            for each, move in zip(parameters, moves, strict=True):
                each.sub_(move)
        return super().step()


@pytest.mark.parametrize(
    ("mode", "search"), [("plain", "strong_wolfe"), ("traced", None)]
)
def test_lbfgs_reaches_the_closed_form_in_a_few_steps(mode, search):
    torch.manual_seed(0)
    make = functools.partial(torch.optim.LBFGS, line_search_fn=search, max_iter=8)
    posterior = fitted(
        optimizer=make, lr=0.5, num_steps=6, num_particles=25, compile=mode
    )
    mean, scale = mean_and_scale(posterior)
    expected_mean, expected_scale = closed_form()
    assert ((mean - expected_mean).abs() < expected_scale).all()
    assert (scale / expected_scale > 0.7).all()
    assert (scale / expected_scale < 2.0).all()
    assert len(posterior.info.losses) == 6


def test_within_a_step_the_loss_is_a_function_of_the_parameters():
    losses = []

    class Repeating(torch.optim.SGD):
        def step(self, closure):
            losses.append([closure().item() for _ in range(3)])
            return super().step()

    posterior = fitted(optimizer=Repeating, lr=1e-3, num_steps=4, compile="plain")
    for number, values in enumerate(losses):
        assert len(set(values)) == 1
        assert values[0] == pytest.approx(posterior.info.losses[number].item())
    assert len({values[0] for values in losses}) == 4  # fresh noise at each step


def test_an_optimiser_that_asks_for_a_closure_gets_it():
    posterior = fitted(optimizer=_Sharpness, lr=3e-3, num_steps=200)
    mean, _ = mean_and_scale(posterior)
    expected, scale = closed_form()
    assert ((mean - expected).abs() < 2 * scale).all()


class _Counted(networks.MLP):
    """A network that counts how often it is run for a gradient."""

    num_runs = 0

    def forward(self, x):
        self.num_runs += torch.is_grad_enabled()
        return super().forward(x)


@pytest.mark.parametrize("scheduler", [None, "auto", lr_scheduler.ReduceLROnPlateau])
def test_a_scheduler_costs_no_second_evaluation(scheduler):
    """Torch's schedulers wrap `step` of an optimiser, which then looks as if it took more."""
    network = _Counted(1, 1, hidden=[])
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihoods.Gaussian(0.1)
    )
    guide = guides.MeanField(model)
    data = (torch.zeros(4, 1), torch.zeros(4, 1))

    def num_runs(num_steps):
        network.num_runs = 0
        inference.SVI(
            model, guide, num_steps=num_steps, scheduler=scheduler, compile="plain",
            progress=False,
        ).fit(data)  # fmt: skip
        return network.num_runs

    assert num_runs(7) - num_runs(3) == 4


@pytest.mark.parametrize("batch_size", [None, 10])
def test_a_scheduler_that_needs_the_loss_gets_the_mean_of_each_epoch(batch_size):
    seen = []

    class Recording(lr_scheduler.ReduceLROnPlateau):
        def step(self, metrics, epoch=None):
            seen.append(metrics)
            super().step(metrics, epoch)

    posterior = fitted(scheduler=Recording, batch_size=batch_size, num_steps=24)
    per_epoch = 1 if batch_size is None else 4
    epochs = posterior.info.losses.reshape(-1, per_epoch).mean(-1)
    assert seen == pytest.approx(epochs.tolist(), rel=1e-5)


def test_a_plateau_lowers_the_rate():
    rates = []

    def make(optimizer):
        plateau = lr_scheduler.ReduceLROnPlateau(optimizer, patience=3)
        rates.append(plateau)
        return plateau

    fitted(scheduler=make, num_steps=200, lr=0.1)
    assert rates[0].get_last_lr()[0] < 0.1


SCHEDULERS = {
    "one cycle": functools.partial(
        lr_scheduler.OneCycleLR, max_lr=0.05, total_steps=31
    ),
    "lambda": functools.partial(
        lr_scheduler.LambdaLR, lr_lambda=lambda step: 0.9**step
    ),
    "restarts": functools.partial(lr_scheduler.CosineAnnealingWarmRestarts, T_0=5),
    "sequential": lambda optimizer: lr_scheduler.SequentialLR(
        optimizer,
        [
            lr_scheduler.ConstantLR(optimizer),
            lr_scheduler.ExponentialLR(optimizer, 0.9),
        ],
        milestones=[5],
    ),
    "plateau": lr_scheduler.ReduceLROnPlateau,
}


@pytest.mark.parametrize("name", SCHEDULERS)
def test_schedulers(name):
    assert fitted(scheduler=SCHEDULERS[name]).info.num_steps == 30


@pytest.mark.parametrize(
    "name", ["RAdam", "Adafactor", "ASGD", "Rprop", "AdamW", "NAdam", "Adagrad", "SGD"]
)
def test_optimisers(name):
    losses = fitted(optimizer=getattr(torch.optim, name), lr=1e-3).info.losses
    assert torch.isfinite(losses).all()


def losses_of(optimizer, **options):
    torch.manual_seed(0)
    return fitted(optimizer=optimizer, compile="plain", **options).info.losses


@pytest.mark.parametrize(
    ("of_pyro", "of_torch", "lr"),
    [
        (pyro.optim.SGD({"lr": 1e-3, "momentum": 0.9}), "momentum", 1e-3),
        (pyro.optim.ClippedAdam({"lr": 0.02, "clip_norm": 5.0}), "clipped", 0.02),
        (pyro.optim.RMSprop({"lr": 0.02}), torch.optim.RMSprop, 0.02),
        (pyro.optim.RMSprop, torch.optim.RMSprop, 0.02),
        (pyro.optim.RMSprop(lambda name: {"lr": 0.02}), torch.optim.RMSprop, 0.02),
        (
            pyro.optim.RMSprop(lambda part, name: {"lr": 0.02}),
            torch.optim.RMSprop,
            0.02,
        ),
    ],
)
def test_an_optimiser_of_pyro_is_that_of_torch(of_pyro, of_torch, lr):
    named = {
        "momentum": functools.partial(torch.optim.SGD, momentum=0.9),
        "clipped": functools.partial(ClippedAdam, clip_norm=5.0),
    }
    expected = losses_of(named.get(of_torch, of_torch), lr=lr)
    options = (
        {"lr": lr} if callable(of_pyro) and isinstance(of_pyro, type(fitted)) else {}
    )
    torch.testing.assert_close(losses_of(of_pyro, **options), expected)


def test_options_of_pyro_by_name_reach_their_parameter():
    names = []

    def options(name):
        names.append(name)
        return {"lr": 0.0 if "scale" in name or "rho" in name else 0.05}

    model = model_of()
    guide = guides.MeanField(model)
    before = {name: value.clone() for name, value in guide.state_dict().items()}
    inference.SVI(
        model, guide, num_steps=5, progress=False, optimizer=pyro.optim.SGD(options)
    ).fit((X, Y))
    assert sorted(names) == sorted(name for name, _ in guide.named_parameters())
    for name, value in guide.named_parameters():
        assert torch.equal(value, before[name]) == (options(name)["lr"] == 0.0)


def test_pyro_schedules_and_clips():
    of_pyro = pyro.optim.ExponentialLR(
        {"optimizer": torch.optim.SGD, "optim_args": {"lr": 1e-3}, "gamma": 0.5},
        {"clip_norm": 1e9},
    )
    exponential = functools.partial(lr_scheduler.ExponentialLR, gamma=0.5)
    expected = losses_of(torch.optim.SGD, lr=1e-3, scheduler=exponential)
    torch.testing.assert_close(losses_of(of_pyro), expected)

    model = model_of()
    guide = guides.MeanField(model)
    before = [value.detach().clone() for value in guide.parameters()]
    clipped = pyro.optim.SGD({"lr": 1.0}, {"clip_norm": 1e-3})
    options = {"num_steps": 1, "progress": False, "optimizer": clipped}
    inference.SVI(model, guide, **options).fit((X, Y))
    for old, new in zip(before, guide.parameters(), strict=True):
        assert (new - old).norm().item() == pytest.approx(1e-3, rel=1e-3)


def test_groups_of_parameters_are_a_function():
    def make(parameters, lr):
        first, *others = parameters
        groups = [{"params": [first], "lr": 0.0}, {"params": others, "lr": lr}]
        return torch.optim.SGD(groups)

    def without_rate(parameters):
        return torch.optim.SGD(parameters, lr=1e-3)

    assert fitted(optimizer=make, lr=1e-3).info.num_steps == 30
    torch.testing.assert_close(
        losses_of(without_rate), losses_of(torch.optim.SGD, lr=1e-3)
    )


def test_parameters_that_are_left_out_are_named():
    def make(parameters, lr):
        return torch.optim.SGD(parameters[:1], lr=1e-3)

    with pytest.warns(UserWarning, match=r"optimizer make leaves out .*, which keep"):
        fitted(optimizer=make)


MADE = torch.optim.Adam([nn.Parameter(torch.ones(1))])
WRONG = [
    ({"optimizer": None}, "not None; write SVI(..., optimizer=torch.optim.Adam, lr="),
    ({"optimizer": "adam"}, "not 'adam'; write SVI(..., optimizer=torch.optim.Adam"),
    ({"optimizer": MADE}, "not an object of Adam that has its parameters already"),
    ({"optimizer": torch.optim.SparseAdam}, "SparseAdam takes sparse gradients"),
    (
        {"optimizer": functools.partial(torch.optim.SparseAdam, eps=1e-6)},
        "SparseAdam takes sparse gradients",
    ),
    ({"optimizer": lr_scheduler.ConstantLR(MADE)}, "optimizer must be a class or"),
    ({"optimizer": pyro.optim.multi.Newton({})}, "optimizer must be a class or"),
    ({"optimizer": lambda parameters, lr: None}, "must return a torch.optim.Optimizer"),
    ({"optimizer": lambda parameters, lr: MADE}, "is not one of the parameters"),
    ({"optimizer": lambda: MADE}, "cannot be called as optimizer(parameters, lr=lr)"),
    ({"scheduler": "cosine"}, "takes an optimiser, not 'cosine'; write scheduler="),
    ({"scheduler": lr_scheduler.ConstantLR(MADE)}, "scheduler must be a class or"),
    ({"scheduler": lr_scheduler.StepLR}, "StepLR cannot be called as scheduler(opt"),
    ({"scheduler": lambda optimizer: None}, "must make a learning-rate scheduler, not"),
    (
        {
            "scheduler": pyro.optim.StepLR(
                {"optimizer": torch.optim.Adam, "optim_args": {}, "step_size": 3}
            )
        },
        "a scheduler of pyro.optim has its optimiser inside",
    ),
    (
        {
            "optimizer": pyro.optim.StepLR(
                {"optimizer": torch.optim.Adam, "optim_args": {}, "step_size": 3}
            ),
            "scheduler": lr_scheduler.ReduceLROnPlateau,
        },
        "has a scheduler of pyro.optim already; omit scheduler",
    ),
    ({"lr": math.nan}, "lr is a learning rate and must be positive, not nan"),
    ({"lr": math.inf}, "lr is a learning rate and must be positive, not inf"),
    ({"lr": 0}, "lr is a learning rate and must be positive, not 0"),
    ({"lr": "fast"}, "lr is a learning rate and must be positive, not fast"),
    ({"lr": None}, "lr is a learning rate and must be positive, not None"),
    ({"lr": True}, "lr is a learning rate and must be positive, not True"),
    ({"lr": torch.tensor([0.1, 0.2])}, "lr is one learning rate for all parameters"),
    ({"lr": {"loc": 0.1}}, "lr is one learning rate for all parameters"),
    (
        {"early_stopping": True},
        "not True; write early_stopping=inference.EarlyStopping",
    ),
    ({"num_steps": math.nan}, "num_steps must be a whole number, not nan"),
    ({"num_steps": 2.5}, "num_steps must be a whole number, not 2.5"),
    ({"num_steps": "10"}, "num_steps must be a whole number, not '10'"),
    ({"num_steps": None, "num_epochs": math.inf}, "num_epochs must be a whole number"),
    ({"num_particles": 0}, "num_particles must be at least 1, not 0"),
    ({"num_particles": True}, "num_particles must be a whole number, not True"),
]


@pytest.mark.parametrize(
    ("options", "sentence"), WRONG, ids=[sentence for _, sentence in WRONG]
)
def test_a_wrong_argument_is_answered(options, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        fitted(**options)


def test_a_rate_may_be_a_tensor_of_one_number():
    torch.testing.assert_close(
        losses_of(torch.optim.Adam, lr=torch.tensor(0.02)),
        losses_of(torch.optim.Adam, lr=0.02),
    )


def test_network_of_several_layers_with_lbfgs():
    model = model_of(networks.MLP(2, 1, hidden=[4]))
    search = functools.partial(torch.optim.LBFGS, line_search_fn="strong_wolfe")
    guide = guides.Delta(model)  # without noise, so that every step must go downhill
    engine = inference.SVI(
        model, guide, num_steps=10, optimizer=search, lr=0.3, progress=False
    )
    losses = engine.fit((X, Y)).info.losses
    assert (losses.diff() <= 1e-6).all()
    assert losses[-1] < losses[0] - 0.1


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": torch.optim.LBFGS, "lr": 0.1},
        {"optimizer": pyro.optim.ClippedAdam({"lr": 0.01, "lrd": 0.9})},
        {"scheduler": SCHEDULERS["sequential"]},
        {"scheduler": functools.partial(lr_scheduler.ReduceLROnPlateau, patience=1)},
    ],
    ids=["LBFGS", "pyro.optim", "sequential", "plateau"],
)
def test_a_resumed_run_ends_with_the_same_bits(options, tmp_path, monkeypatch):
    options = options | {"num_steps": 14, "compile": "plain"}
    torch.manual_seed(0)
    whole = fitted(**options, checkpoint=tmp_path / "whole").info.losses

    take = Trainer._step

    def interrupted(trainer, x, y):
        if trainer.state.num_steps == 9:
            raise KeyboardInterrupt
        return take(trainer, x, y)

    torch.manual_seed(0)
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", interrupted)
        fitted(**options, checkpoint=tmp_path / "part")
    torch.manual_seed(0)
    taken_up = fitted(**options, checkpoint=tmp_path / "part").info.losses
    assert torch.equal(taken_up, whole)
