"""The posteriors of `benchmarks.averaging`: draws to average over, in groups of one basin."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import pyro
import torch
from torch import Tensor

import guides
import zoo
from zoo import inference, references
from zoo.command.choices import REFERENCES
from zoo.datasets import Split, toy
from zoo.posterior import DrawsPosterior
from zoo.posterior.posterior import Posterior
from zoo.references.reference import Reference

NUM_MEMBERS = 30  # of the deep ensemble: one for each forward pass at most
NUM_RUNS = 5  # of MultiSWAG
MAP_STEPS = 2000  # on all data at once
SWAG_EPOCHS = 200
BATCHES = 10  # in an epoch of SWAG: with all data at once SGD would not spread
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
NUM_DRAWS = 60  # of each normal of SWAG
CYCLES = 10
EPOCHS = 3000  # of each of four chains, on all data at once


@dataclass(frozen=True)
class Problem:
    """A reference posterior with held-out data.

    Arguments:
        reference: The reference.
        test: Held-out inputs and targets.
    """

    reference: Reference
    test: Split

    @classmethod
    def named(cls, name: str) -> Problem:
        """Load a reference; the sinusoid, whose test targets have no noise, gets new data."""
        reference = references.load(REFERENCES[name])
        test = reference.data.test
        if name == "sinusoid":
            test = toy.sinusoid(num_data=400, seed=1).train

        return cls(reference, test)


@dataclass(frozen=True)
class Pool:
    """Draws that are averaged over, and what they cost.

    Arguments:
        posterior: The draws, whose chains are the basins.
        gradients: Gradients of all data that the fit took, for each member if it is an
            ensemble.
        is_ensemble: Whether each forward pass needs a fit of its own.
    """

    posterior: DrawsPosterior
    gradients: float
    is_ensemble: bool = False

    def cost(self, passes: int) -> float:
        """Return the gradients of all data behind so many forward passes."""
        return self.gradients * (passes if self.is_ensemble else 1)


def pools(problem: Problem, rate: float) -> dict[str, Pool]:
    """Fit all methods to the data of a problem, with the random numbers of the present seed.

    Arguments:
        problem: The problem.
        rate: Learning rate of SWAG.
    """
    model, train = problem.reference.model, problem.reference.data.train
    modes = [map_fit(model, train) for _ in range(NUM_MEMBERS)]
    swags = [stable_swag_fit(mode, train, rate) for mode in modes[:NUM_RUNS]]
    swag_cost = MAP_STEPS + SWAG_EPOCHS
    chains = chains_of(model, train, 0)
    cyclical = chains_of(model, train, CYCLES)

    return {
        "deep ensemble": Pool(grouped(modes, 1), MAP_STEPS, is_ensemble=True),
        "SWAG": Pool(grouped(swags[:1], NUM_DRAWS), swag_cost),
        "MultiSWAG": Pool(grouped(swags, NUM_DRAWS), NUM_RUNS * swag_cost),
        "SGHMC": Pool(chains, chains.info.num_gradients),
        "SGHMC cyclical": Pool(by_cycle(cyclical), cyclical.info.num_gradients),
        "reference": reference_pool(problem.reference),
    }


def map_fit(model: zoo.BayesianNetwork, train: Split) -> Posterior:
    """Return the maximum a posteriori from new initial weights."""
    network = copy.deepcopy(model.network)
    for module in network.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()

    fresh = zoo.BayesianNetwork(network, model.prior, model.likelihood)
    guide = guides.Delta(fresh)
    engine = inference.SVI(fresh, guide, num_steps=MAP_STEPS, progress=False)

    return engine.fit(train)


def swag_fit(mode: Posterior, train: Split, rate: float) -> Posterior:
    """Return SWAG of rank 20 from a mode.

    Arguments:
        mode: The maximum a posteriori.
        train: The data.
        rate: Learning rate.
    """
    engine = inference.SWAG(mode.model, num_epochs=SWAG_EPOCHS, lr=rate, progress=False)
    batch_size = max(1, len(train.y) // BATCHES)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the loss was")
        return engine.fit(train, batch_size, init=mode)


def stable_swag_fit(mode: Posterior, train: Split, rate: float) -> Posterior:
    """Return SWAG at the largest of a rate and its thirds at which it does not diverge."""
    while True:
        posterior = swag_fit(mode, train, rate)
        if not posterior.info.stopped:
            return posterior

        rate /= 3


def chains_of(model: zoo.BayesianNetwork, train: Split, cycles: int) -> DrawsPosterior:
    """Return four chains of SGHMC from short fits of their own, all data in a step."""
    engine = inference.SGHMC(
        model,
        num_epochs=EPOCHS,
        num_chains=4,
        cycles=cycles,
        thinning=5,
        init="map",
        compile=False,
        progress=False,
    )

    return engine.fit(train)


def by_cycle(posterior: DrawsPosterior) -> DrawsPosterior:
    """Return the draws of each cycle as a chain of its own."""
    draws = {}
    for name, value in posterior.draws.items():
        draws[name] = value.reshape(4 * CYCLES, -1, *value.shape[2:])

    return DrawsPosterior(posterior.model, draws=draws, state={}, info=None)


def grouped(fits: Sequence[Posterior], num_samples: int) -> DrawsPosterior:
    """Return draws of several fits, a chain for each."""
    every = [fit.sample(num_samples) for fit in fits]
    model = fits[0].model
    draws = {name: torch.stack([one[name] for one in every]) for name in model.latents}

    return DrawsPosterior(model, draws=draws, state={}, info=None)


def reference_pool(reference: Reference) -> Pool:
    """Return the stored weights of a reference, in random order."""
    weights = reference.weights
    order = torch.randperm(len(next(iter(weights.values()))))
    draws: dict[str, Tensor] = {}
    for name, value in weights.items():
        draws[name] = value[order][None]

    posterior = DrawsPosterior(reference.model, draws=draws, state={}, info=None)
    gradients = reference.evidence[0]["gradients"]

    return Pool(posterior, gradients)


def best_rate(problem: Problem) -> float:
    """Return the rate at which SWAG of four fifths of the data predicts the last fifth best."""
    pyro.set_rng_seed(1000)
    model, (x, y) = problem.reference.model, problem.reference.data.train
    order = torch.randperm(len(y))
    held, kept = order.tensor_split([len(y) // 5])
    mode = map_fit(model, Split(x[kept], y[kept]))

    found = {}
    for rate in RATES:
        posterior = swag_fit(mode, Split(x[kept], y[kept]), rate)
        if not posterior.info.stopped:
            prediction = posterior.predict(x[held], NUM_DRAWS)
            found[rate] = -float(prediction.log_prob(y[held]).mean())

    return min(found, key=lambda rate: found[rate])
