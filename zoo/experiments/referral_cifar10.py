"""referral-cifar10: the accuracy of what is kept when the most uncertain images go to a human."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

import pyro.distributions as dist
import torch

import guides
from zoo import datasets, priors, stress
from zoo.datasets.images import IMAGENET
from zoo.experiments.experiment import Experiment
from zoo.experiments.nodes_cifar10 import trained, with_validation
from zoo.experiments.run import Run
from zoo.experiments.scores import Number

LAST = priors.last_layer(dist.Normal(0.0, 1.0), otherwise=priors.Frozen())
NODES = priors.NodePrior(dist.Normal(1.0, 0.1), weights=priors.Frozen())
POSTERIORS: dict[
    str, tuple[object, Callable[..., object], float]
] = {  # prior, guide, learning rate
    "last layer, MAP": (priors.WeightPrior(LAST), guides.Delta, 1e-3),
    "last layer, MeanField": (
        priors.WeightPrior(LAST),
        partial(guides.MeanField, init_scale=0.05),
        1e-3,
    ),
    "last layer, FullRank": (
        priors.WeightPrior(LAST),
        partial(guides.FullRank, init_scale=0.05),
        1e-3,
    ),
    "last layer, MCDropout": (
        priors.WeightPrior(LAST),
        partial(guides.MCDropout, p=0.2),
        1e-3,
    ),
    "nodes, MeanField": (NODES, partial(guides.MeanField, init_scale=0.05), 1e-2),
    "nodes, NodeMixture": (
        NODES,
        partial(guides.NodeMixture, num_components=4, init_scale=0.05, init_spread=0.1),
        5e-2,
    ),
}
FRACTIONS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
DRAWS = 10


def run(run: Run) -> None:
    """Fit posteriors round a trained ResNet-20, and refer by entropy and by mutual information."""
    data = with_validation(run.dataset(datasets.cifar10, units=IMAGENET))
    network, found = trained(run, 20), {}
    for name, (prior, family, rate) in POSTERIORS.items():

        def build(
            prior: object = prior, family: Callable[..., object] = family
        ) -> tuple[object, object]:
            model = run.model(network, prior)
            return model, family(model)

        options = {"rates": (rate,), "least": 0.1}
        posterior = run.fit(
            name, build, data, share=1 / len(POSTERIORS), epochs=2, **options
        )
        draws = 1 if name.endswith("MAP") else DRAWS
        run.score(
            name,
            partial(posterior.predict, data.test.x, draws, progress=run.progress),
            data.test.y,
        )
        found[name] = stress.referral(posterior, data, FRACTIONS, num_samples=draws)
        run.tabulate(name, found[name].table.to_dicts())
        report(run, name, found[name])
    picture(run, found)
    run.note(
        "Referred at random, the accuracy of what is kept would stay what it is for all images."
    )


def report(run: Run, name: str, referral: stress.Referral) -> None:
    """State the accuracy with none and with a fifth referred."""
    accuracy = referral.scores["entropy"]["accuracy"]
    for fraction, published in ((0.0, None), (0.2, "rises")):
        place = referral.fractions.index(fraction)
        value, kept = torch.tensor(accuracy[place]), referral.kept[place]
        error = float((value * (1 - value) / kept).sqrt())
        run.find(
            f"accuracy of what is kept, {name}, {fraction:.0%} referred",
            Number(float(value), error),
            published,
            headline=fraction > 0,
        )
    rises = [later >= earlier for earlier, later in itertools.pairwise(accuracy)]
    run.find(
        f"steps at which it rises, {name}, of {len(rises)}", sum(rises), str(len(rises))
    )


def picture(run: Run, found: dict[str, stress.Referral]) -> None:
    """Draw the accuracy of what is kept over the fraction referred, a line for each posterior."""
    from zoo import plots

    lines = {
        name: referral.scores["entropy"]["accuracy"] for name, referral in found.items()
    }
    with run.panels(title="ResNet-20 on CIFAR-10, referred by entropy") as axes:
        plots.referral(
            FRACTIONS, lines, ylabel="accuracy of what is kept", ax=axes[0, 0]
        )


referral_cifar10 = Experiment(
    name="referral-cifar10",
    question="how right is what is left when the most uncertain images go to a human?",
    reference="Leveraging uncertainty information from deep neural networks for disease detection (Leibig, Allken, "
    "Ayhan, Berens, Wahl, 2017)",
    minutes=20,
    run=run,
)
