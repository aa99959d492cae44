"""Threads that fit and predict at the same time wait for each other, and leave Pyro as it was."""

import threading
import time
import warnings

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.poutine import runtime

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.runtime import turn as module
from zoo.runtime.turn import turn

X = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
Y = X.sum(-1, keepdim=True)
NETWORK = networks.MLP(2, 1, hidden=[3])


def model_of(network=NETWORK):
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(1.0))


def variational(mode="plain", num_steps=30):
    model = model_of()
    engine = inference.SVI(
        model,
        guides.MeanField(model),
        num_steps=num_steps,
        progress=False,
        compile=mode,
    )
    return engine.fit((X, Y))


def sampled():
    engine = inference.HMC(
        model_of(),
        num_chains=1,
        warmup_steps=4,
        num_samples=4,
        num_steps=5,
        init="prior",
        progress=False,
        compile="plain",
    )
    return engine.fit((X, Y))


def together(*functions):
    """Run functions in threads, and return what they return or raise."""
    results = [None] * len(functions)

    def run(number):
        try:
            results[number] = functions[number]()
        except BaseException as error:
            results[number] = error

    threads = [
        threading.Thread(target=run, args=(each,)) for each in range(len(functions))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return results


def test_fits_predictions_and_draws_in_threads_give_what_they_give_alone():
    kept = variational()
    parameters = sorted(pyro.get_param_store().keys())
    functions = [
        variational,
        lambda: variational("auto", num_steps=40),
        sampled,
        lambda: kept.predict(X, 3),
        lambda: model_of().prior_draws(3),
        lambda: [guides.MeanField(model_of()) for _ in range(20)],
        lambda: kept.sample(3),
        lambda: [model_of()(X) for _ in range(20)],
    ]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="another thread runs a fit")
        results = together(*functions)
    errors = [result for result in results if isinstance(result, BaseException)]
    assert errors == []
    assert results[0].info.losses[-5:].mean() < results[0].info.losses[:5].mean()
    assert sorted(results[4]) == sorted(kept.shapes)
    assert runtime._PYRO_STACK == []
    assert sorted(pyro.get_param_store().keys()) == parameters
    assert NETWORK.training
    assert variational().info.num_steps == 30


def test_a_thread_that_waits_says_so_once(monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0.05)

    def slow():
        with turn():
            time.sleep(0.4)

    def waiting():
        time.sleep(0.1)
        with turn():
            return "ran"

    with pytest.warns(UserWarning, match="another thread runs a fit.*waits") as caught:
        assert together(slow, waiting) == [None, "ran"]
    assert len(caught) == 1


def test_a_fit_inside_a_fit_does_not_wait():
    class Loader(torch.utils.data.Dataset):
        def __len__(self):
            return len(X)

        def __getitem__(self, index):
            if index == 0:
                variational(num_steps=1)
            return X[index], Y[index]

    model = model_of()
    engine = inference.SVI(model, guides.MeanField(model), num_steps=2, progress=False)
    assert engine.fit(Loader()).info.num_steps == 2


def test_a_thread_that_dies_inside_a_handler_leaves_the_stack_as_it_was():
    def dying():
        with turn():
            runtime._PYRO_STACK.append(pyro.poutine.block(lambda: None))
            raise SystemExit

    assert isinstance(together(dying)[0], SystemExit)
    assert runtime._PYRO_STACK == []
    with pyro.poutine.trace() as trace:
        model_of()(X)
        with turn():
            assert len(runtime._PYRO_STACK) == 1
    assert "layer1.weight" in trace.trace.nodes


def test_a_forked_process_has_its_own_turn(monkeypatch):
    taken, done = threading.Event(), threading.Event()

    def holding():
        with turn():
            taken.set()
            done.wait(10)

    thread = threading.Thread(target=holding)
    thread.start()
    assert taken.wait(10)
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "getpid", lambda: -1)
        with turn():  # as in a process that was forked while the other thread held it
            pass
    done.set()
    thread.join(10)
