"""A run of SVI that is stopped and resumed ends like one that was never stopped."""

import functools

import pyro
import pytest
import torch
from pyro.distributions import Normal

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, priors


def run(path, *, stop=None, steps=40, lr=0.01, way="traced", seed=3, **options):
    """Fit a small network; a run with `stop` is interrupted at that step."""
    data = datasets.toy.sinusoid().train
    pyro.set_rng_seed(seed)
    model = zoo.BayesianNetwork(
        networks.MLP(1, 1, hidden=[8]),
        priors.WeightPrior(Normal(0.0, 1.0)),
        likelihoods.Gaussian(0.1),
    )

    def schedule(optimizer):
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        advance, count = scheduler.step, iter(range(10**6))

        def step():
            if next(count) == stop:
                raise KeyboardInterrupt
            advance()

        scheduler.step = step
        return scheduler

    engine = inference.SVI(
        model, guides.MeanField(model), num_steps=steps, lr=lr, scheduler=schedule, compile=way,
        checkpoint=path, progress=False, **options,
    )  # fmt: skip
    return engine.fit((data.x, data.y), batch_size=len(data.x) // 4)


@pytest.mark.parametrize(
    "optimizer", [torch.optim.Adam, functools.partial(torch.optim.SGD, momentum=0.9)]
)
def test_a_resumed_run_ends_in_the_same_bits(tmp_path, optimizer):
    straight = run(None, optimizer=optimizer, lr=1e-4)
    stopped = run(tmp_path / "a.run", stop=22, optimizer=optimizer, lr=1e-4)
    assert stopped.info.stopped.startswith("interrupted")
    again = run(
        tmp_path / "a.run", seed=4, optimizer=optimizer, lr=1e-4
    )  # the file holds the random state
    torch.testing.assert_close(again.info.losses, straight.info.losses, rtol=0, atol=0)
    for name, value in straight.scoped.tensors().items():
        assert torch.equal(value, again.scoped.tensors()[name]), name
    elsewhere = run(
        None, seed=4, optimizer=optimizer, lr=1e-4
    )  # the wrong answer: a new run with that seed
    assert not torch.equal(elsewhere.info.losses, straight.info.losses)


@pytest.mark.parametrize("precision", ["bf16", "auto"])
def test_a_resumed_run_has_the_precision_of_the_file(tmp_path, precision, monkeypatch):
    faster = iter(["bf16", "bf16", "float32"])  # the last would be another run
    module = "zoo.inference.svi.gradient_step.faster_precision"
    monkeypatch.setattr(module, lambda *_: next(faster))

    straight = run(None, precision=precision)
    run(tmp_path / "a.run", stop=22, precision=precision)
    again = run(tmp_path / "a.run", seed=4, precision=precision)
    assert again.info.precision == straight.info.precision == "bf16"
    assert torch.equal(again.info.losses, straight.info.losses)
    for name, value in straight.scoped.tensors().items():
        assert torch.equal(value, again.scoped.tensors()[name]), name

    single = run(None)  # the wrong answer: single precision from the same seed
    assert not torch.equal(single.info.losses, straight.info.losses)


def played(monkeypatch):
    """Play time: every look at the clock takes a second."""
    now = [0.0]

    def seconds(self):
        now[0] += 1.0
        return now[0]

    monkeypatch.setattr("zoo.inference.time_limit.TimeLimit.seconds", property(seconds))


@pytest.mark.parametrize("limit", [12.0, 30.0])
def test_a_time_limit_ends_a_run_that_goes_on_later(tmp_path, limit, monkeypatch):
    straight = run(None)
    with monkeypatch.context() as patch:
        played(patch)
        short = run(tmp_path / "a.run", time_limit=limit)

    done = short.info.num_steps
    assert done % 4 == 0  # whole epochs, so that no step is lost
    assert 0 < done < 40
    reason = f"ended by its time limit of {limit:g} s after {done} of 40 steps"
    assert short.info.stopped == reason
    assert short.info.error is None

    longer = run(tmp_path / "a.run", seed=4, stop=0)  # which is at its first step
    assert longer.info.num_steps == done + 1
    again = run(tmp_path / "a.run", seed=4)
    assert again.info.stopped == ""
    assert torch.equal(again.info.losses, straight.info.losses)


def test_time_that_is_up_in_the_first_epoch_ends_it(monkeypatch):
    played(monkeypatch)
    short = run(None, time_limit=4.0)
    assert short.info.num_steps == 2
    assert short.info.stopped.startswith("ended by its time limit")


def test_no_restart_begins_when_the_time_is_up(monkeypatch):
    played(monkeypatch)
    short = run(None, time_limit=12.0, restarts=3)
    assert len(short.info.restarts) == 1
    assert short.info.stopped.startswith("ended by its time limit")


@pytest.mark.parametrize("seconds", [0, "1h", True])
def test_a_time_limit_is_a_number_of_seconds(seconds):
    with pytest.raises(ValueError, match="time_limit must be a number of seconds"):
        run(None, time_limit=seconds)


def test_a_finished_run_is_read_and_not_run_again(tmp_path):
    first = run(tmp_path / "a.run")
    again = run(tmp_path / "a.run", stop=0)
    assert not again.info.stopped
    assert again.info.num_steps == first.info.num_steps
    assert torch.equal(again.info.losses, first.info.losses)


def test_another_run_or_a_damaged_file_is_refused(tmp_path):
    run(tmp_path / "a.run", steps=8)
    with pytest.raises(
        ValueError,
        match=r"is of another run: they differ in learning rate \(then 0.01, now 0.02\)",
    ):
        run(tmp_path / "a.run", steps=8, lr=0.02)
    (tmp_path / "b.run").write_bytes(b"no")
    with pytest.raises(ValueError, match="delete it to start again"):
        run(tmp_path / "b.run", steps=8)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        run(tmp_path / "none" / "a.run", steps=8)
