"""A run that ends early, by Ctrl-C or an error of the user's program, returns what it reached."""

import dataclasses

import cases
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.running.checkpoint import Checkpoint
from zoo.inference.mcmc.running.run import ChainRun
from zoo.inference.mcmc.running.store import Store
from zoo.inference.svi.checkpoint import TrainerCheckpoint
from zoo.inference.svi.trainer import Trainer
from zoo.runtime.param_scope import ScopedGuide

FIXED = torch.Generator().manual_seed(0)  # whatever other files draw before
X, Y = torch.randn(6, 2, generator=FIXED), torch.randn(6, 1, generator=FIXED)
PRIOR = priors.WeightPrior(priors.all_but_normalisation(dist.Normal(0.0, 1.0)))


class Failing(nn.Linear):
    """Fails when it is called for the n-th time in training."""

    fail_at, error = 10**9, None

    def forward(self, x):
        if self.training:
            self.calls = getattr(self, "calls", 0) + 1
            if self.calls == self.fail_at:
                raise self.error
        return super().forward(x)


def build(network=None):
    torch.manual_seed(0)
    network = network or networks.MLP(2, 1, hidden=[3])
    return zoo.BayesianNetwork(network, PRIOR, likelihoods.Gaussian(0.1))


def svi(model, data=(X, Y), batch_size=None, seed=1, **options):
    pyro.set_rng_seed(seed)
    # a constant rate: the steps of a short run are the first ones of a long run
    settings = {
        "num_steps": 10,
        "progress": False,
        "compile": "plain",
        "scheduler": None,
    }
    settings |= options
    engine = inference.SVI(model, guides.MeanField(model), **settings)
    return engine.fit(data, batch_size)


def failing(fail_at, error):
    torch.manual_seed(0)
    network = Failing(2, 1)
    network.fail_at, network.error = fail_at, error
    return zoo.BayesianNetwork(network, PRIOR, likelihoods.Gaussian(0.1))


def tensors(posterior):
    return posterior.scoped.tensors()


def same(one, other):
    return all(torch.equal(value, tensors(other)[name]) for name, value in one.items())


def failing_schedule(at, error):
    def make(optimizer):
        scheduler = torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0)
        advance, count = scheduler.step, iter(range(1, 10**6))

        def step():
            if next(count) == at:
                raise error
            advance()

        scheduler.step = step
        return scheduler

    return make


# Variational inference


@pytest.mark.parametrize("error", [KeyboardInterrupt(), LookupError("no\nwonder")])
def test_an_error_in_the_network_keeps_the_parameters_of_all_steps(error):
    model = failing(4, error)
    if isinstance(error, LookupError):
        with pytest.warns(
            UserWarning,
            match="the run ends after 3 of 10 steps, because the program raised "
            "LookupError: no; the posterior is the one that was reached",
        ):
            posterior = svi(model)
        reason = "ended by an error after 3 of 10 steps: LookupError: no"
        assert posterior.info.stopped == reason
    else:
        posterior = svi(model)
        assert posterior.info.stopped == "interrupted after 3 of 10 steps"

    assert posterior.info.error is error
    three = svi(failing(10**9, None), num_steps=3)
    assert torch.equal(posterior.info.losses, three.info.losses)
    assert same(tensors(posterior), three)
    two = svi(failing(10**9, None), num_steps=2)  # the wrong answer: a step is lost
    assert not same(tensors(posterior), two)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ArithmeticError("no rate")])
@pytest.mark.filterwarnings("ignore:the run ends")
def test_an_error_in_the_scheduler_keeps_the_step_before_it(error):
    posterior = svi(build(), scheduler=failing_schedule(4, error))
    assert posterior.info.num_steps == 4
    assert posterior.info.error is error
    four = svi(build(), scheduler=failing_schedule(10**9, error), num_steps=4)
    assert same(tensors(posterior), four)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ArithmeticError("no step")])
@pytest.mark.filterwarnings("ignore:the run ends")
def test_an_error_in_the_optimiser_undoes_half_a_step(error):
    class Half(torch.optim.Adam):
        fail_at = 4

        def step(self, closure=None):
            result = super().step(closure)
            self.number = getattr(self, "number", 0) + 1
            if self.number == self.fail_at:
                raise error
            return result

    posterior = svi(build(), optimizer=Half)
    assert posterior.info.num_steps == 3
    Half.fail_at = 10**9
    assert same(tensors(posterior), svi(build(), optimizer=Half, num_steps=3))
    four = svi(build(), optimizer=Half, num_steps=4)  # the wrong answer: half a step
    assert not same(tensors(posterior), four)


def test_a_loader_that_fails_in_the_second_epoch():
    class Disk(TensorDataset):
        def __getitem__(self, index):
            self.reads = getattr(self, "reads", 0) + 1
            if self.reads > 9:
                raise OSError("the disk is gone")
            return super().__getitem__(index)

    loader = DataLoader(Disk(X, Y), 2)
    with pytest.warns(UserWarning, match="raised OSError: the disk is gone"):
        posterior = svi(build(), loader)
    done = posterior.info.num_steps
    assert 0 < done < 10
    assert posterior.info.stopped.startswith(f"ended by an error after {done} of 10")
    assert "ended early: ended by an error" in repr(posterior)
    assert torch.isfinite(posterior.predict(X).mean).all()


def normalised():
    return build(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1)))


ONE_ROW = "needs a batch of at least two data, but this batch has one; write drop_last="


def test_a_last_batch_of_one_row_under_batch_normalisation():
    with pytest.warns(UserWarning, match=f"after 2 of 10 steps, .*{ONE_ROW}"):
        posterior = svi(normalised(), (X[:5], Y[:5]), batch_size=2)
    assert posterior.info.num_steps == 2
    cause = posterior.info.error.__cause__
    assert "Expected more than 1 value per channel" in str(cause)
    loader = DataLoader(TensorDataset(X[:5], Y[:5]), 2, drop_last=True)
    assert svi(normalised(), loader).info.num_steps == 10


def test_a_first_batch_of_one_row_under_batch_normalisation():
    with pytest.raises(ValueError, match=ONE_ROW):
        svi(normalised(), batch_size=1)


def test_an_error_before_the_first_step_comes_out():
    with pytest.raises(LookupError, match="at once"):
        svi(failing(1, LookupError("at once")))


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit()])
def test_an_exit_is_not_held_up(error):
    with pytest.raises(type(error)):
        svi(failing(4, error))


def press_once(monkeypatch, owner, name, times=1, when=lambda *a, **k: True):
    """Press Ctrl-C at the beginning of a method, as often as said."""
    original, left = getattr(owner, name), [times]

    def method(self, *args, **options):
        if left[0] and when(*args, **options):
            left[0] -= 1
            raise KeyboardInterrupt
        return original(self, *args, **options)

    monkeypatch.setattr(owner, name, method)


def is_last(state, *rest):
    return state.num_steps == 10


def test_ctrl_c_in_the_last_write_of_svi_returns_all_steps(monkeypatch, tmp_path):
    press_once(monkeypatch, TrainerCheckpoint, "write_now", when=is_last)
    posterior = svi(build(), checkpoint=tmp_path / "a.run")
    assert posterior.info.stopped == "interrupted after 10 of 10 steps"
    assert same(tensors(posterior), svi(build()))


@pytest.mark.parametrize(
    ("owner", "name"), [(Trainer, "_finished"), (ScopedGuide, "snapshot")]
)
def test_ctrl_c_after_the_last_step_loses_nothing(monkeypatch, owner, name):
    press_once(monkeypatch, owner, name)
    assert same(tensors(svi(build())), svi(build()))


def test_two_ctrl_c_in_a_row_come_out(monkeypatch):
    press_once(monkeypatch, ScopedGuide, "snapshot", times=2)
    with pytest.raises(KeyboardInterrupt):
        svi(build())


def test_a_second_ctrl_c_while_the_first_is_answered_comes_out(monkeypatch):
    press_once(monkeypatch, Trainer, "_end_early")
    with pytest.raises(KeyboardInterrupt):
        svi(failing(4, KeyboardInterrupt()))


@pytest.mark.filterwarnings("ignore:the run ends")
def test_a_posterior_that_ended_early_is_saved_without_its_error(tmp_path):
    model = failing(4, LookupError("no"))
    posterior = svi(model)
    posterior.save(tmp_path / "a")
    again = zoo.load(tmp_path / "a", model, guide=guides.MeanField(model))
    assert again.info.error is None
    assert again.info.stopped == posterior.info.stopped


# Samplers


def sampler(kind, model=None, **options):
    settings = {"warmup_steps": 4, "num_samples": 20, "compile": "plain"} | options
    return dataclasses.replace(cases.ENGINES[kind](model or build()), **settings)


def sample(engine, seed=1):
    pyro.set_rng_seed(seed)
    return engine.fit((X, Y))


def fail_in_sampling(monkeypatch, at, error):
    """Let the potential fail when it is evaluated for the n-th time after warm-up has begun."""
    original, count, began = Potential.gradient, [0], []
    go = ChainRun.go

    def gradient(self, *args):
        count[0] += len(began) > 0
        if count[0] == at:
            raise error
        return original(self, *args)

    monkeypatch.setattr(ChainRun, "go", lambda self: began.append(1) or go(self))
    monkeypatch.setattr(Potential, "gradient", gradient)


@pytest.mark.parametrize("kind", cases.first(cases.SAMPLERS, cases.KINDS))
@pytest.mark.filterwarnings("ignore:NUTS")  # its trees are short here
@pytest.mark.filterwarnings("ignore:ParallelTempering")  # no round trip in 20 draws
def test_an_error_in_a_sampler_keeps_the_draws(monkeypatch, kind):
    whole = sample(sampler(kind, warmup_steps=0))
    error = LookupError("no")
    fail_in_sampling(monkeypatch, 30, error)
    with pytest.warns(UserWarning, match="because the program raised LookupError: no"):
        posterior = sample(sampler(kind, warmup_steps=0))
    done = posterior.num_samples // cases.num_chains(kind)
    assert 0 < done < 20
    reason = f"ended by an error after {done} of 20 steps: LookupError: no"
    assert posterior.info.stopped == reason
    assert posterior.info.error is error
    for name, value in posterior.draws.items():
        assert torch.equal(value, whole.draws[name][:, :done]), name


@pytest.mark.parametrize("kind", ["HMC", "NUTS"])
def test_an_error_before_the_first_draw_comes_out(monkeypatch, kind):
    fail_in_sampling(monkeypatch, 2, LookupError("no"))
    with pytest.raises(LookupError, match="no"):
        sample(sampler(kind))


def test_ctrl_c_in_the_last_write_of_a_sampler_returns_all_draws(monkeypatch, tmp_path):
    whole = sample(sampler("HMC"))
    press_once(monkeypatch, Checkpoint, "write")
    posterior = sample(sampler("HMC", checkpoint=tmp_path / "a.run", warmup_steps=0))
    assert posterior.info.stopped == "interrupted after 20 of 20 steps"
    assert posterior.num_samples == whole.num_samples


def test_ctrl_c_after_the_last_draw_loses_nothing(monkeypatch):
    whole = sample(sampler("HMC"))
    press_once(monkeypatch, Store, "info")
    posterior = sample(sampler("HMC"))
    for name, value in posterior.draws.items():
        assert torch.equal(value, whole.draws[name]), name
