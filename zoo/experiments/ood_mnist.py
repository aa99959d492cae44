"""ood-mnist: six posteriors of LeNet-5 asked about letters and clothes, beside the deterministic network."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pyro.distributions as dist
import torch
from torch import Tensor

import guides
from zoo import datasets, networks, priors, stress
from zoo.experiments.experiment import Experiment
from zoo.experiments.run import Run
from zoo.experiments.scores import Number
from zoo.stress.out_of_distribution import separation

NORMAL = dist.Normal(0.0, 0.1)
NODES = dist.Normal(1.0, 0.3)
HIDDEN = (
    "features.3.weight",
    "classifier.*.weight",
)  # not the image, which is one channel
POSTERIORS: dict[
    str, tuple[object, Callable[..., object], int]
] = {  # prior, guide, how many draws
    "deterministic": (priors.WeightPrior(NORMAL), guides.Delta, 1),
    "LocalReparam": (
        priors.WeightPrior(NORMAL),
        partial(guides.LocalReparam, init_scale=0.02),
        20,
    ),
    "Flipout": (
        priors.WeightPrior(NORMAL),
        partial(guides.Flipout, init_scale=0.02),
        20,
    ),
    "MCDropout": (
        priors.WeightPrior(NORMAL),
        partial(guides.MCDropout, p=0.2, layers=HIDDEN),
        20,
    ),
    "GaussianDropout": (
        priors.WeightPrior(NORMAL),
        partial(guides.GaussianDropout, p=0.2),
        20,
    ),
    "NodeMixture": (
        priors.NodePrior(NODES, weights=priors.Point(NORMAL)),
        partial(guides.NodeMixture, num_components=4, init_scale=0.1, init_spread=0.3),
        20,
    ),
    "last layer": (
        priors.WeightPrior(priors.last_layer(NORMAL, otherwise=priors.Point(NORMAL))),
        partial(guides.LocalReparam, init_scale=0.02),
        20,
    ),
}
EPOCHS, RESAMPLED = 100, 200


def run(run: Run) -> None:
    """Fit seven contestants, and see how well the uncertainty of each tells digits from what is none."""
    data = run.dataset(datasets.mnist, num_validation=5_000)
    outside = {
        "KMNIST": datasets.kmnist_test(run.data_path("kmnist_test")).x,
        "Fashion-MNIST": data.x_units.standardise(
            in_pixels(run.dataset(datasets.fashion_mnist))
        ),
    }
    found: dict[str, dict[str, stress.OutOfDistribution]] = {
        kind: {} for kind in outside
    }
    for name, (prior, family, draws) in POSTERIORS.items():

        def build(
            prior: object = prior, family: Callable[..., object] = family
        ) -> tuple[object, object]:
            model = run.model(networks.LeNet5(), prior)
            return model, family(model)

        posterior = run.fit(name, build, data, share=1 / len(POSTERIORS), epochs=EPOCHS)
        run.score(
            name,
            partial(posterior.predict, data.test.x, draws, progress=run.progress),
            data.test.y,
        )
        run.find(f"error, {name}, %", run.result.scores[name]["error %"])
        for kind, x in outside.items():
            found[kind][name] = stress.out_of_distribution(
                posterior, data.test.x, x, num_samples=draws
            )
    for kind, of in found.items():
        run.tabulate(
            kind, [{"posterior": name, **each.auroc} for name, each in of.items()]
        )
        for name, each in of.items():
            for measure in ("entropy", "mutual information"):
                if name != "deterministic":
                    gain = paired(each, of["deterministic"], measure, run.seed)
                    run.find(
                        f"AUROC on {kind}: {measure} of {name} minus entropy of deterministic",
                        gain,
                        "above 0",
                        headline=measure == "entropy",
                    )
    picture(run, found)


def in_pixels(data: datasets.Dataset) -> Tensor:
    """Return the test images between 0 and 1."""
    return data.x_units.restore(data.test.x)


def paired(
    one: stress.OutOfDistribution,
    other: stress.OutOfDistribution,
    measure: str,
    seed: int,
) -> Number:
    """Return a difference of areas under the curve, its error by resampling the same inputs for both."""
    generator = torch.Generator().manual_seed(seed)
    own, base = (
        [one.inside[measure], one.outside[measure]],
        [other.inside["entropy"], other.outside["entropy"]],
    )
    differences = []
    for _ in range(RESAMPLED):
        rows = [
            torch.randint(len(values), (len(values),), generator=generator)
            for values in own
        ]
        differences.append(separation(*(v[r] for v, r in zip(own, rows, strict=True))))
        differences[-1] -= separation(*(v[r] for v, r in zip(base, rows, strict=True)))
    return Number(
        separation(*own) - separation(*base), float(torch.tensor(differences).std())
    )


def picture(run: Run, found: dict[str, dict[str, stress.OutOfDistribution]]) -> None:
    """Draw the areas, a row for each contestant and a panel for each kind of images."""
    with run.panels(columns=len(found), share="row") as axes:
        for ax, (kind, of) in zip(axes[0], found.items(), strict=True):
            for measure, marker in (("entropy", "o"), ("mutual information", "^")):
                drawn = {
                    name: each
                    for name, each in of.items()
                    if measure == "entropy" or name != "deterministic"
                }
                ax.plot(
                    [each.auroc[measure] for each in drawn.values()],
                    list(drawn),
                    marker,
                    label=measure,
                )
            ax.axvline(
                of["deterministic"].auroc["entropy"],
                color="black",
                linestyle=":",
                linewidth=1,
            )
            ax.set(title=f"MNIST against {kind}", xlabel="AUROC", xlim=(None, 1.005))
        axes[0, 0].invert_yaxis()
        axes[0, 0].legend(frameon=False, loc="upper left")


ood_mnist = Experiment(
    name="ood-mnist",
    question="do six posteriors notice letters and clothes among digits better than the deterministic network?",
    reference="Laplace Redux - Effortless Bayesian Deep Learning (Daxberger, Kristiadi, Immer, Eschenhagen, Bauer, "
    "Hennig, 2021), the experiment",
    minutes=35,
    run=run,
)
