"""Runs that are killed: each is a program that ends with a hash of its results.

It is started as a process of its own, imports everything once, and forks a child for each
run, so that a kill ends the run and not the imports. The result is a line of JSON.
"""

import dataclasses
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from functools import partial
from pathlib import Path

import matplotlib.pyplot  # noqa: F401  # now, and not in every child
import pyro
import pyro.distributions as dist
import torch
import torch._dynamo
from safetensors.torch import load_file

import guides
import zoo
from zoo import inference, likelihoods, networks, priors, references
from zoo.command import reference as reference_command
from zoo.command import reproduce as reproduce_command
from zoo.datasets import Dataset, Split, Units
from zoo.experiments.running.method import Method
from zoo.experiments.running.run import Experiment
from zoo.inference.mcmc.running import blocks, sharded_store
from zoo.posterior.shards import STATE

warnings.simplefilter("ignore")
blocks.BLOCK = 5  # draws between two checkpoints
sharded_store.SHARD = 9000  # bytes
_TRACED = partial(inference.SVI, compile="traced")  # the fastest mode is measured anew


def hashed(tensors):
    """Return a hash of the bytes of tensors."""
    digest = hashlib.sha256()
    for value in tensors:
        digest.update(value.detach().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def network_model():
    return zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[8]),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Gaussian(0.3),
    )


def toy_data(number=60):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(number, 2, generator=generator)
    return x, x.sin().sum(1, keepdim=True)


def svi(folder, seed):
    pyro.set_rng_seed(seed)
    model = network_model()
    stopping = inference.EarlyStopping(fraction=0.2, every=10, patience=10**6)
    engine = inference.SVI(
        model, guides.MeanField(model), num_steps=240, early_stopping=stopping,
        compile="plain", progress=False, checkpoint=folder / "a.run",
    )  # fmt: skip
    posterior = engine.fit(toy_data(), batch_size=12)
    values = posterior.scoped.tensors().values()
    return hashed(
        [*values, posterior.info.losses, torch.tensor(posterior.info.held_out)]
    )


def line(x, y):
    slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
    scale = pyro.sample("scale", dist.HalfNormal(1.0))
    pyro.sample("y", dist.Normal(slope * x[:, :1], scale).to_event(2), obs=y)


OPTIONS = {
    "HMC": {"num_steps": 3},
    "NUTS": {"max_tree_depth": 3},
    "ChEES": {"num_steps": 3, "max_steps": 6},
    "MCLMC": {"num_steps": 4},
    "MAMS": {"num_steps": 4},
    "MEADS": {"num_steps": 4, "num_chains": 4, "num_folds": 2},
}


def sampler(name, **options):
    def run(folder, seed):
        pyro.set_rng_seed(seed)
        engine = getattr(inference, name)(
            line, warmup_steps=20, num_samples=30, init="prior", compile="plain", progress=False,
            checkpoint=folder / "a.run", **{"num_chains": 2, **OPTIONS[name], **options},
        )  # fmt: skip
        posterior = engine.fit(toy_data(20))
        info = posterior.info
        return hashed(
            [*posterior.draws.values(), info.lp, info.step_size, info.n_steps]
        )

    return run


def draws_in_a_folder(folder, seed):
    """Draw into shards of a few draws each."""
    pyro.set_rng_seed(seed)
    engine = inference.HMC(
        network_model(), warmup_steps=20, num_samples=90, num_steps=3, num_chains=2,
        init="prior", compile="plain", progress=False, checkpoint=folder / "draws",
    )  # fmt: skip
    posterior = engine.fit(toy_data(20))
    assert len(list((folder / "draws").glob("draws-*"))) > 2
    return hashed([*posterior.sample().values(), posterior.info.lp])


def reference(folder, seed):
    """Run `zoo reference` on a smaller problem than the real ones."""
    problem = references.linear()
    short = {
        "warmup_steps": 30,
        "num_samples": 40,
        "max_tree_depth": 4,
        "compile": "plain",
    }
    runs = dict(problem.runs)
    runs["NUTS"] = dataclasses.replace(runs["NUTS"], **short)
    small = dataclasses.replace(problem, runs=runs)
    reference_command.REFERENCES["linear"] = lambda: small
    parser = reference_command.argparse.ArgumentParser()
    reference_command.add_arguments(parser)
    arguments = parser.parse_args(["linear", "--out", str(folder)])
    reference_command.run(arguments)
    assert [path.name for path in folder.iterdir()] == ["linear.safetensors"]
    return hashed(
        references.load(small, folder / "linear.safetensors").weights.values()
    )


def tiny_dataset():
    x, y = toy_data(90)
    labels = (y[:, 0] > 0).long()
    parts = [
        Split(x[first : first + 30], labels[first : first + 30])
        for first in (0, 30, 60)
    ]
    units = Units(torch.zeros(1), torch.ones(1))
    return Dataset("tiny", parts[0], parts[1], units, validation=parts[2])


def experiment(run):
    """Fit two guides, as the experiments of the literature do."""
    data = tiny_dataset()
    for make in (guides.MeanField, guides.LowRank):
        name = make.__name__

        def build(make=make):
            network = networks.MLP(2, 2, hidden=[6])
            return run.build(network, priors.WeightPrior(dist.Normal(0.0, 1.0)), make)

        method = Method(40, _TRACED, rates=(1e-2,), batch_size=128)
        posterior = run.fit(name, build, data, method, share=0.5)
        run.scores.add_posterior(name, posterior, data.test, 8)
        run.report.find(f"nll, {name}", run.scores[name]["nll"], None)


def reproduce(folder, seed):
    """Run `zoo reproduce` on a small experiment, for the published number of epochs."""
    tiny = Experiment("tiny", "does it resume?", "none", 1, experiment)
    reproduce_command.EXPERIMENTS["tiny"] = tiny
    parser = reproduce_command.argparse.ArgumentParser()
    reproduce_command.add_arguments(parser)
    words = ["tiny", "--budget", "full", "--out", str(folder), "--no-progress"]
    reproduce_command.run(parser.parse_args(words))
    assert not list((folder / "tiny").glob("*.run"))
    found = []
    for kind in ("cases", "safetensors"):
        for path in sorted((folder / "tiny").glob(f"*.{kind}")):
            found += [value for _, value in sorted(load_file(path).items())]
    return hashed(found)


TARGETS = {
    "SVI": svi,
    "HMC": sampler("HMC"),
    "NUTS": sampler("NUTS"),
    "ChEES": sampler("ChEES"),
    "MCLMC": sampler("MCLMC"),
    "MAMS": sampler("MAMS"),
    "MEADS": sampler("MEADS"),
    "folder": draws_in_a_folder,
    "reference": reference,
    "reproduce": reproduce,
}


def child(target, folder, seed):
    """Start a run in a process of its own, which writes the hash of its results."""
    pid = os.fork()
    if pid:
        return pid

    status = 1
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        text = TARGETS[target](folder / "run", seed)
        (folder / "result").write_text(text)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def finished(target, folder, seed):
    """Let a run end and return the hash of its results."""
    _, status = os.waitpid(child(target, folder, seed), 0)
    assert os.waitstatus_to_exitcode(status) == 0, f"{target} failed in {folder}"
    return (folder / "result").read_text()


def new_folder(place):
    folder = Path(tempfile.mkdtemp(dir=place))
    (folder / "run").mkdir()
    return folder


def killed_and_resumed(target, place, seconds, share, seed):
    """Kill a run, take it up with another seed, and return what is known of it."""
    folder = new_folder(place)
    began = time.perf_counter()
    pid = child(target, folder, seed=1)
    time.sleep(share * seconds)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    was_killed = os.WIFSIGNALED(status)
    at = time.perf_counter() - began
    written = (folder / "run").rglob("*")
    files = [path for path in written if path.name.endswith((".run", STATE))]
    had_file = any(not path.name.startswith(".") for path in files)  # a whole one
    seed = seed if had_file else 1  # a run without a checkpoint begins again

    result = (
        finished(target, folder, seed)
        if was_killed
        else (folder / "result").read_text()
    )
    shutil.rmtree(folder)
    return {
        "at": round(at, 3),
        "killed": was_killed,
        "had_file": had_file,
        "result": result,
    }


def main(target, num_kills):
    torch.set_num_threads(1)
    moments = random.Random(0)
    with tempfile.TemporaryDirectory() as place:
        whole = finished(target, new_folder(place), seed=1)
        began = time.perf_counter()
        again = finished(target, new_folder(place), seed=1)
        seconds = time.perf_counter() - began
        kills = []
        for number in range(num_kills):
            share = (number + moments.random()) / num_kills  # spread over the run
            seed = 1 if target in ("reference", "reproduce") else 2 + number
            kills.append(killed_and_resumed(target, place, seconds, share, seed))

    moments_killed = [kill["at"] for kill in kills if kill["killed"]]
    print(json.dumps({
        "target": target, "from": min(moments_killed), "to": max(moments_killed),
        "seconds": round(seconds, 2), "repeats": again == whole,
        "kills": sum(kill["killed"] for kill in kills),
        "with checkpoint": sum(kill["killed"] and kill["had_file"] for kill in kills),
        "equal": sum(kill["result"] == whole for kill in kills), "tried": num_kills,
    }))  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
