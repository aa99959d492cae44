"""Our samplers, and Pyro's NUTS, on the 13-50-1 network."""

from __future__ import annotations

import time
from typing import Any

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

    def function(values: dict[str, Tensor]) -> Tensor:
        return model.output(values, inputs).squeeze(-1)

    with torch.no_grad():
        return vmap(vmap(function))(draws)


def ours(
    name: str,
    settings: Settings,
    num_chains: int,
    warmup_steps: int,
    num_samples: int,
    seed: int,
    **options: Any,
) -> Score:
    """Run one of our samplers; `options` are its own arguments."""
    model, data, new = problems.regression_on(settings.device)
    pyro.set_rng_seed(seed)
    sampler = getattr(inference, name)(
        model,
        num_chains=num_chains,
        warmup_steps=warmup_steps,
        num_samples=num_samples,
        progress=False,
        **options,
    )
    posterior = sampler.fit(data)

    info = posterior.info
    inputs = torch.cat([data[0][:20], new])
    values, beyond = arrays(functions(model, posterior.draws, inputs))
    acceptance = float(info.acceptance_rate.mean())

    return Score(
        sampler=f"ours, {name}",
        values=values,
        beyond=beyond,
        seconds_warmup=max(0.0, info.seconds_warmup - info.seconds_tracing),
        seconds=info.seconds - info.seconds_warmup,
        seconds_compiling=info.seconds_tracing,
        gradients=int(info.n_steps.sum()) * info.thinning,
        note=f"{info.compiled}, acceptance {acceptance:.2f}",
    )


def stock(
    settings: Settings,
    num_chains: int,
    warmup_steps: int,
    num_samples: int,
    seed: int,
    **options: Any,
) -> Score:
    """Run Pyro's own NUTS, chains in turn; every call of the model is a gradient.

    `options` are its own arguments. With options the init is the network's own weights,
    because a given step size does not suit others.
    """
    model, data, new = problems.regression()
    pyro.set_rng_seed(seed)
    note = ", ".join(f"{name} {value}" for name, value in options.items())
    if options:
        own = {name: w.detach() for name, w in model.network.named_parameters()}
        options["init_strategy"] = init_to_value(values=own)

    clock = _Clock(model)
    draws = []
    for _ in range(num_chains):
        kernel = PyroNUTS(clock.counted, max_tree_depth=10, **options)
        chain = MCMC(
            kernel,
            num_samples=num_samples,
            warmup_steps=warmup_steps,
            num_chains=1,
            disable_progbar=True,
            hook_fn=clock.watch,
        )
        clock.begin()
        chain.run(*data)
        clock.end()
        draws.append(chain.get_samples())

    stacked = {name: torch.stack([chain[name] for chain in draws]) for name in draws[0]}
    inputs = torch.cat([data[0][:20], new])
    values, beyond = arrays(functions(model, stacked, inputs))

    return Score(
        sampler="Pyro, NUTS",
        values=values,
        beyond=beyond,
        seconds_warmup=clock.seconds_warmup,
        seconds=clock.seconds,
        seconds_compiling=0.0,
        gradients=clock.gradients,
        note=note,
    )


class _Clock:
    """Measures the chains of Pyro's sampler: seconds of warm-up and sampling, and gradients.

    Arguments:
        model: The model that the chains call.
    """

    def __init__(self, model: zoo.BayesianNetwork) -> None:
        self.model = model
        self.calls = 0
        self.began = 0.0
        self.warmup_ended = 0.0
        self.warmup_calls = 0
        self.seconds_warmup = 0.0
        self.seconds = 0.0
        self.gradients = 0

    def counted(self, *arguments: Tensor) -> Tensor:
        """Call the model, and count the call."""
        self.calls += 1
        return self.model(*arguments)

    def watch(self, _kernel: Any, _samples: Any, stage: str, _number: int) -> None:
        """Note the end of the last step of warm-up."""
        if stage.startswith("Warm"):
            self.warmup_ended = time.perf_counter()
            self.warmup_calls = self.calls

    def begin(self) -> None:
        """Begin a chain."""
        self.began = time.perf_counter()

    def end(self) -> None:
        """End a chain."""
        self.seconds_warmup += self.warmup_ended - self.began
        self.seconds += time.perf_counter() - self.warmup_ended
        self.gradients += self.calls - self.warmup_calls
