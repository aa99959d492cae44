"""One row for each member of the public menus, and which members refuse each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, combinations, product
from pathlib import Path
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer.autoguide import (
    AutoDelta,
    AutoGuide,
    AutoGuideList,
    AutoIAFNormal,
    AutoLaplaceApproximation,
    AutoLowRankMultivariateNormal,
    AutoMultivariateNormal,
    AutoNormal,
)
from torch import Tensor, nn

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, priors

Normal = dist.Normal


@dataclass(frozen=True)
class Network:
    """A row of NETWORKS: `make(outputs)` and the shape of one input."""

    make: Callable[[int], nn.Module]
    inputs: tuple[int, ...]


@dataclass(frozen=True)
class Likelihood:
    """A row of LIKELIHOODS: the likelihood, its number of outputs, and N targets."""

    make: Callable[[], likelihoods.likelihood.Likelihood]
    outputs: int
    targets: Callable[[int], Tensor]


class Recurrent(nn.Module):
    """A network of someone else's, with a layer that has no batching rule."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.encode = nn.GRU(2, 3, batch_first=True)
        self.decode = nn.Linear(3, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x)[0][:, -1])


def normalised(outputs: int) -> nn.Module:
    """Buffers, a grouped convolution, a layer without bias, a dropout layer."""
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3, groups=2),
        nn.Dropout(0.2),
        nn.Flatten(),
        nn.Linear(16, outputs),
    )


def one_label_an_image(outputs: int) -> nn.Module:
    """The mean logits of the pixels of a SegNet-Basic."""
    network = networks.SegNet(outputs, basic=True, width=2, kernel_size=3)
    return nn.Sequential(network, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def generated(outputs: int) -> nn.Module:
    """Read numbers from the images that a generator makes."""
    generator = networks.DCGANGenerator(2, channels=1, width=2)
    return nn.Sequential(generator, nn.Flatten(), nn.Linear(32 * 32, outputs))


def super_resolved(outputs: int) -> nn.Module:
    """Outputs of a larger image, whose pixels are shuffled channels."""
    return nn.Sequential(
        networks.ESPCN(2, widths=(3, 2)), nn.Flatten(), nn.Linear(16, outputs)
    )


def function_guide(model: Callable[..., object]) -> Callable[..., object]:
    """Write a guide by hand, as in Pyro's tutorials, with its parameters in the store."""
    sites = {
        name: torch.empty(prior.shape(), dtype=model.first_parameter.dtype)
        for name, prior in model.latents.items()
    }

    def guide(*args: object, **kwargs: object) -> None:
        for name, value in sites.items():
            loc = pyro.param(f"{name}.loc", torch.ones_like(value))
            scale = pyro.param(
                f"{name}.scale", torch.full_like(value, 0.1), dist.constraints.positive
            )
            law = (
                dist.LogNormal
                if name.startswith(("likelihood:", "prior:"))
                else dist.Normal
            )
            pyro.sample(name, law(loc, scale).to_event(value.dim()))

    return guide


def few(model: Callable[..., object], most: int = 40) -> list[str]:
    """Name the latent sites, the smallest first, that hold no more numbers together than this."""
    sizes, names = zip(
        *sorted((prior.shape().numel(), name) for name, prior in model.latents.items()),
        strict=True,
    )
    return [
        name
        for name, total in zip(names, accumulate(sizes), strict=True)
        if total <= most
    ]


def over_few(
    make: Callable[[Callable[..., object]], AutoGuide],
) -> Callable[[Callable[..., object]], AutoGuide]:
    """Give a family with P² parameters the small sites of a network, and `AutoNormal` the rest."""

    def guide(model: Callable[..., object]) -> AutoGuide:
        sites = few(model)
        if sum(model.latents[name].shape().numel() for name in sites) < 2:
            return AutoNormal(
                model
            )  # of one number alone there is nothing to correlate
        if len(sites) == len(model.latents):
            return make(model)
        both = AutoGuideList(model)
        both.append(AutoNormal(pyro.poutine.block(model, hide=sites)))
        both.append(make(pyro.poutine.block(model, expose=sites)))
        return both

    return guide


def auto_iaf(model: Callable[..., object]) -> AutoIAFNormal:
    """Make Pyro's autoregressive guide in the dtype of the model, not in the default one."""
    guide = AutoIAFNormal(model, hidden_dim=[40], num_transforms=1)
    make = guide._init_transform_fn

    def placed(size: int) -> nn.Module:
        return make(size).to(
            next(
                site["value"]
                for site in guide.prototype_trace.nodes.values()
                if "fn" in site
            ).dtype
        )

    guide._init_transform_fn = placed
    return guide


def exponential(f: Tensor) -> dist.Exponential:
    """Make durations whose rate is positive and grows slowly."""
    return dist.Exponential(0.1 + nn.functional.softplus(f[..., 0]))


def poisson(f: Tensor) -> dist.Poisson:
    """Counts from the logarithm of their rate."""
    return dist.Poisson(f.clamp(-5.0, 5.0).exp())


class Earlier:
    """The posterior of an earlier task, which knew a bias of each network in the table."""

    def distributions(self) -> dict[str, dist.Distribution]:
        names = (
            "layer1.bias",
            "features.0.bias",
            "linear.bias",
            "3.bias",
            "encode.bias_ih_l0",
            "0.conv1.bias",
        )
        return {name: Normal(0.1, 0.3) for name in names}


def by_folder(
    load: Callable[..., datasets.Dataset | datasets.Split],
    folder: str | None = None,
    **sizes: int,
) -> datasets.Dataset | datasets.Split:
    """Load data from its folder in ../shared/data, or skip the test by name."""
    try:
        return load(
            Path(__file__).parents[2] / "shared" / "data" / (folder or load.__name__),
            **sizes,
        )
    except FileNotFoundError as error:
        pytest.skip(f"{load.__name__}: {error}")


def pair_of_images(image: datasets.Split) -> datasets.Dataset:
    """Make a data set of one image, which is both parts."""
    return datasets.Dataset(
        "image", image, image, y_units=datasets.luminance.LUMINANCE_UNITS
    )


NETWORKS = {
    "MLP": Network(lambda outputs: networks.MLP(2, outputs, hidden=[3]), (2,)),
    "LeNet5": Network(
        lambda outputs: networks.LeNet5(outputs, image_size=16), (1, 16, 16)
    ),
    "ResNet": Network(
        lambda outputs: networks.ResNet(8, num_classes=outputs, width=2), (3, 8, 8)
    ),
    "BatchNorm": Network(normalised, (2, 4, 4)),
    "ESPCN": Network(super_resolved, (1, 2, 2)),
    "GRU": Network(Recurrent, (4, 2)),
}
FAMILIES = {  # of the same layers: one fit over weights and one over nodes each
    "AlexNet": Network(lambda outputs: networks.AlexNet(outputs, width=4), (3, 32, 32)),
    "ConvNet1d": Network(lambda outputs: networks.ConvNet1d(outputs, width=6), (1, 16)),
    "DCGANDiscriminator": Network(
        lambda outputs: networks.DCGANDiscriminator(outputs, width=2), (3, 32, 32)
    ),
    "DCGANGenerator": Network(generated, (2,)),
    "DSN": Network(
        lambda outputs: networks.DSN(outputs, width=6, image_size=8, companions=False),
        (3, 8, 8),
    ),
    "FastConvNet": Network(
        lambda outputs: networks.FastConvNet(outputs, widths=(4, 4)), (3, 8, 8)
    ),
    "LeNet": Network(lambda outputs: networks.LeNet(outputs, width=50), (1, 28, 28)),
    "MultiHead": Network(
        lambda outputs: networks.MultiHead(
            nn.Linear(2, 3), [nn.Linear(3, outputs), nn.Linear(3, outputs)], task=1
        ),
        (2,),
    ),
    "NIN": Network(lambda outputs: networks.NIN(outputs, width=6), (3, 8, 8)),
    "NormalisingFlow": Network(
        lambda outputs: networks.NormalisingFlow(outputs - 1), (2,)
    ),
    "PreActResNet": Network(
        lambda outputs: networks.PreActResNet(18, num_classes=outputs, width=4),
        (3, 8, 8),
    ),
    "SegNet": Network(one_label_an_image, (3, 9, 8)),
    "VGG16": Network(lambda outputs: networks.VGG16(outputs, width=4), (3, 32, 32)),
    "WideResNet": Network(
        lambda outputs: networks.WideResNet(10, 1, num_classes=outputs), (3, 8, 8)
    ),
}

PRIORS = {
    "WeightPrior": lambda: priors.WeightPrior(Normal(0.0, 0.5)),
    "callable": lambda: priors.WeightPrior(
        lambda name, w: Normal(0.0, w[0].numel() ** -0.5)
    ),
    "last_layer+Frozen": lambda: priors.WeightPrior(
        priors.last_layer(Normal(0.0, 0.5), otherwise=priors.Frozen())
    ),
    "by_name+Point": lambda: priors.WeightPrior(
        priors.by_name(
            {"*bias*": Normal(0.0, 0.5)}, otherwise=priors.Point(Normal(0.0, 1.0))
        )
    ),
    "by_type": lambda: priors.WeightPrior(
        priors.by_type({nn.Linear: dist.Laplace(0.0, 0.5)}, otherwise=priors.Frozen())
    ),
    "all_but_normalisation": lambda: priors.WeightPrior(
        priors.all_but_normalisation(Normal(0.0, 0.5), otherwise=priors.Frozen())
    ),
    "by_depth+Hierarchical+RegularisedHorseshoe": lambda: priors.WeightPrior(
        priors.by_depth(
            {-1: priors.RegularisedHorseshoe(0.5)},
            otherwise=priors.Hierarchical(dist.HalfNormal(1.0), by="input"),
        )
    ),
    "Learned": lambda: priors.WeightPrior(priors.Learned(0.5)),
    "Reparameterised+Hierarchical": lambda: priors.Reparameterised(
        priors.WeightPrior(priors.Hierarchical(dist.HalfNormal(1.0), centred=False)), {}
    ),
    "correlated_filters+ScaleMixture": lambda: priors.WeightPrior(
        priors.correlated_filters(0.5, otherwise=priors.ScaleMixture(0.5, 1.0, 0.1))
    ),
    "LogUniform": lambda: priors.WeightPrior(priors.LogUniform()),
    "previous+moped+fan_in": lambda: priors.WeightPrior(
        priors.previous(
            Earlier(),
            otherwise=priors.by_name(
                {"*weight*": priors.moped()}, otherwise=priors.fan_in()
            ),
        )
    ),
    "NodePrior": lambda: priors.NodePrior(Normal(1.0, 0.3)),
    "NodePrior+Frozen": lambda: priors.NodePrior(
        Normal(1.0, 0.3), where="out", weights=priors.Frozen()
    ),
    "NodePrior+WeightPrior": lambda: priors.NodePrior(
        Normal(1.0, 0.3), where="both", weights=Normal(0.0, 0.5)
    ),
    "NodePrior(Bernoulli)": lambda: priors.NodePrior(dist.Bernoulli(0.9)),
}

# no promise depends on how exactly Newton's method finds the mode
LAST_LAYER = partial(guides.LastLayer, num_steps=1)
GUIDES = {
    "ConcreteDropout": guides.ConcreteDropout,
    "Delta": guides.Delta,
    "Flipout": guides.Flipout,
    "GaussianDropout": guides.GaussianDropout,
    "Flow": guides.Flow,
    "FullRank": lambda model: guides.FullRank(model, sites=few(model, 600)),
    "LastLayer": LAST_LAYER,
    "LocalReparam": guides.LocalReparam,
    "LowRank": guides.LowRank,
    "MatrixNormal": guides.MatrixNormal,
    "MCDropout": guides.MCDropout,
    "MeanField": guides.MeanField,
    "Mixture": lambda model: guides.Mixture(model, num_components=2, init_spread=0.01),
    "NodeMixture": guides.NodeMixture,
    "Radial": guides.Radial,
    "Rank1": guides.Rank1,
    "Resampled": lambda model: guides.Resampled(
        model, make=LAST_LAYER, num_candidates=3
    ),
    "SparseVariationalDropout": guides.SparseVariationalDropout,
    "pyro AutoDelta": AutoDelta,
    "pyro AutoIAF": over_few(auto_iaf),
    "pyro AutoLaplace": AutoLaplaceApproximation,
    "pyro AutoLowRank": lambda model: AutoLowRankMultivariateNormal(model, rank=2),
    "pyro AutoMultivariateNormal": over_few(AutoMultivariateNormal),
    "pyro AutoNormal": AutoNormal,
    "pyro function": function_guide,
}
OURS = [name for name in GUIDES if not name.startswith("pyro")]
PYROS = [name for name in GUIDES if name.startswith("pyro Auto")]

LIKELIHOODS = {
    "Bernoulli": Likelihood(
        likelihoods.Bernoulli, 1, lambda n: torch.arange(n).remainder(2).reshape(n, 1)
    ),
    "Categorical": Likelihood(
        likelihoods.Categorical, 3, lambda n: torch.arange(n).remainder(3)
    ),
    "Categorical(class_weight)": Likelihood(
        lambda: likelihoods.Categorical(
            class_weight=likelihoods.median_frequency(torch.tensor([0, 0, 1, 2, 2]), 3)
        ),
        3,
        lambda n: torch.arange(n).remainder(3),
    ),
    "Censored": Likelihood(
        lambda: likelihoods.Censored(exponential),
        1,
        lambda n: torch.stack([torch.linspace(0.1, 2, n), torch.arange(n) % 2.0], -1),
    ),
    "DeeplySupervised": Likelihood(
        likelihoods.DeeplySupervised, 3, lambda n: torch.arange(n).remainder(3)
    ),
    "From(Poisson)": Likelihood(
        lambda: likelihoods.From(poisson),
        1,
        lambda n: torch.arange(n).remainder(4).reshape(n, 1),
    ),
    "Gaussian": Likelihood(
        lambda: likelihoods.Gaussian(0.5),
        2,
        lambda n: torch.linspace(-1, 1, 2 * n).reshape(n, 2),
    ),
    "Gaussian(HalfNormal)": Likelihood(
        lambda: likelihoods.Gaussian(dist.HalfNormal(1.0)),
        1,
        lambda n: torch.linspace(-1, 1, n).reshape(n, 1),
    ),
    "HeteroscedasticGaussian": Likelihood(
        likelihoods.HeteroscedasticGaussian,
        2,
        lambda n: torch.linspace(-1, 1, n).reshape(n, 1),
    ),
    "LogitAdjusted": Likelihood(
        lambda: likelihoods.LogitAdjusted([4, 2, 1]),
        3,
        lambda n: torch.arange(n).remainder(3),
    ),
    "LaplaceNoise": Likelihood(
        lambda: likelihoods.LaplaceNoise(dist.HalfNormal(1.0)),
        2,
        lambda n: torch.linspace(-1, 1, 2 * n).reshape(n, 2),
    ),
    "Ordinal": Likelihood(
        lambda: likelihoods.Ordinal(4), 1, lambda n: torch.arange(n).remainder(4)
    ),
}

_OF_FLOWS = likelihoods.GaussianClasses(3.0 * torch.eye(3)[:, :2])
OF_FLOWS = {  # likelihoods of `networks.NormalisingFlow(2)`
    "GaussianClasses": Likelihood(
        lambda: _OF_FLOWS, 3, lambda n: torch.arange(n).remainder(3)
    ),
    "GaussianClasses(Normal)": Likelihood(
        lambda: likelihoods.GaussianClasses(Normal(torch.zeros(3, 2), 2.0)),
        3,
        lambda n: torch.arange(n).remainder(3),
    ),
    "Recalled": Likelihood(
        lambda: likelihoods.Recalled(_OF_FLOWS, scale=0.3),
        3,
        lambda n: torch.arange(n).remainder(3),
    ),
}

SHORT = {"warmup_steps": 3, "num_samples": 3, "compile": False, "progress": False}
FEW_EPOCHS = {
    "num_epochs": 6,
    "burn_in": 3,
    "num_chains": 2,
    "lr": 1e-3,
    "compile": False,
    "progress": False,
}
ENGINES = {
    "SVI": lambda model: inference.SVI(
        model, guides.Delta(model), num_steps=3, progress=False
    ),
    "SVI+EarlyStopping": lambda model: inference.SVI(
        model,
        guides.Delta(model),
        num_steps=3,
        early_stopping=inference.EarlyStopping(fraction=0.3, every=1, num_samples=2),
        progress=False,
    ),
    "HMC": lambda model: inference.HMC(model, num_chains=2, num_steps=2, **SHORT),
    "ChEES": lambda model: inference.ChEES(model, num_chains=2, max_steps=4, **SHORT),
    "NUTS": lambda model: inference.NUTS(
        model, num_chains=2, max_tree_depth=2, **SHORT
    ),
    "MCLMC": lambda model: inference.MCLMC(model, num_chains=2, num_steps=2, **SHORT),
    "MEADS": lambda model: inference.MEADS(
        model, num_chains=4, num_folds=2, num_steps=2, **SHORT
    ),
    "MAMS": lambda model: inference.MAMS(model, num_chains=2, num_steps=2, **SHORT),
    "ParallelTempering": lambda model: inference.ParallelTempering(
        model, num_chains=2, num_temperatures=3, num_steps=2, **SHORT
    ),
    "IVON": lambda model: inference.IVON(model, num_steps=3, progress=False),
    "SGLD": lambda model: inference.SGLD(model, **FEW_EPOCHS),
    "SGHMC": lambda model: inference.SGHMC(model, **FEW_EPOCHS),
    "SGHMC+cycles": lambda model: inference.SGHMC(
        model, **{**FEW_EPOCHS, "burn_in": 0}, cycles=3, explore=0.5
    ),
    "SGNHT": lambda model: inference.SGNHT(model, **FEW_EPOCHS),
    "SWA": lambda model: inference.SWA(model, num_epochs=4, lr=1e-3, progress=False),
    "SWAG": lambda model: inference.SWAG(
        model, num_epochs=6, lr=1e-3, rank=2, progress=False
    ),
    "SWAG+diagonal": lambda model: inference.SWAG(
        model, num_epochs=6, lr=1e-3, rank=0, progress=False
    ),
    "FGE": lambda model: inference.FGE(
        model, num_epochs=8, burn_in=2, cycles=6, lr=1e-3, progress=False
    ),
    "Laplace": lambda model: inference.Laplace(
        model, structure="diag", num_steps=3, num_samples=6, progress=False
    ),
    "AIS": lambda model: inference.AIS(
        model, num_particles=6, num_steps=3, compile=False, progress=False
    ),
    "RepulsiveEnsemble": lambda model: inference.RepulsiveEnsemble(
        model,
        repulsion="weights",
        num_particles=6,
        num_steps=3,
        compile=False,
        progress=False,
    ),
}
SCHEDULES = {
    "schedules.cosine": lambda: inference.schedules.cosine(),
    "schedules.cosine(0)": lambda: inference.schedules.cosine(warmup=0.0),
    "schedules.one_cycle": lambda: inference.schedules.one_cycle(),
}
SWAS = ["SWA", "SWAG", "SWAG+diagonal"]  # engines that average points of SGD
OF_GUIDES = ("SVI", "SVI+EarlyStopping", "IVON", *SWAS)  # engines that fit a guide
PARTICLES = ["AIS", "RepulsiveEnsemble"]
STOCHASTIC = [
    "SGLD",
    "SGHMC",
    "SGHMC+cycles",
    "SGNHT",
]  # engines that take a step for every batch
OTHERS = (*OF_GUIDES, *PARTICLES, *STOCHASTIC, "FGE", "Laplace")
SAMPLERS = [name for name in ENGINES if name not in OTHERS]
KINDS = ("HMC", "NUTS", "MCLMC", "MEADS")  # samplers that share no kernel


def num_chains(engine):
    """Return the number of chains of a sampler here: MEADS needs two in each of two folds."""
    return 4 if engine == "MEADS" else 2


DATASETS = {
    "uci": lambda: datasets.uci("yacht"),
    "digits": datasets.digits,
    "ecg5000": lambda: by_folder(datasets.ecg5000, "ecg", num_train=50),
    "emoji": lambda: by_folder(datasets.emoji, num_train=50, num_test=20),
    "mnist": lambda: by_folder(datasets.mnist, num_train=50, num_test=20),
    "kmnist_test": lambda: datasets.Dataset(
        "KMNIST", DATASETS["mnist"]().train, by_folder(datasets.kmnist_test)
    ),
    "fashion_mnist": lambda: by_folder(
        datasets.fashion_mnist, num_train=50, num_test=20
    ),
    "cifar10": lambda: by_folder(datasets.cifar10, num_train=50, num_test=20),
    "cifar10h": lambda: datasets.Dataset(
        "CIFAR10H", DATASETS["cifar10"]().train, by_folder(datasets.cifar10h)
    ),
    "camvid": lambda: by_folder(datasets.camvid, size=(18, 24), num_images=20),
    "long_tailed": lambda: datasets.long_tailed(datasets.digits(), ratio=10),
    "regression": lambda: datasets.regression(torch.randn(20, 3), torch.randn(20)),
    "classification": lambda: datasets.classification(
        torch.randn(20, 3), ["cat", "dog"] * 10
    ),
    "split": lambda: datasets.split(datasets.digits(), [(3, 8), (0, 1)])[0],
    "super_resolution": lambda: by_folder(datasets.super_resolution),
    "super_resolution_images": lambda: pair_of_images(
        by_folder(datasets.super_resolution_images)["bird"]
    ),
    "super_resolution_pair": lambda: pair_of_images(
        datasets.super_resolution_pair(torch.randint(256, (3, 6, 9)))
    ),
    "permuted": lambda: datasets.permuted(datasets.digits(), 2)[1],
    "coreset+k_centre": lambda: datasets.coreset(datasets.digits(), 40)[0],
    "coreset+random_rows": lambda: datasets.coreset(
        datasets.digits(), 40, datasets.random_rows
    )[0],
    "toy.cubic": datasets.toy.cubic,
    "toy.linear": datasets.toy.linear,
    "toy.moons": datasets.toy.moons,
    "toy.sinusoid": datasets.toy.sinusoid,
}

# What cannot combine, and the words in which it says so.
WITHOUT_NODES = [name for name in PRIORS if not name.startswith("NodePrior")]
WITHOUT_WEIGHTS = ["by_name+Point", "NodePrior", "NodePrior+Frozen"]
IMPROPER = ["LogUniform"]
NOT_NORMAL_AT_THE_END = [
    "by_type",
    "correlated_filters+ScaleMixture",
    "LogUniform",
    "NodePrior(Bernoulli)",
]
WITH_POINTS = ["by_name+Point", "Learned", "NodePrior", "NodePrior(Bernoulli)"]
REFUSED = (
    {
        (prior, name): r"none of the sites .* is a node; use priors\.NodePrior"
        for prior in WITHOUT_NODES
        for name in ("NodeMixture", "Rank1")
    }
    | {
        (
            prior,
            "Rank1",
        ): r"Rank1 needs nodes at the inputs and the outputs .* are all at the (in|out)puts"
        for prior in ("NodePrior", "NodePrior+Frozen")
    }
    | {
        (prior, name): "there is nothing to drop"
        for prior in WITHOUT_WEIGHTS
        for name in ("ConcreteDropout", "GaussianDropout", "MCDropout")
    }
    | {
        (
            prior,
            name,
        ): rf"the log-uniform prior of '.*weight.*' is infinite at 0, and {name} sets weights to 0"
        for prior in IMPROPER
        for name in ("ConcreteDropout", "MCDropout")
    }
    | {
        (
            "NodePrior(Bernoulli)",
            name,
        ): r"site '.*nodes_in' is discrete .*guides\.MCDropout takes nodes"
        for name in (
            *(
                "ConcreteDropout",
                "Delta",
                "Flipout",
                "GaussianDropout",
                "LocalReparam",
                "MeanField",
                "NodeMixture",
            ),
            *("Mixture", "Radial", "Rank1", "SparseVariationalDropout"),
            *("Flow", "FullRank", "LowRank", "MatrixNormal"),
        )
    }
    | {
        (prior, name): r"LastLayer needs a normal prior of the last layer, but '"
        for prior in NOT_NORMAL_AT_THE_END
        for name in ("LastLayer", "Resampled")
    }
    | {
        (
            "NodePrior(Bernoulli)",
            name,
        ): "cannot handle discrete sample site"  # Pyro's own sentence
        for name in PYROS
    }
    | {
        (
            prior,
            name,
        ): "improper and has no draws"  # Pyro's autoguides draw from the prior to learn shapes
        for prior in IMPROPER
        for name in PYROS
    }
    | {
        (
            "NodePrior(Bernoulli)",
            "pyro function",
        ): r"nodes_in \(the guide draws values outside .*Boolean"
    }
)
REFUSED_BY_ENGINES = (
    {
        (prior, engine): "a sampler does not optimise point estimates"
        for prior in WITH_POINTS
        for engine in (*SAMPLERS, *PARTICLES, *STOCHASTIC)
    }
    | {
        (prior, "FGE"): "several points need weights that are all random"
        for prior in WITH_POINTS
    }
    | {
        (prior, engine): rf"{engine} begins at draws of the prior, but .* is improper"
        for prior in IMPROPER
        for engine in ("AIS", "ParallelTempering")
    }
    | {
        ("NodePrior(Bernoulli)", engine): r"is discrete .*guides\.MCDropout takes nodes"
        for engine in (
            *OF_GUIDES,
            "FGE",
        )  # through Delta and MeanField, their guides here
    }
)
NORMAL_WEIGHTS = [
    "WeightPrior",
    "callable",
    "last_layer+Frozen",
    "by_name+Point",
    "all_but_normalisation",
    "previous+moped+fan_in",
]
REFUSED_BY_ENGINES |= {
    (
        prior,
        "Laplace",
    ): r"inference\.Laplace needs (weights with a fixed|independent) normal prior"
    for prior in PRIORS
    if prior not in NORMAL_WEIGHTS
}
REFUSED_BY_LAPLACE = {
    "Bernoulli": "Gaussian with one fixed scale, or Categorical, not Bernoulli",
    "Categorical(class_weight)": "cannot take the weights of classes of Categorical",
    "Censored": "needs likelihoods.Gaussian .* not Censored",
    "DeeplySupervised": "needs likelihoods.Gaussian .* not DeeplySupervised",
    "From(Poisson)": "Gaussian with one fixed scale, or Categorical, not From",
    "Gaussian(HalfNormal)": "site 'likelihood:scale' is not a weight; use .* a fixed noise scale",
    "HeteroscedasticGaussian": "needs likelihoods.Gaussian .* not HeteroscedasticGaussian",
    "LogitAdjusted": "needs likelihoods.Gaussian .* not LogitAdjusted",
    "LaplaceNoise": "site 'likelihood:scale' is not a weight",
    "Ordinal": "site 'likelihood:first_cut' is not a weight",
}


def prior_for(guide: str) -> str:
    """Return a prior that a guide takes: the plain one, but nodes where it is over these."""
    return {"NodeMixture": "NodePrior", "Rank1": "NodePrior+WeightPrior"}.get(
        guide, "WeightPrior"
    )


def model(
    network: str, prior: str, likelihood: str, seed: int = 0
) -> zoo.BayesianNetwork:
    """Build a model from the names of its rows."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        row = LIKELIHOODS[likelihood]
        return zoo.BayesianNetwork(
            NETWORKS[network].make(row.outputs), PRIORS[prior](), row.make()
        )


def data(network: str, likelihood: str, size: int = 6) -> tuple[Tensor, Tensor]:
    """Make inputs and targets that fit a network and a likelihood."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(size, *NETWORKS[network].inputs, generator=generator)
    return x, LIKELIHOODS[likelihood].targets(size)


def covering(
    refused: set[tuple[str, str]],
    *tables: dict[str, object],
    known: Iterable[tuple[str, ...]] = (),
) -> list[tuple[str, ...]]:
    """Choose rows so that every pair of members that may combine is in one of them.

    Greedy and the same every time: a row starts with the first pair that is missing and
    takes from every other table the member that brings most missing pairs. Pairs in the
    rows `known`, of the same first tables, are in other tests and need no row here.
    """

    def fits(row: dict[int, str]) -> bool:
        return not any(
            (a, b) in refused or (b, a) in refused
            for a, b in combinations(row.values(), 2)
        )

    columns = range(len(tables))
    missing = {
        ((i, a), (j, b))
        for i, j in combinations(columns, 2)
        for a, b in product(tables[i], tables[j])
        if fits({i: a, j: b})
    }
    for row in known:
        missing -= set(combinations(enumerate(row), 2))
    order = [list(table) for table in tables]
    rank = {
        pair: tuple(order[i].index(a) for i, a in pair) + tuple(i for i, _ in pair)
        for pair in missing
    }
    rows = []
    while missing:
        row = dict(min(missing, key=rank.__getitem__))
        for column in columns:
            if column in row:
                continue
            choices = [
                member for member in order[column] if fits(row | {column: member})
            ]
            row[column] = max(
                choices,
                key=lambda member, column=column, row=row: sum(
                    tuple(sorted(((column, member), cell))) in missing
                    for cell in row.items()
                ),
            )
        rows.append(tuple(row[column] for column in columns))
        missing -= {tuple(sorted(pair)) for pair in combinations(row.items(), 2)}
    return rows


def every(
    refused: set[tuple[str, str]], *tables: dict[str, object]
) -> Iterator[tuple[str, ...]]:
    """Give the full product of tables, without what refuses each other."""
    for row in product(*tables):
        if not any(pair in refused for pair in combinations(row, 2)):
            yield row


PROPER = {prior: make for prior, make in PRIORS.items() if prior not in IMPROPER}
MODELS = covering(set(), NETWORKS, PROPER, LIKELIHOODS)
FITS = covering(set(REFUSED), NETWORKS, PRIORS, GUIDES, LIKELIHOODS)
SAMPLED = {
    prior: make
    for prior, make in PRIORS.items()
    if (prior, "NUTS") not in REFUSED_BY_ENGINES
}
RUNS = covering(
    set(REFUSED_BY_ENGINES)
    | {(likelihood, "Laplace") for likelihood in REFUSED_BY_LAPLACE},
    NETWORKS,
    SAMPLED,
    LIKELIHOODS,
    ENGINES,
    known=MODELS,
)


def shapes_of_draws(model: zoo.BayesianNetwork) -> dict[str, torch.Size]:
    """Return the shape of each site of a draw, reparameterised tensors included."""
    shapes = {name: prior.shape() for name, prior in model.latents.items()}
    tensors = dict(model.network.named_parameters())
    for name in model.plan.reparameterised():
        shapes[name] = tensors[name].shape

    return shapes


def first(names: Iterable[str], often: Collection[str]) -> list[Any]:
    """Return parameters of a test, of which `make test` has only those that are named."""
    parameters = []
    for name in names:
        marks = () if name in often else pytest.mark.full
        parameters.append(pytest.param(name, marks=marks))

    return parameters


def often(rows: Iterable[tuple[str, ...]], times: int = 2) -> list[tuple[str, ...]]:
    """Choose the first rows until each member is in so many of them, or in all it has."""
    count: Counter[str] = Counter()
    chosen = []
    for row in rows:
        if any(count[member] < times for member in row):
            count.update(row)
            chosen.append(row)

    return chosen


def each(names: str, rows: Iterable[tuple[str, ...]]) -> pytest.MarkDecorator:
    """Parametrize a test by rows of names, and call it by them."""
    rows = list(rows)
    return pytest.mark.parametrize(names, rows, ids=["-".join(row) for row in rows])


def each_pair(
    names: str, rows: Iterable[tuple[str, ...]], times: int = 2
) -> pytest.MarkDecorator:
    """Parametrize a test by rows, of which `make test` has only those of `often`."""
    rows = list(rows)
    in_all_runs = set(often(rows, times))
    parameters = []
    for row in rows:
        marks = () if row in in_all_runs else pytest.mark.full
        parameters.append(pytest.param(*row, id="-".join(row), marks=marks))

    return pytest.mark.parametrize(names, parameters)


def linear_regression():
    """Return a Pyro program of linear regression with noise 0.5, and its data (x, y)."""
    x = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))
    y = x @ torch.tensor([1.0, -0.5]) + 0.3

    def model(x, y):
        w = pyro.sample("w", dist.Normal(torch.zeros(3), 1.0).to_event(1))
        pyro.sample("y", dist.Normal(x @ w[:2] + w[2], 0.5).to_event(1), obs=y)

    return model, (x, y)
