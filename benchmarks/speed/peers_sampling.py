"""NumPyro's NUTS and BlackJAX's MCLMC on the 13-50-1 network, in this same process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

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

COMPILING = (
    "jaxpr_to_mlir_module_duration",
    "backend_compile_duration",
)  # traces are reported within traces
START = 0.1  # standard deviation of where BlackJAX starts, in that of the prior


class Compiling:
    """Adds up the seconds that JAX reports of tracing and compiling."""

    def __init__(self, jax: ModuleType) -> None:
        self.seconds, self.listening = 0.0, False
        jax.monitoring.register_event_duration_secs_listener(self._hear)

    def _hear(self, event: str, seconds: float, **_: object) -> None:
        if self.listening and event.endswith(COMPILING):
            self.seconds += seconds

    @contextmanager
    def clock(self) -> Iterator[dict[str, float]]:
        """Clock what is done: `run` without and `compile` with nothing but compiling, in seconds."""
        found: dict[str, float] = {}
        self.seconds, self.listening = 0.0, True
        began = time.perf_counter()
        try:
            yield found
        finally:
            self.listening = False
            found["compile"] = self.seconds
            found["run"] = time.perf_counter() - began - self.seconds


def numpyro_nuts(
    settings: Settings,
    num_chains: int,
    warmup_steps: int,
    num_samples: int,
    seed: int,
    method: str,
) -> Score:
    """Run NumPyro's NUTS, chains in one program ("vectorized") or in turn ("sequential")."""
    jax, numpyro = load(settings.threads), load(settings.threads, "numpyro")
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
    weights, extra = (
        mcmc.get_samples(group_by_chain=True),
        mcmc.get_extra_fields(group_by_chain=True),
    )
    values = np.asarray(
        jax.vmap(jax.vmap(lambda one: network(one, facts.inputs)))(weights)
    )
    return Score(
        f"NumPyro, NUTS, {method}",
        values[..., :20],
        values[..., 20:],
        warm["run"],
        sampling["run"],
        warm["compile"] + sampling["compile"],
        int(np.asarray(extra["num_steps"]).sum()),
        f"acceptance {float(np.asarray(extra['accept_prob']).mean()):.2f}",
    )


def numpyro_model(numpyro: ModuleType, facts: Problem) -> object:
    """Return the model as a NumPyro program."""
    normal = numpyro.distributions.Normal

    def model() -> None:
        weights = {
            name: numpyro.sample(
                name,
                normal(0.0, scale)
                .expand(facts.shapes[name])
                .to_event(len(facts.shapes[name])),
            )
            for name, scale in facts.scales.items()
        }
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
    """Run BlackJAX's MCLMC with its own tuning, chains in one program or in turn; two gradients a step."""
    jax, blackjax = load(settings.threads), load(settings.threads, "blackjax")
    facts = problem(settings.threads)
    density, kernel = log_joint(facts), blackjax.mcmc.mclmc.build_kernel()
    size = sum(int(np.prod(shape)) for shape in facts.shapes.values())

    def tuned(key: object) -> tuple[object, object]:
        first, second, third = jax.random.split(key, 3)
        scale = jax.numpy.concatenate(
            [
                jax.numpy.full(int(np.prod(shape)), facts.scales[name])
                for name, shape in facts.shapes.items()
            ]
        )
        start = START * scale * jax.random.normal(first, (size,))
        state = blackjax.mcmc.mclmc.init(
            position=start, logdensity_fn=density, rng_key=second
        )
        return blackjax.mclmc_find_L_and_step_size(
            kernel, tuning, state, third, logdensity_fn=density
        )[:2]

    def sampled(key: object, state: object, tuned: object) -> object:
        def one(state: object, key: object) -> tuple[object, None]:
            return kernel(
                key, state, density, tuned.inverse_mass_matrix, tuned.L, tuned.step_size
            )[0], None

        def draw(state: object, key: object) -> tuple[object, object]:
            state, _ = jax.lax.scan(one, state, jax.random.split(key, steps))
            return state, network(unpack(state.position, facts.shapes), facts.inputs)

        return jax.lax.scan(draw, state, jax.random.split(key, num_samples))[1]

    def all_chains(function: object) -> object:
        return jax.jit(
            jax.vmap(function)
            if together
            else lambda *each: jax.lax.map(lambda one: function(*one), each)
        )

    keys = jax.random.split(jax.random.PRNGKey(seed), num_chains)
    compiling = Compiling(jax)
    with compiling.clock() as warm:
        states, found = jax.block_until_ready(all_chains(tuned)(keys))
    with compiling.clock() as sampling:
        values = np.asarray(all_chains(sampled)(keys, states, found))
    note = (
        f"L {float(found.L.mean()):.0f}, step size {float(found.step_size.mean()):.2f}"
    )
    return Score(
        f"BlackJAX, MCLMC, {'vectorized' if together else 'sequential'}",
        values[..., :20],
        values[..., 20:],
        warm["run"],
        sampling["run"],
        warm["compile"] + sampling["compile"],
        2 * num_chains * num_samples * steps,
        note,
    )
