"""Training within a budget: a few learning rates are tried for a while, the best goes on for the time that is left."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import pyro
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR

from zoo import inference, metrics
from zoo.data import Data
from zoo.datasets import Split
from zoo.experiments.record import run_facts
from zoo.model import BayesianNetwork
from zoo.posterior.loading import load
from zoo.posterior.posterior import Posterior

Build = Callable[[], tuple[BayesianNetwork, Callable[..., object]]]
RATES = (3e-4, 1e-3, 3e-3)
TRIALS = 0.25  # of the time, for trying learning rates
PROBE = 12  # steps by which the first trial's length is found
HELD_OUT, DRAWS = 2_000, 8  # validation data and draws by which rates are told apart


@dataclass(frozen=True)
class Plan:
    """What is known before the fit itself begins.

    Arguments:
        rate: The learning rate that did best, at the start of a cosine.
        steps: Gradient steps.
        epochs: The same in passes through the data.
        trials: Validation NLL in nats of each rate that was tried.
        trial_steps: Steps of each trial.
        seconds: Seconds that trying took.
    """

    rate: float
    steps: int
    epochs: float
    trials: dict[str, float]
    trial_steps: int
    seconds: float


@dataclass(frozen=True)
class Training:
    """One fit of an experiment: how long at most, in what batches, at which learning rates.

    Arguments:
        seconds: The time that it may take; infinite for the published number of epochs.
        epochs: The published number of passes through the data, which are never
            exceeded.
        batch_size: Data in a batch.
        rates: Learning rates to choose from; one alone is taken as it is.
        optimizer: Makes the optimiser.
        least: Epochs below which the budget is refused as too short.
        seed: Seed of everything random.
        progress: Whether to show a progress bar.
    """

    seconds: float
    epochs: float
    batch_size: int = 128
    rates: Sequence[float] = RATES
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam
    least: float = 1.0
    seed: int = 0
    progress: bool = True

    def fit(
        self, build: Build, train: Data, validation: Split, path: Path
    ) -> tuple[Posterior, dict[str, object]]:
        """Fit, or read what an earlier run has fitted, and return the posterior with the facts of its fit.

        Arguments:
            build: Makes model and guide anew.
            train: Training data.
            validation: Data by which a learning rate is chosen.
            path: File of the posterior; the plan lies beside it.

        Raises:
            ValueError: The time is too short for one epoch.
        """
        beside = path.with_suffix(".json")
        facts = json.loads(beside.read_text()) if beside.is_file() else {}
        if path.is_file():
            return load(path, *self._built(build)), facts
        plan = (
            Plan(**facts["plan"])
            if facts
            else self.planned(build, train, validation, path.stem)
        )
        beside.write_text(json.dumps({"plan": asdict(plan)}))
        posterior = self.run(
            build, train, plan.rate, plan.steps, checkpoint=path.with_suffix(".run")
        )
        facts = {"plan": asdict(plan), **run_facts(posterior.info)}
        beside.write_text(json.dumps(facts))
        posterior.save(path)
        path.with_suffix(".run").unlink(missing_ok=True)
        return posterior, facts

    def planned(self, build: Build, train: Data, validation: Split, name: str) -> Plan:
        """Try the learning rates, and reckon how many steps the rest of the time is good for."""
        began = time.perf_counter()
        per_epoch = -(-size(train) // self.batch_size)
        for steps in (2, PROBE):  # the first pays for what is imported late
            probe = self.run(build, train, self.rates[0], steps, progress=False).info
            each, tracing = probe.seconds / steps, probe.seconds_tracing
        budget = (
            self.seconds
            if math.isfinite(self.seconds)
            else 4 * each * per_epoch / TRIALS
        )
        least = self.least * per_epoch
        if each * least > 3 * budget:
            raise self.too_short(name, each * least)
        share = budget * TRIALS / len(self.rates)
        steps = max(PROBE, min(round(share / each), round(self.epochs * per_epoch)))
        trials = {}
        for rate in self.rates if len(self.rates) > 1 else ():
            tried = self.run(build, train, rate, steps)
            each = min(each, (tried.info.seconds - tried.info.seconds_tracing) / steps)
            tracing = max(tracing, tried.info.seconds_tracing)
            trials[f"{rate:g}"] = held_out_nll(tried, validation)
        rate = float(min(trials, key=trials.__getitem__)) if trials else self.rates[0]
        spent = time.perf_counter() - began
        left = (
            self.seconds - spent - tracing if math.isfinite(self.seconds) else math.inf
        )
        possible = min(left / each, self.epochs * per_epoch)
        if possible < least:
            raise self.too_short(name, each * least)
        return Plan(
            rate,
            int(possible),
            round(int(possible) / per_epoch, 1),
            trials,
            steps,
            round(spent, 1),
        )

    def run(
        self, build: Build, train: Data, rate: float, steps: int, progress: bool | None = None,
        checkpoint: Path | None = None,
    ) -> Posterior:  # fmt: skip
        """Take so many steps from the start, the learning rate falling to zero as a cosine."""
        model, guide = self._built(build)
        engine = inference.SVI(
            model, guide, num_steps=steps, lr=rate, optimizer=self.optimizer, checkpoint=checkpoint,
            scheduler=partial(CosineAnnealingLR, T_max=steps), progress=self.progress if progress is None else progress,
        )  # fmt: skip
        return engine.fit(
            train, **({} if is_loader(train) else {"batch_size": self.batch_size})
        )

    def too_short(self, name: str, needed: float) -> ValueError:
        """Make the error of a budget too short for the seconds that one epoch needs."""
        epochs, needed = (
            "one epoch" if self.least == 1 else f"{self.least:g} of an epoch",
            needed / (1 - TRIALS),
        )
        return ValueError(
            f"the fit {name!r} has {self.seconds:.2g} s of the budget, and trying learning rates and {epochs} take "
            f"about {needed:.2g} s; give {math.ceil(1.2 * needed / self.seconds)} times the budget"
        )

    def _built(self, build: Build) -> tuple[BayesianNetwork, Callable[..., object]]:
        pyro.set_rng_seed(self.seed)
        return build()


def held_out_nll(posterior: Posterior, validation: Split) -> float:
    """Return the validation NLL, infinite where the fit diverged."""
    x, y = validation.x[:HELD_OUT], validation.y[:HELD_OUT]
    value = float(metrics.nll(posterior.predict(x, DRAWS, progress=False).log_prob(y)))
    return value if math.isfinite(value) else math.inf


def is_loader(data: Data) -> bool:
    """Tell whether data come in batches already."""
    return isinstance(data, torch.utils.data.DataLoader)


def size(data: Data) -> int:
    """Return the number of data."""
    return len(data.dataset) if is_loader(data) else len(data[0])
