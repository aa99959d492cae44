"""Guides over the nodes of a trained network, against chains of two samplers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyro.distributions as dist
from torch import Tensor, nn

import guides
from zoo import likelihoods, priors
from zoo.datasets import Dataset, Split
from zoo.experiments.parts.node_agreement import (
    Draws,
    chains_of,
    state_agreement,
    state_distances,
    state_nodes,
)
from zoo.experiments.parts.node_chains import SAMPLERS, NodeChains
from zoo.experiments.parts.scaled_inputs import folded, with_scaled_inputs
from zoo.experiments.parts.temperature import logits_of
from zoo.experiments.running.method import Method
from zoo.experiments.running.run import Run
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.predictive.prediction import Prediction
from zoo.runtime.memory_format import channels_last

REFERENCE = (
    "What Are Bayesian Neural Network Posteriors Really Like? (Izmailov, Vikram, Hoffman, "
    "Wilson, 2021); Scalable Bayesian neural networks by layer-wise input augmentation (Trinh, "
    "Kaski, Heinonen, 2020)"
)
TRUTH = "chains"
PRIOR = "prior"
MEAN_FIELD = "mean field"
GUIDES: dict[str, Callable[..., Any]] = {
    MEAN_FIELD: partial(guides.MeanField, init_scale=0.05),
    "low rank": partial(guides.LowRank, rank=8, per="all", init_scale=0.05),
    "mixture": partial(guides.NodeMixture, init_scale=0.05, init_spread=0.1),
}


@dataclass(frozen=True)
class NodeSetting:
    """The posterior of the nodes of one network, and how it is sampled and fitted.

    Arguments:
        name: The name of the network.
        scale: Standard deviation of the prior of a node around 1.
        num_chains: Number of chains of each of two samplers.
        num_steps: Gradients of a draw, on average.
        chains_share: Share of the budget of the chains.
        guide_share: Share of the budget of each guide.
        method: How a guide is fitted.
        learns_mass: Whether the samplers learn a mass matrix.
    """

    name: str
    scale: float
    num_chains: int
    num_steps: int
    chains_share: float
    guide_share: float
    method: Method
    learns_mass: bool


class NodeTruth:
    """Chains and guides over the nodes of one trained network, and their scores.

    Arguments:
        run: The run.
        setting: The posterior.
        network: The trained network.
        data: The data of the posterior as training part, and test data.
        num_samples: Number of draws of a guide and of the prior.
    """

    def __init__(
        self,
        run: Run,
        setting: NodeSetting,
        network: nn.Module,
        data: Dataset,
        num_samples: int,
    ) -> None:
        self.run = run
        self.setting = setting
        self.network = folded(network).to(run.device)
        self.data = data
        self.num_samples = num_samples
        self.prior = dist.Normal(1.0, setting.scale)

    def measure(self) -> None:
        """Fit the guides, sample, and state what chains say of themselves and of the guides."""
        fits = {name: self._fit(name) for name in GUIDES}
        found = self._sample(fits[MEAN_FIELD])
        truth = chains_of(found, "outputs").flatten(0, 1)

        outputs = {self.setting.name: self._outputs_of_network()}
        outputs[PRIOR] = self._outputs(PRIOR, self._prior_outputs)
        for name, fit in fits.items():
            outputs[name] = self._outputs(name, partial(self._fit_outputs, fit))

        for name, values in {TRUTH: truth, **outputs}.items():
            self._score(name, values)

        state_agreement(self.run, found)
        state_nodes(self.run, found, fits[MEAN_FIELD], self.setting.scale)
        state_distances(self.run, found, outputs)
        self._state_scores(list(outputs))

    def _fit(self, name: str) -> Posterior:
        """Fit a guide."""
        setting = self.setting

        def build() -> tuple[BayesianNetwork, Any]:
            prior = priors.NodePrior(self.prior, weights=priors.Frozen())
            return self.run.build(self.network, prior, GUIDES[name])

        return self.run.fit(
            name, build, self.data, setting.method, share=setting.guide_share
        )

    def _sample(self, init: Posterior) -> dict[str, Draws]:
        """Return the draws of the samplers by their names."""
        setting = self.setting
        network = with_scaled_inputs(self.network).to(self.run.device)
        model = BayesianNetwork(
            network, priors.WeightPrior(self.prior), likelihoods.Categorical()
        )
        x, y = self.data.train
        device = self.run.device
        train = Split(channels_last(x).to(device), y.to(device))
        chains = NodeChains(
            run=self.run,
            model=model,
            train=train,
            test=self.data.test,
            num_chains=setting.num_chains,
            num_steps=setting.num_steps,
            share=setting.chains_share,
            learns_mass=setting.learns_mass,
        )
        seconds = chains.seconds_of_gradient() / setting.num_chains
        self.run.report.find("seconds of a gradient of one chain", seconds)

        return {name: chains.sample(name, init) for name in SAMPLERS}

    def _outputs(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        """Return the logits (S, N, O) of draws at the test inputs."""

        def keep() -> dict[str, Tensor]:
            return {"outputs": make().float()}

        return self.run.keep(f"{name}, outputs", keep)["outputs"]

    def _outputs_of_network(self) -> Tensor:
        """Return the logits of the network, as often as a guide has draws."""
        logits = logits_of(self.network, self.data.test.x, self.run.device)
        return logits.cpu().expand(self.num_samples, -1, -1)

    def _fit_outputs(self, fit: Posterior) -> Tensor:
        """Return the logits of draws of a guide."""
        prediction = fit.predict(
            self.data.test.x, self.num_samples, progress=self.run.progress
        )
        return prediction.outputs

    def _prior_outputs(self) -> Tensor:
        """Return the logits of draws of the prior."""
        prior = priors.NodePrior(self.prior, weights=priors.Frozen())
        model = BayesianNetwork(self.network, prior, likelihoods.Categorical())

        return model.prior_predictive(self.data.test.x, self.num_samples).outputs

    def _score(self, name: str, outputs: Tensor) -> None:
        """Score draws as one prediction."""
        likelihood = likelihoods.Categorical()
        self.run.scores.add(
            name, lambda: Prediction(likelihood, outputs), self.data.test.y
        )

    def _state_scores(self, names: list[str]) -> None:
        """State the scores of each prediction, and the differences to the chains."""
        run = self.run
        for name in (TRUTH, *names):
            scores = run.scores[name]
            headline = name in (TRUTH, self.setting.name)
            run.report.find(f"error, {name}, %", scores["error %"])
            run.report.find(f"ECE, {name}", scores["ece"])
            run.report.find(f"NLL, {name}, nats", scores["nll"], headline=headline)

        for name in names:
            gain = run.scores.difference(name, TRUTH)
            run.report.find(f"NLL, {name} minus {TRUTH}, nats", gain["nll"])
            run.report.find(f"error, {name} minus {TRUTH}, %", gain["error %"])
