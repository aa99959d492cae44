"""NumPyro's NUTS and BlackJAX's MCLMC on the 13-50-1 network, in this same process."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.speed.jax_problem import (
    Problem,
    load,
    log_joint,
    network,
    problem,
    unpack,
)
from benchmarks.speed.row import Settings
from benchmarks.speed.score import Score

# Tracing is not among them, because JAX reports it within other traces.
COMPILING = ("jaxpr_to_mlir_module_duration", "backend_compile_duration")
INIT_SCALE = 0.1  # standard deviation of BlackJAX's init, in units of the prior's


class Compiling:
    """Adds up the seconds that JAX reports for compiling."""

    def __init__(self, jax: ModuleType) -> None:
        self.seconds = 0.0
        self.listening = False
        jax.monitoring.register_event_duration_secs_listener(self._hear)

    def _hear(self, event: str, seconds: float, **_: object) -> None:
        if self.listening and event.endswith(COMPILING):
            self.seconds += seconds

    @contextmanager
    def clock(self) -> Iterator[dict[str, float]]:
        """Measure a block: seconds without compiling (`run`), and of compiling (`compile`)."""
        found: dict[str, float] = {}
        self.seconds = 0.0
        self.listening = True
        began = time.perf_counter()
        try:
            yield found
        finally:
            self.listening = False
            found["compile"] = self.seconds
            seconds = time.perf_counter() - began
            found["run"] = seconds - self.seconds


def numpyro_nuts(
    settings: Settings,
    num_chains: int,
    warmup_steps: int,
    num_samples: int,
    seed: int,
    method: str,
) -> Score:
    """Run NumPyro's NUTS, chains in one program ("vectorized") or in turn ("sequential")."""
    jax = load(settings.threads)
    numpyro = load(settings.threads, "numpyro")
    infer = load(settings.threads, "numpyro.infer")
    facts = problem(settings.threads)
    mcmc = infer.MCMC(
        infer.NUTS(numpyro_model(numpyro, facts), max_tree_depth=10),
        num_warmup=warmup_steps,
        num_samples=num_samples,
        num_chains=num_chains,
        chain_method=method,
        progress_bar=False,
    )
    compiling = Compiling(jax)
    with compiling.clock() as warm:
        mcmc.warmup(jax.random.PRNGKey(seed))
        jax.block_until_ready(mcmc.post_warmup_state.z)
    with compiling.clock() as sampling:
        mcmc.run(
            mcmc.post_warmup_state.rng_key, extra_fields=("num_steps", "accept_prob")
        )
        jax.block_until_ready(mcmc.get_samples())

    weights = mcmc.get_samples(group_by_chain=True)
    values = function_values(jax, weights, facts)
    extra = mcmc.get_extra_fields(group_by_chain=True)
    gradients = np.asarray(extra["num_steps"]).sum()
    acceptance = np.asarray(extra["accept_prob"]).mean()

    return Score(
        sampler=f"NumPyro, NUTS, {method}",
        values=values[..., :20],
        beyond=values[..., 20:],
        seconds_warmup=warm["run"],
        seconds=sampling["run"],
        seconds_compiling=warm["compile"] + sampling["compile"],
        gradients=int(gradients),
        note=f"acceptance {float(acceptance):.2f}",
    )


def function_values(jax: ModuleType, weights: dict[str, Any], facts: Problem) -> Any:
    """Evaluate draws of weights (C, S, *shape) at the problem's inputs, (C, S, 40)."""

    def function(draw: dict[str, Any]) -> Any:
        return network(draw, facts.inputs)

    over_draws = jax.vmap(jax.vmap(function))
    return np.asarray(over_draws(weights))


def numpyro_model(numpyro: ModuleType, facts: Problem) -> Callable[[], None]:
    """Return the model as a NumPyro program."""
    normal = numpyro.distributions.Normal

    def model() -> None:
        weights = {}
        for name, scale in facts.scales.items():
            shape = facts.shapes[name]
            prior = normal(0.0, scale).expand(shape).to_event(len(shape))
            weights[name] = numpyro.sample(name, prior)

        with numpyro.plate("data", len(facts.y)):
            numpyro.sample("y", normal(network(weights, facts.x), 0.1), obs=facts.y)

    return model


def blackjax_mclmc(
    settings: Settings,
    num_chains: int,
    tuning: int,
    num_samples: int,
    steps: int,
    seed: int,
    together: bool,
) -> Score:
    """Run BlackJAX's MCLMC with its own tuning, chains in one program (`together`) or in turn.

    A step has two gradients.
    """
    jax = load(settings.threads)
    blackjax = load(settings.threads, "blackjax")
    chain = Chain(jax, blackjax, problem(settings.threads), tuning, num_samples, steps)

    def all_chains(function: Callable[..., Any]) -> Callable[..., Any]:
        def in_turn(*each: Any) -> Any:
            return jax.lax.map(lambda one: function(*one), each)

        return jax.jit(jax.vmap(function) if together else in_turn)

    keys = jax.random.split(jax.random.PRNGKey(seed), num_chains)
    compiling = Compiling(jax)
    with compiling.clock() as warm:
        states, found = jax.block_until_ready(all_chains(chain.tuned)(keys))
    with compiling.clock() as sampling:
        values = np.asarray(all_chains(chain.sampled)(keys, states, found))

    method = "vectorized" if together else "sequential"
    length = float(found.L.mean())
    step_size = float(found.step_size.mean())

    return Score(
        sampler=f"BlackJAX, MCLMC, {method}",
        values=values[..., :20],
        beyond=values[..., 20:],
        seconds_warmup=warm["run"],
        seconds=sampling["run"],
        seconds_compiling=warm["compile"] + sampling["compile"],
        gradients=2 * num_chains * num_samples * steps,
        note=f"L {length:.0f}, step size {step_size:.2f}",
    )


class Chain:
    """A chain of BlackJAX's MCLMC.

    Arguments:
        jax: JAX.
        blackjax: BlackJAX.
        facts: The problem.
        tuning: Steps of tuning.
        num_samples: Number of draws.
        steps: Steps between two draws.
    """

    def __init__(
        self,
        jax: ModuleType,
        blackjax: ModuleType,
        facts: Problem,
        tuning: int,
        num_samples: int,
        steps: int,
    ) -> None:
        self.jax = jax
        self.blackjax = blackjax
        self.facts = facts
        self.tuning = tuning
        self.num_samples = num_samples
        self.steps = steps
        self.density = log_joint(facts)
        self.kernel = blackjax.mcmc.mclmc.build_kernel()

    def tuned(self, key: Any) -> tuple[Any, Any]:
        """Return the state and the parameters of the sampler after tuning."""
        first, second, third = self.jax.random.split(key, 3)
        init = self.init_position(first)
        state = self.blackjax.mcmc.mclmc.init(
            position=init, logdensity_fn=self.density, rng_key=second
        )
        found = self.blackjax.mclmc_find_L_and_step_size(
            self.kernel, self.tuning, state, third, logdensity_fn=self.density
        )

        return found[:2]

    def init_position(self, key: Any) -> Any:
        """Draw initial values of all weights, as a vector."""
        numpy = self.jax.numpy
        scales = []
        for name, shape in self.facts.shapes.items():
            scales.append(numpy.full(math.prod(shape), self.facts.scales[name]))

        scale = numpy.concatenate(scales)
        return INIT_SCALE * scale * self.jax.random.normal(key, scale.shape)

    def sampled(self, key: Any, state: Any, tuned: Any) -> Any:
        """Return the function values of all draws."""
        jax = self.jax
        mass = tuned.inverse_mass_matrix

        def one(state: Any, key: Any) -> tuple[Any, None]:
            moved = self.kernel(
                key, state, self.density, mass, tuned.L, tuned.step_size
            )
            return moved[0], None

        def draw(state: Any, key: Any) -> tuple[Any, Any]:
            state, _ = jax.lax.scan(one, state, jax.random.split(key, self.steps))
            weights = unpack(state.position, self.facts.shapes)
            return state, network(weights, self.facts.inputs)

        keys = jax.random.split(key, self.num_samples)
        _, values = jax.lax.scan(draw, state, keys)

        return values
