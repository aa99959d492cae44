"""BlackJAX's NUTS, MCLMC, MEADS and ChEES, all chains in one program."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.samplers.compiling import Compiling, load_jax
from benchmarks.samplers.in_jax import in_jax
from benchmarks.samplers.numpyro_side import as_tensor
from benchmarks.samplers.posteriors import Posterior
from benchmarks.samplers.run import Budget, Cost
from benchmarks.speed.jax_problem import load

CHUNK = 200  # draws of one call of a program
TUNED_SHARE = 0.3  # of the steps that MCLMC's tuning is given
INIT_SCALE = 0.1  # standard deviation of the init, in units of the prior's
LEARNING_RATE = 0.025  # of ChEES, as in BlackJAX's example
LEAST_CHAINS = {"MEADS": 8, "ChEES": 4}


class Adapted(NamedTuple):
    """A sampler after its warm-up.

    Arguments:
        states: States of the chains, as BlackJAX has them.
        move: Moves one chain by one draw: (key, state) to (state, gradients).
        gradients: Gradients of warm-up, of all chains.
    """

    states: Any
    move: Callable[[Any, Any], tuple[Any, Any]]
    gradients: int


class BlackJAX:
    """A sampler of BlackJAX.

    Arguments:
        name: "NUTS", "MCLMC", "MEADS" or "ChEES".
        posterior: What is sampled.
        num_chains: Number of chains C.
        seed: The seed.
    """

    restarts = False

    def __init__(
        self, name: str, posterior: Posterior, num_chains: int, seed: int
    ) -> None:
        self.jax = load_jax()
        self.blackjax = load(1, "blackjax")
        self.posterior = posterior
        self.num_chains = num_chains
        self.target = in_jax(posterior)
        self.adapt = getattr(self, f"_{name.lower()}")
        self.key = self.jax.random.PRNGKey(seed)
        self.compiling = Compiling(self.jax)
        self.programs: dict[int, Callable[..., Any]] = {}

        tree = load(1, "jax.flatten_util")
        flat, self.unravel = tree.ravel_pytree(self.target.initial)
        self.size = len(flat)

    def density(self, flat: Any) -> Any:
        """Return the log joint density of a vector (P,)."""
        return -self.target.potential(self.unravel(flat))

    def next_key(self, number: int | None = None) -> Any:
        """Return a new key, or several."""
        self.key, new = self.jax.random.split(self.key)
        return new if number is None else self.jax.random.split(new, number)

    def warm_up(self, budget: Budget) -> Cost:
        """Adapt."""
        shape = (self.num_chains, self.size)
        positions = INIT_SCALE * self.jax.random.normal(self.next_key(), shape)
        with self.compiling.clock() as clock:
            self.adapted: Adapted = self.adapt(positions, budget)
            self.jax.block_until_ready(self.adapted.states)

        self.states = self.adapted.states

        return Cost(self.adapted.gradients, clock["run"], clock["compile"])

    def draw(self, number: int) -> tuple[np.ndarray, Cost]:
        """Return function values of further draws, and what they took."""
        size = min(number, CHUNK)
        program = self._program(size)
        total = Cost(0, 0.0)
        values = []
        for _ in range(number // size):
            keys = self.next_key(self.num_chains)
            with self.compiling.clock() as clock:
                self.states, flat, steps = program(keys, self.states)
                self.jax.block_until_ready(flat)

            total.gradients += int(np.asarray(steps).sum())
            total.seconds += clock["run"]
            total.compiling += clock["compile"]
            values.append(self.functions(flat))

        return np.concatenate(values, 1), total

    def _program(self, number: int) -> Callable[..., Any]:
        """Return the program that makes so many draws of every chain."""
        if number in self.programs:
            return self.programs[number]

        jax = self.jax

        def chain(key: Any, state: Any) -> Any:
            def one(state: Any, key: Any) -> tuple[Any, Any]:
                state, steps = self.adapted.move(key, state)
                return state, (state.position, steps)

            state, (flat, steps) = jax.lax.scan(
                one, state, jax.random.split(key, number)
            )
            return state, flat, steps

        self.programs[number] = jax.jit(jax.vmap(chain))

        return self.programs[number]

    def functions(self, flat: Any) -> np.ndarray:
        """Return function values (C, S, M) of vectors (C, S, P)."""
        jax = self.jax

        def constrained(vector: Any) -> Any:
            return self.target.constrain(self.unravel(vector))

        sites = jax.vmap(jax.vmap(constrained))(flat)
        draws = {name: as_tensor(value) for name, value in sites.items()}

        return self.posterior.functions(draws).numpy()

    def _nuts(self, positions: Any, budget: Budget) -> Adapted:
        """Adapt NUTS, every chain on its own."""
        jax, blackjax = self.jax, self.blackjax
        warmup = blackjax.window_adaptation(
            blackjax.nuts, self.density, adaptation_info_fn=steps_of
        )

        def one(key: Any, position: Any) -> Any:
            return warmup.run(key, position, budget.warmup)

        keys = self.next_key(self.num_chains)
        (states, found), steps = jax.jit(jax.vmap(one))(keys, positions)
        kernel = blackjax.nuts.build_kernel()

        def move(key: Any, both: Any) -> tuple[Any, Any]:
            state, step_size, mass = both
            state, info = kernel(key, state, self.density, step_size, mass)
            return Moving(state, step_size, mass), info.num_integration_steps

        moving = Moving(states, found["step_size"], found["inverse_mass_matrix"])

        return Adapted(moving, move, int(np.asarray(steps).sum()))

    def _mclmc(self, positions: Any, budget: Budget) -> Adapted:
        """Tune MCLMC, every chain on its own; a draw is one decoherence length."""
        jax, module = self.jax, self.blackjax.mcmc.mclmc
        kernel = module.build_kernel()
        share = 0.5 * budget.gradients / (2 * self.num_chains)
        num_steps = int(share / TUNED_SHARE)

        def one(key: Any, position: Any) -> Any:
            first, second = jax.random.split(key)
            state = module.init(
                position=position, logdensity_fn=self.density, rng_key=first
            )
            return self.blackjax.mclmc_find_L_and_step_size(
                kernel, num_steps, state, second, logdensity_fn=self.density
            )[:2]

        keys = self.next_key(self.num_chains)
        states, found = jax.jit(jax.vmap(one))(keys, positions)
        ratio = float(np.exp(np.log(np.asarray(found.L / found.step_size)).mean()))
        steps = max(1, round(min(ratio, 1000)))

        def move(key: Any, both: Any) -> tuple[Any, Any]:
            state, step_size, (length, mass) = both

            def inner(state: Any, key: Any) -> tuple[Any, None]:
                moved = kernel(key, state, self.density, mass, length, step_size)
                return moved[0], None

            state, _ = jax.lax.scan(inner, state, jax.random.split(key, steps))
            return Moving(state, step_size, (length, mass)), 2 * steps

        mass = found.inverse_mass_matrix
        moving = Moving(states, found.step_size, (found.L, mass))

        return Adapted(moving, move, int(0.5 * budget.gradients))

    def _meads(self, positions: Any, budget: Budget) -> Adapted:
        """Adapt MEADS with half of the budget; a draw forgets its momentum."""
        jax, blackjax = self.jax, self.blackjax
        warmup = blackjax.meads_adaptation(
            self.density, self.num_chains, adaptation_info_fn=nothing_of
        )
        num_steps = int(0.5 * budget.gradients / self.num_chains)
        run = jax.jit(warmup.run, static_argnums=2)
        (states, found), _ = run(self.next_key(), positions, num_steps)
        kernel = blackjax.ghmc.build_kernel()
        forgotten = -2 / math.log1p(-min(float(found["alpha"]), 1 - 1e-6))
        steps = max(1, round(min(forgotten, 1000)))

        def move(key: Any, state: Any) -> tuple[Any, Any]:
            def inner(state: Any, key: Any) -> tuple[Any, None]:
                return kernel(key, state, self.density, **found)[0], None

            state, _ = jax.lax.scan(inner, state, jax.random.split(key, steps))
            return state, steps

        return Adapted(states, move, num_steps * self.num_chains)

    def _chees(self, positions: Any, budget: Budget) -> Adapted:
        """Adapt ChEES with its diagonal mass matrix."""
        blackjax = self.blackjax
        optax = load(1, "optax")
        warmup = blackjax.chees_adaptation(
            self.density,
            self.num_chains,
            adaptation_info_fn=steps_of,
            mass_matrix_estimation="diagonal",
        )
        (states, found), steps = warmup.run(
            self.next_key(), positions, 0.1, optax.adam(LEARNING_RATE), budget.warmup
        )
        kernel = blackjax.dhmc(self.density, **found).step

        def move(key: Any, state: Any) -> tuple[Any, Any]:
            state, info = kernel(key, state)
            return state, info.num_integration_steps

        return Adapted(states, move, int(np.asarray(steps).sum()))


class Moving(NamedTuple):
    """A state of a chain with the parameters of its own."""

    state: Any
    step_size: Any
    rest: Any

    @property
    def position(self) -> Any:
        """The position of the chain."""
        return self.state.position


def steps_of(_state: Any, info: Any, _adaptation: Any) -> Any:
    """Keep the leapfrog steps of a draw of warm-up."""
    return info.num_integration_steps


def nothing_of(_state: Any, _info: Any, _adaptation: Any) -> Any:
    """Keep nothing of a draw of warm-up."""
    return ()
