"""Our samplers, and Pyro's NUTS, on the 13-50-1 network."""

from __future__ import annotations

import time
from collections import Counter

import pyro
import torch
from pyro.infer import MCMC
from pyro.infer import NUTS as PyroNUTS
from pyro.infer.autoguide import init_to_value
from torch import Tensor
from torch.func import vmap

import zoo
from benchmarks.speed import problems
from benchmarks.speed.row import Settings
from benchmarks.speed.score import Score, arrays
from zoo import inference


def functions(
    model: zoo.BayesianNetwork, draws: dict[str, Tensor], inputs: Tensor
) -> Tensor:
    """Evaluate draws (C, S, *shape) at inputs (M, D): (C, S, M)."""
    with torch.no_grad():
        return vmap(vmap(lambda values: model.output(values, inputs).squeeze(-1)))(
            draws
        )


def ours(
    name: str,
    settings: Settings,
    num_chains: int,
    warmup_steps: int,
    num_samples: int,
    seed: int,
    **options: object,
) -> Score:
    """Run one of our samplers."""
    model, data, new = problems.regression()
    model, data = (
        model.to(settings.device),
        tuple(part.to(settings.device) for part in data),
    )
    pyro.set_rng_seed(seed)
    counts = {
        "num_chains": num_chains,
        "warmup_steps": warmup_steps,
        "num_samples": num_samples,
    }
    posterior = getattr(inference, name)(
        model, **counts, **options, progress=False
    ).fit(data)
    info = posterior.info
    inputs = torch.cat([data[0][:20], new.to(settings.device)])
    return Score(
        f"ours, {name}",
        *arrays(functions(model, posterior.draws, inputs)),
        seconds_warmup=max(0.0, info.seconds_warmup - info.seconds_tracing),
        seconds=info.seconds - info.seconds_warmup,
        seconds_compiling=info.seconds_tracing,
        gradients=int(info.n_steps.sum()) * info.thinning,
        note=f"{info.compiled}, acceptance {float(info.acceptance_rate.mean()):.2f}",
    )


def stock(
    settings: Settings,
    num_chains: int,
    warmup_steps: int,
    num_samples: int,
    seed: int,
    **options: object,
) -> Score:
    """Run Pyro's own NUTS, chains in turn; every call of the model is a gradient.

    With options it starts at the network's own weights, for a step size that is given
    suits no other place.
    """
    model, data, new = problems.regression()
    pyro.set_rng_seed(seed)
    note = ", ".join(f"{name} {value}" for name, value in options.items())
    if options:
        options["init_strategy"] = init_to_value(
            values={name: w.detach() for name, w in model.network.named_parameters()}
        )
    calls, after_warmup = Counter(), (0.0, 0)

    def counted(*arguments: Tensor) -> Tensor:
        calls["model"] += 1
        return model(*arguments)

    def watch(_kernel: object, _samples: object, stage: str, _number: int) -> None:
        nonlocal after_warmup
        if stage.startswith("Warm"):
            after_warmup = time.perf_counter(), calls["model"]

    draws, seconds, gradients = [], Counter(), 0
    for _ in range(num_chains):
        began = time.perf_counter()
        kernel = PyroNUTS(counted, max_tree_depth=10, **options)
        counts = {"num_samples": num_samples, "warmup_steps": warmup_steps}
        chain = MCMC(
            kernel, **counts, num_chains=1, disable_progbar=True, hook_fn=watch
        )
        chain.run(*data)
        seconds["warm-up"] += after_warmup[0] - began
        seconds["sampling"] += time.perf_counter() - after_warmup[0]
        gradients += calls["model"] - after_warmup[1]
        draws.append(chain.get_samples())
    stacked = {name: torch.stack([chain[name] for chain in draws]) for name in draws[0]}
    found = arrays(functions(model, stacked, torch.cat([data[0][:20], new])))
    return Score(
        "Pyro, NUTS",
        *found,
        seconds["warm-up"],
        seconds["sampling"],
        0.0,
        gradients,
        note,
    )
