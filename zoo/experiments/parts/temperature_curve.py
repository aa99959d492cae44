"""Error and NLL of a posterior against its temperature, by a sampler with batches and by HMC."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pyro.distributions as dist
from torch import Tensor, nn

import guides
from zoo import priors
from zoo.data import Data
from zoo.datasets import Dataset
from zoo.experiments.parts.augment import loader
from zoo.experiments.parts.repeated_fits import RepeatedFits
from zoo.experiments.running.contestant import MakeGuide, no_guide
from zoo.experiments.running.method import Method
from zoo.experiments.running.run import Run
from zoo.inference import HMC
from zoo.model import BayesianNetwork
from zoo.predictive.prediction import Prediction
from zoo.runtime.programs import PyroProgram

POINT = "MAP"
MEASURED = "measured temperatures"  # the name of the table
_POINT_SHARE = 0.08  # of the share of a setting
_NUM_DRAWS = 40  # of HMC, in each of two chains
_MAX_STEPS = 200  # of a trajectory


@dataclass(frozen=True)
class Setting:
    """A network and data, the temperatures, and how each of them is sampled.

    Arguments:
        make: Makes the network.
        scale: Standard deviation of the prior.
        temperatures: The temperatures, 1 at first.
        point: How the point estimate is fitted.
        sampler: Returns how a temperature is sampled.
        share: Share of the budget, which temperatures have in proportion to their epochs.
        num_samples: Number of draws with which images are predicted.
        checked: Temperatures at which HMC is run too.
        margin: Number of pixels by which images are shifted in training, where they are
            mirrored too; None for images as they are.
        published: Published differences of an error in per cent to temperature 1.
    """

    make: Callable[[], nn.Module]
    scale: float
    temperatures: tuple[float, ...]
    point: Method
    sampler: Callable[[float], Method]
    share: float
    num_samples: int
    checked: tuple[float, ...] = ()
    margin: int | None = None
    published: Mapping[float, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TemperatureCurve:
    """The error and the NLL of one setting against its temperature.

    Arguments:
        run: The run.
        name: The name of the setting.
        setting: The setting.
        data: Its data.
    """

    run: Run
    name: str
    setting: Setting
    data: Dataset

    def measure(self) -> None:
        """Fit the point estimate and every temperature, score them, and state differences."""
        setting = self.setting
        methods = {x: setting.sampler(x) for x in setting.temperatures}
        total = sum(method.epochs for method in methods.values())
        point_share = _POINT_SHARE * setting.share
        share = setting.share - point_share  # of all temperatures

        self._fit(POINT, guides.Delta, setting.point, point_share, 1.0)
        for temperature, method in methods.items():
            own_share = share * method.epochs / total
            engine = partial(method.engine, temperature=temperature)
            method = replace(method, engine=engine)
            key = f"T = {temperature:g}"
            chains = self._fit(key, no_guide, method, own_share, temperature)
            self._state_temperatures(chains)
            if temperature in setting.checked:
                self._check(temperature, chains.name)

        self._compare()

    def _key(self, temperature: float | str) -> str:
        """Return the name of a prediction."""
        if isinstance(temperature, str):
            return f"{self.name}, {temperature}"

        return f"{self.name}, T = {temperature:g}"

    def _fit(
        self,
        key: str,
        make_guide: MakeGuide,
        method: Method,
        share: float,
        temperature: float,
    ) -> RepeatedFits:
        """Fit, and score the draws."""
        run, name = self.run, self._key(key)
        train: Data | None = None
        if self.setting.margin is not None:
            train = loader(self.data.train, method.batch_size, self.setting.margin)

        build = partial(self._build, make_guide, temperature)
        fit = run.fit(name, build, self.data, method, share=share, train=train)

        chains = RepeatedFits(
            run, {name: fit}, self.data.test, self.setting.num_samples
        )
        chains.score(name)
        scores = run.scores[name]
        run.report.find(f"error, {name}, %", scores["error %"])
        run.report.find(f"NLL, {name}, nats", scores["nll"], headline=key == "T = 1")

        return chains

    def _build(
        self, make_guide: MakeGuide, temperature: float
    ) -> tuple[BayesianNetwork, PyroProgram | None]:
        """Return a model, whose chains start at draws of the prior at its temperature."""
        network = self.setting.make()
        scale = self.setting.scale
        if make_guide is no_guide:
            for parameter in network.parameters():
                nn.init.normal_(parameter, std=scale * temperature**0.5)

        prior = priors.WeightPrior(dist.Normal(0.0, scale))

        return self.run.build(network, prior, make_guide)

    def _state_temperatures(self, chains: RepeatedFits) -> None:
        """State the temperatures that were measured, as a share of the target's."""
        row: dict[str, object] = {"fit": chains.name}
        for kind, measured in chains.temperatures().items():
            half = (measured.high - measured.low) / 2
            what = f"{kind} temperature, {chains.name}, half of its interval {half:.2g}"
            self.run.report.find(what, measured.mean, 1.0)
            row[kind] = list(measured)

        rows = self.run.result.tables.get(MEASURED, [])
        self.run.report.tabulate(MEASURED, [*rows, row])

    def _check(self, temperature: float, name: str) -> None:
        """Score draws of HMC at a temperature, and compare them with those of the sampler."""
        run, data = self.run, self.data
        model, _ = self._build(no_guide, temperature)

        def sample() -> dict[str, Any]:
            engine = _hmc(model, self.setting.scale, temperature, run.progress)
            posterior = engine.fit(data.train)
            number = posterior.num_available(self.setting.num_samples)
            prediction = posterior.predict(data.test.x, number, progress=False)
            rate = posterior.info.acceptance_rate.mean()
            steps = posterior.info.n_steps.double().mean()
            return {
                "outputs": prediction.outputs,
                "acceptance": float(rate),
                "steps": float(steps),
            }

        key = f"{name}, HMC"
        found = run.keep(key, sample, temperature=temperature, scale=self.setting.scale)
        outputs: Tensor = found["outputs"]
        run.scores.add(key, lambda: Prediction(model.likelihood, outputs), data.test.y)
        run.report.find(f"NLL, {key}, nats", run.scores[key]["nll"])
        gain = run.scores.difference(name, key)
        run.report.find(f"NLL, {name} minus HMC, nats", gain["nll"], 0.0)
        run.report.find(f"error, {name} minus HMC, %", gain["error %"], 0.0)
        run.report.find(f"acceptance of HMC, {name}", found["acceptance"])

    def _compare(self) -> None:
        """State the paired differences to temperature 1."""
        report, warm = self.run.report, self._key(1.0)
        for temperature in (*self.setting.temperatures[1:], POINT):
            key = self._key(temperature)
            gain = self.run.scores.difference(key, warm)
            theirs = None
            if isinstance(temperature, float):
                theirs = self.setting.published.get(temperature)

            what = f"{key} minus T = 1"
            report.find(f"error, {what}, %", gain["error %"], theirs)
            report.find(f"NLL, {what}, nats", gain["nll"], headline=theirs is not None)


def _hmc(
    model: BayesianNetwork, scale: float, temperature: float, progress: bool
) -> HMC:
    """Return HMC whose trajectories have a quarter period of the prior's, as published."""
    return HMC(
        model,
        num_chains=2,
        warmup_steps=_NUM_DRAWS,
        num_samples=_NUM_DRAWS,
        trajectory_length=0.5 * math.pi * scale * temperature**0.5,
        max_steps=_MAX_STEPS,
        adapt_mass_matrix=False,
        init="network",
        temperature=temperature,
        progress=progress,
    )
