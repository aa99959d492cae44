"""referral-cifar10: the accuracy on the images that are not referred to a human."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from functools import partial

import pyro.distributions as dist
import torch
from torch import nn

import guides
from zoo import priors, stress
from zoo.datasets import Dataset
from zoo.experiments.parts.trained_resnets import load_cifar10, load_trained
from zoo.experiments.running.contestant import Contestant
from zoo.experiments.running.method import Method
from zoo.experiments.running.report import Report
from zoo.experiments.running.run import Experiment, Run
from zoo.experiments.running.scores import Number
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.runtime.programs import PyroProgram

_LAST_LAYER = priors.WeightPrior(
    priors.last_layer(dist.Normal(0.0, 1.0), otherwise=priors.Frozen())
)
_NODES = priors.NodePrior(dist.Normal(1.0, 0.1), weights=priors.Frozen())
_MEAN_FIELD = partial(guides.MeanField, init_scale=0.05)
_FULL_RANK = partial(guides.FullRank, init_scale=0.05)
_DROPOUT = partial(guides.MCDropout, p=0.2)
_MIXTURE = partial(
    guides.NodeMixture, num_components=4, init_scale=0.05, init_spread=0.1
)


def _method(rate: float) -> Method:
    """Return a method of two epochs at one learning rate."""
    return Method(epochs=2, rates=(rate,), batch_size=128, min_epochs=0.1)


_CONTESTANTS = {
    "last layer, MAP": Contestant(_LAST_LAYER, guides.Delta, _method(1e-3)),
    "last layer, MeanField": Contestant(_LAST_LAYER, _MEAN_FIELD, _method(1e-3)),
    "last layer, FullRank": Contestant(_LAST_LAYER, _FULL_RANK, _method(1e-3)),
    "last layer, MCDropout": Contestant(_LAST_LAYER, _DROPOUT, _method(1e-3)),
    "nodes, MeanField": Contestant(_NODES, _MEAN_FIELD, _method(1e-2)),
    "nodes, NodeMixture": Contestant(_NODES, _MIXTURE, _method(5e-2)),
}
_FRACTIONS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
_NUM_SAMPLES = 10


def _run(run: Run) -> None:
    """Fit posteriors around a trained ResNet-20, and refer images by entropy."""
    data = load_cifar10(run)

    network = load_trained(run, 20)
    found = {}
    for name in _CONTESTANTS:
        num_samples = 1 if name.endswith("MAP") else _NUM_SAMPLES
        posterior = _fit(run, data, network, name)
        run.scores.add_posterior(name, posterior, data.test, num_samples)

        referral = stress.referral(
            posterior, data, fractions=_FRACTIONS, num_samples=num_samples
        )
        rows = referral.table.to_dicts()
        run.report.tabulate(name, rows)
        _report(run.report, name, referral)
        found[name] = referral

    _draw_figure(run, found)
    run.report.note(
        "If images were referred at random, the accuracy of the others would not change."
    )


def _fit(run: Run, data: Dataset, network: nn.Module, name: str) -> Posterior:
    """Fit a contestant with its share of the budget."""
    return run.fit(
        name,
        partial(_build, run, network, name),
        data,
        _CONTESTANTS[name].method,
        share=1 / len(_CONTESTANTS),
    )


def _build(
    run: Run, network: nn.Module, name: str
) -> tuple[BayesianNetwork, PyroProgram]:
    """Return the model and the guide of a contestant."""
    contestant = _CONTESTANTS[name]
    return run.build(network, contestant.prior, contestant.make_guide)


def _report(report: Report, name: str, referral: stress.Referral) -> None:
    """State the accuracy without referral and with a fifth of the images referred."""
    accuracies = referral.scores["entropy"]["accuracy"]

    for fraction, published in ((0.0, None), (0.2, "rises")):
        index = referral.fractions.index(fraction)
        num_kept = referral.kept[index]
        accuracy = _binomial(accuracies[index], num_kept)

        what = f"accuracy of what is kept, {name}, {fraction:.0%} referred"
        report.find(what, accuracy, published, headline=fraction > 0)

    num_rises = 0
    for earlier, later in itertools.pairwise(accuracies):
        num_rises += later >= earlier

    num_steps = len(accuracies) - 1

    what = f"steps at which it rises, {name}, of {num_steps}"
    report.find(what, num_rises, str(num_steps))


def _binomial(accuracy: float, num_cases: int) -> Number:
    """Return an accuracy with its standard error."""
    value = torch.tensor(accuracy)
    error = (value * (1 - value) / num_cases).sqrt()

    return Number(float(value), float(error))


def _draw_figure(run: Run, found: Mapping[str, stress.Referral]) -> None:
    """Draw the accuracy over the fraction referred, a line for each posterior."""
    from zoo import plots

    lines = {}
    for name, referral in found.items():
        lines[name] = referral.scores["entropy"]["accuracy"]

    title = "ResNet-20 on CIFAR-10, referred by entropy"

    with run.report.panels(title=title) as axes:
        ax = axes[0, 0]
        plots.referral(_FRACTIONS, lines, ylabel="accuracy of what is kept", ax=ax)


referral_cifar10 = Experiment(
    name="referral-cifar10",
    question="how accurate is the rest when the most uncertain images are referred to a human?",
    reference="Leveraging uncertainty information from deep neural networks for disease detection "
    "(Leibig, Allken, Ayhan, Berens, Wahl, 2017)",
    minutes=20,
    run=_run,
)
