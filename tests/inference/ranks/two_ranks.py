"""Two processes that share runs: a program that imports once and forks them.

It writes what each of them has found as JSON, for `test_ranks.py` to judge.
"""

import json
import math
import os
import signal
import socket
import sys
import time
import traceback
import warnings
from functools import partial
from pathlib import Path

import cases
import pyro
import torch
import torch._dynamo  # of 1.8 s, which each process would otherwise import
import torch.distributed as dist
from torch import nn

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, priors
from zoo.experiments import Experiment, Run
from zoo.experiments.running.method import Method
from zoo.inference.svi.elbo import elbo
from zoo.inference.svi.shared_loss import SharedLoss
from zoo.inference.svi.shared_step import SharedStep
from zoo.runtime.effects import Substitute

warnings.simplefilter("ignore")
NUM_DATA = 7  # of which one process has four and the other three
QUIET = {"progress": False, "compile": "plain"}


def by_guide(folder, rank):
    """Return how far sums of gradients are from those of one process, for each guide."""
    found = {}
    for name in cases.GUIDES:
        torch.set_default_dtype(torch.float64)
        model = cases.model("MLP", cases.prior_for(name), "Gaussian").double()
        x, y = cases.data("MLP", "Gaussian", NUM_DATA)
        guide = cases.GUIDES[name](model)
        with Replayed() as replayed:
            inference.SVI(
                model, guide, num_steps=1, lr=1e-300, optimizer=torch.optim.SGD, **QUIET
            ).fit((x.double(), y.double()))

        torch.set_default_dtype(torch.float32)
        found[name] = replayed.found

    return found


class Replayed:
    """Compares each shared step with one process that draws the noise of all."""

    def __enter__(self):
        self.found = {}
        self.loss, self.step = SharedLoss.__call__, SharedStep.__call__
        SharedLoss.__call__ = lambda loss, *tensors: self.record(loss, tensors)
        SharedStep.__call__ = lambda step, *tensors: self.compare(step, tensors)
        return self

    def __exit__(self, *error):
        SharedLoss.__call__, SharedStep.__call__ = self.loss, self.step

    def record(self, loss, tensors):
        self.own = (torch.get_rng_state(), tensors[:-1])
        self.objective = loss
        return self.loss(loss, *tensors)

    def compare(self, step, tensors):
        results = self.step(step, *tensors)
        every = [None] * dist.get_world_size()
        dist.all_gather_object(every, self.own)
        if dist.get_rank() != 0:
            return results

        present = torch.get_rng_state()
        total = sum(len(tensors[0]) for _, tensors in every)
        num_data, num_ranks = self.objective.num_data, len(every)
        terms = [self.likelihood_and_divergence(*one) for one in every]
        likelihood = sum(likelihood for likelihood, _ in terms) / total
        divergence = sum(divergence for _, divergence in terms) / num_data
        right = divergence / num_ranks - likelihood
        rules = {
            "right": right,
            "mean of gradients": right / num_ranks,
            "whole divergence on each rank": divergence - likelihood,
        }
        for rule, loss in rules.items():
            self.found[rule] = self.distance(results, loss)

        torch.set_rng_state(present)
        return results

    def likelihood_and_divergence(self, state, tensors):
        """Return both terms of the bound, from two numbers of data with the same noise."""
        objective, size = self.objective, len(tensors[0])
        x, y = objective.structure.build(tensors)
        bounds = []
        for num_data in (size, 2 * size):
            torch.set_rng_state(state)
            with Substitute(objective.state):
                bound = elbo(objective.model, objective.guide, x, y, num_data=num_data)
            bounds.append(bound)

        likelihood = bounds[1] - bounds[0]
        return likelihood, likelihood - bounds[0]

    def distance(self, results, loss):
        """Return the largest difference of the loss and the gradients, over their size."""
        parameters = self.objective.parameters
        gradients = torch.autograd.grad(
            loss, parameters, allow_unused=True, retain_graph=True
        )
        pairs = [(results[0], loss.detach())]
        for found, gradient in zip(results[1:], gradients, strict=True):
            assert (gradient is None) == (found.numel() == 0)
            if gradient is not None:
                pairs.append((found, gradient))

        found = torch.cat([a.flatten() for a, _ in pairs])
        expected = torch.cat([b.flatten() for _, b in pairs])
        return ((found - expected).abs().max() / expected.abs().max()).item()


def toy_model():
    return zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[4]),
        priors.WeightPrior(cases.Normal(0.0, 1.0)),
        likelihoods.Gaussian(0.3),
    )


def toy_data(number=9):
    x = torch.randn(number, 2, generator=torch.Generator().manual_seed(0))
    return x, x.sin().sum(1, keepdim=True)


def sums(tensors):
    return [value.double().sum().item() for value in tensors]


def fit(folder, **options):
    """Fit batches of four of nine data, of which the last leaves one process none."""
    given = {"num_epochs": 4, "lr": 1e-2, **QUIET, **options}
    model = toy_model()
    posterior = inference.SVI(model, guides.MeanField(model), **given).fit(
        toy_data(), batch_size=4
    )
    return {
        "losses": posterior.info.losses.tolist(),
        "held_out": posterior.info.held_out,
        "parameters": sums(posterior.scoped.tensors().values()),
        "restarts": getattr(posterior.info, "restarts", None),
        "noise afterwards": torch.rand(1).item(),
    }


def in_time(folder):
    """Fit until the time of the first process is up; the other has an hour."""
    return fit(folder, time_limit=[1e-9, 3600.0][dist.get_rank()])


def refused(folder):
    """Return the sentence about batch normalisation, and that about other data."""
    sentences = []
    model = cases.model("BatchNorm", "WeightPrior", "Categorical")
    others = toy_data(9 + dist.get_rank())
    attempts = [
        (model, cases.data("BatchNorm", "Categorical")),
        (toy_model(), others),
    ]
    for network, data in attempts:
        engine = inference.SVI(network, guides.MeanField(network), num_steps=1, **QUIET)
        try:
            engine.fit(data)
        except ValueError as error:
            sentences.append(str(error))

    return sentences


def begin(rank, port):
    """Let this process be one of two."""
    os.environ |= {
        "RANK": str(rank),
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    torch.set_num_threads(1)
    pyro.set_rng_seed(rank)  # a start of its own, which the first process overrides


def share(folder, rank):
    """Run everything that two processes share, and return what was found."""
    stopping = inference.EarlyStopping(fraction=0.3, every=2, patience=2)
    runs = {
        "fit": fit,
        "traced": partial(fit, compile="traced"),
        "parts": partial(fit, accumulate=2, checkpoint=folder / "svi.run"),
        "stopping": partial(fit, early_stopping=stopping, num_epochs=20),
        "restarts": partial(fit, restarts=2),
        "in time": in_time,
        "alone": partial(fit, distributed=False),
        "resumed": resumed,
        "refused": refused,
        "chains": chains,
        "functions": function_chains,
        "starts": nearby_starts,
        "too few": too_few,
        "experiment": experiment,
    }
    found = {}
    for name, run in runs.items():
        found[name] = run(folder)

    return found


class Fragile(nn.Module):
    """A network that does something in one of its calls."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, x):
        FRAGILE["calls"] += 1
        if FRAGILE["calls"] == FRAGILE["last"]:
            FRAGILE["act"]()
        return self.layer(x)


FRAGILE = {"calls": 0, "last": 0, "act": None}


def fit_fragile(folder, last=0, act=None, **options):
    """Fit until the network acts, if it does."""
    FRAGILE.update(calls=0, last=last, act=act)
    torch.manual_seed(3)
    model = zoo.BayesianNetwork(
        Fragile(),
        priors.WeightPrior(cases.Normal(0.0, 1.0)),
        likelihoods.Gaussian(0.3),
    )
    guide = guides.MeanField(model)
    engine = inference.SVI(model, guide, num_steps=40, **QUIET, **options)
    return engine.fit(toy_data(), batch_size=4)


def interrupted():
    raise KeyboardInterrupt


def resumed(folder):
    """Begin a run in one process, and end it in two."""
    path = folder / "one.run"
    if dist.get_rank() == 0:
        first = fit_fragile(folder, 20, interrupted, checkpoint=path, distributed=False)
        assert first.info.stopped, "it was to be interrupted"

    dist.barrier()
    last = fit_fragile(folder, checkpoint=path)
    return {
        "num_steps": last.info.num_steps,
        "calls": FRAGILE["calls"],
        "losses": last.info.losses.tolist(),
    }


SHORT = {"warmup_steps": 10, "num_samples": 10, "init": "prior", **QUIET}


def line(x, y):
    slope = pyro.sample("slope", cases.Normal(0.0, 1.0))
    pyro.sample("y", cases.Normal(slope * x[:, :1], 0.5).to_event(2), obs=y)


def chains(folder):
    """Sample three chains, of which this process has one or two; and the same ones alone."""
    rank = dist.get_rank()
    torch.manual_seed(rank)
    shared = inference.NUTS(line, num_chains=3, max_tree_depth=3, **SHORT).fit(
        toy_data()
    )
    torch.manual_seed(0)
    seed = int(torch.randint(2**62, ()))  # that of the first process
    torch.manual_seed(seed + 1 + rank)
    alone = inference.NUTS(
        line, num_chains=1 + rank, max_tree_depth=3, distributed=False, **SHORT
    ).fit(toy_data())
    return {
        "shared": shared.draws["slope"].tolist(),
        "alone": alone.draws["slope"].tolist(),
        "accepted": list(shared.info.acceptance_rate.shape),
    }


def function_chains(folder, path="chains.run", **options):
    """Sample chains with files, which keep function values."""
    torch.manual_seed(3)
    model = toy_model()
    engine = inference.HMC(
        model,
        num_chains=3,
        num_steps=2,
        functions_at=toy_data()[0],
        checkpoint=folder / path,
        **SHORT,
        **options,
    )
    posterior = engine.fit(toy_data())
    return {"values": posterior.functions.values[..., 0, 0].tolist()}


def experiment(folder):
    """Run an experiment, whose files the first process writes."""

    def run_digits(run):
        test = datasets.digits().test
        data = datasets.Dataset("digits", train=test, test=test, validation=test)

        def build():
            prior = priors.WeightPrior(cases.Normal(0.0, 1.0))
            network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
            return run.build(network, prior, guides.MeanField)

        method = Method(1, rates=(1e-2,), batch_size=32)
        posterior = run.fit("fit", build, data, method, share=1)
        run.scores.add_posterior("fit", posterior, data.test, 2)
        run.report.find("nll", run.scores["fit"]["nll"])

    made = Experiment("digits", "", "", minutes=1.0, run=run_digits)
    out = folder / "experiment"
    given = {"out": out, "progress": False}
    refused = ""
    try:
        Run(made, **given).run()
    except ValueError as error:
        refused = str(error)

    nll = Run(made, minutes=math.inf, **given).run().findings[0].ours.value
    dist.barrier()
    files = {path.name: path.stat().st_mtime_ns for path in out.rglob("*.*")}
    again = Run(made, minutes=math.inf, **given).run().findings[0].ours.value
    return {"refused": refused, "nll": [nll, again], "files": files}


def nearby_starts(folder):
    """Begin three chains at draws of a posterior, each at another one."""
    torch.manual_seed(3)
    start = inference.NUTS(line, num_chains=3, distributed=False, **SHORT).fit(
        toy_data()
    )
    given = {**SHORT, "init": start, "warmup_steps": 0, "num_samples": 1}
    engine = inference.HMC(line, num_chains=3, num_steps=1, **given)
    return engine.fit(toy_data()).draws["slope"].flatten().tolist()


def too_few(folder):
    """Return what is said of fewer chains than processes, or than a sampler needs."""
    sentences = []
    for engine in (
        inference.NUTS(line, num_chains=1, **SHORT),
        inference.ChEES(line, num_chains=3, **SHORT),
    ):
        try:
            engine.fit(toy_data())
        except ValueError as error:
            sentences.append(str(error))

    return sentences


def fragile_chains(last, act):
    """Sample two chains until the network of this process acts, if it does."""
    FRAGILE.update(calls=0, last=last, act=act)
    torch.manual_seed(3)
    model = zoo.BayesianNetwork(
        Fragile(),
        priors.WeightPrior(cases.Normal(0.0, 1.0)),
        likelihoods.Gaussian(0.3),
    )
    engine = inference.HMC(model, num_chains=2, num_steps=2, **SHORT)
    posterior = engine.fit(toy_data())
    return {
        "stopped": posterior.info.stopped,
        "chains": posterior.num_chains,
        "draws": posterior.num_samples,
    }


def end(folder, rank):
    """Sample until the second process is told to end, and return what the first one says."""

    def told_to_end():
        os.kill(os.getpid(), signal.SIGTERM)

    return fragile_chains(35 if rank else 0, told_to_end)


def lose_chains(folder, rank):
    """Sample until the second process is killed, and return what the first one says."""

    def killed():
        os.kill(os.getpid(), signal.SIGKILL)

    return fragile_chains(35 if rank else 0, killed)


def lose(folder, rank):
    """Fit until the second process is killed, and return what the first one says."""

    def killed():
        (folder / "killed.txt").write_text(str(time.time()))
        os.kill(os.getpid(), signal.SIGKILL)

    posterior = fit_fragile(
        folder, 20 if rank else 0, killed, checkpoint=folder / "two.run"
    )
    killed_at = float((folder / "killed.txt").read_text())
    return {
        "stopped": posterior.info.stopped,
        "seconds": time.time() - killed_at,
        "num_steps": posterior.info.num_steps,
    }


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def run_in_two(folder, task):
    """Fork two processes for a task, and wait for them."""
    port, children = free_port(), []
    for rank in range(2):
        child = os.fork()
        if child == 0:
            try:
                begin(rank, port)
                found = task(folder, rank)
            except BaseException:
                found = {"error": traceback.format_exc()}
            path = folder / f"{task.__name__}{rank}.json"
            unfinished = path.with_suffix(".part")
            unfinished.write_text(json.dumps(found))
            unfinished.rename(path)
            os._exit(0)
        children.append(child)

    for child in children:
        os.waitpid(child, 0)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for task in (by_guide, share, lose, end, lose_chains):
        run_in_two(folder, task)
