"""The tables to extend: one row for each member of the public menus, and which members refuse each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, product

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer.autoguide import AutoDelta, AutoLowRankMultivariateNormal, AutoNormal
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
    """A row of LIKELIHOODS: the likelihood, the outputs that it needs, and N targets that fit it."""

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


def function_guide(model: Callable[..., object]) -> Callable[..., object]:
    """Write a guide by hand, as in Pyro's tutorials: its parameters are in the store, not in a module."""
    sites = {name: prior.sample() for name, prior in model.latents.items()}

    def guide(*args: object, **kwargs: object) -> None:
        for name, value in sites.items():
            loc = pyro.param(f"{name}.loc", torch.ones_like(value))
            scale = pyro.param(f"{name}.scale", torch.full_like(value, 0.1), dist.constraints.positive)
            law = dist.LogNormal if name.startswith("likelihood:") else dist.Normal
            pyro.sample(name, law(loc, scale).to_event(value.dim()))

    return guide


def poisson(f: Tensor) -> dist.Poisson:
    """Counts from the logarithm of their rate."""
    return dist.Poisson(f.clamp(-5.0, 5.0).exp())


NETWORKS = {
    "MLP": Network(lambda outputs: networks.MLP(2, outputs, hidden=[3]), (2,)),
    "LeNet5": Network(lambda outputs: networks.LeNet5(outputs, image_size=16), (1, 16, 16)),
    "BatchNorm": Network(normalised, (2, 4, 4)),
    "GRU": Network(Recurrent, (4, 2)),
}

PRIORS = {
    "WeightPrior": lambda: priors.WeightPrior(Normal(0.0, 0.5)),
    "callable": lambda: priors.WeightPrior(lambda name, w: Normal(0.0, w[0].numel() ** -0.5)),
    "last_layer+Frozen": lambda: priors.WeightPrior(priors.last_layer(Normal(0.0, 0.5), otherwise=priors.Frozen())),
    "by_name+Point": lambda: priors.WeightPrior(
        priors.by_name({"*bias*": Normal(0.0, 0.5)}, otherwise=priors.Point(Normal(0.0, 1.0)))
    ),
    "by_type": lambda: priors.WeightPrior(
        priors.by_type({nn.Linear: dist.Laplace(0.0, 0.5)}, otherwise=priors.Frozen())
    ),
    "all_but_normalisation": lambda: priors.WeightPrior(
        priors.all_but_normalisation(Normal(0.0, 0.5), otherwise=priors.Frozen())
    ),
    "NodePrior": lambda: priors.NodePrior(Normal(1.0, 0.3)),
    "NodePrior+Frozen": lambda: priors.NodePrior(Normal(1.0, 0.3), where="out", weights=priors.Frozen()),
    "NodePrior+WeightPrior": lambda: priors.NodePrior(Normal(1.0, 0.3), where="both", weights=Normal(0.0, 0.5)),
    "NodePrior(Bernoulli)": lambda: priors.NodePrior(dist.Bernoulli(0.9)),
}

GUIDES = {
    "Delta": guides.Delta,
    "LocalReparam": guides.LocalReparam,
    "MCDropout": guides.MCDropout,
    "MeanField": guides.MeanField,
    "NodeMixture": guides.NodeMixture,
    "pyro AutoDelta": AutoDelta,
    "pyro AutoLowRank": lambda model: AutoLowRankMultivariateNormal(model, rank=2),
    "pyro AutoNormal": AutoNormal,
    "pyro function": function_guide,
}
OURS = [name for name in GUIDES if not name.startswith("pyro")]

LIKELIHOODS = {
    "Bernoulli": Likelihood(likelihoods.Bernoulli, 1, lambda n: torch.arange(n).remainder(2).reshape(n, 1)),
    "Categorical": Likelihood(likelihoods.Categorical, 3, lambda n: torch.arange(n).remainder(3)),
    "From(Poisson)": Likelihood(
        lambda: likelihoods.From(poisson), 1, lambda n: torch.arange(n).remainder(4).reshape(n, 1)
    ),
    "Gaussian": Likelihood(lambda: likelihoods.Gaussian(0.5), 2, lambda n: torch.linspace(-1, 1, 2 * n).reshape(n, 2)),
    "Gaussian(HalfNormal)": Likelihood(
        lambda: likelihoods.Gaussian(dist.HalfNormal(1.0)),
        1,
        lambda n: torch.linspace(-1, 1, n).reshape(n, 1),
    ),
    "HeteroscedasticGaussian": Likelihood(
        likelihoods.HeteroscedasticGaussian, 2, lambda n: torch.linspace(-1, 1, n).reshape(n, 1)
    ),
}

SHORT = {"warmup_steps": 3, "num_samples": 3, "compile": False, "progress": False}
ENGINES = {
    "SVI": lambda model: inference.SVI(model, guides.Delta(model), num_steps=3, progress=False),
    "SVI+EarlyStopping": lambda model: inference.SVI(
        model,
        guides.Delta(model),
        num_steps=3,
        early_stopping=inference.EarlyStopping(fraction=0.3, every=1, num_samples=2),
        progress=False,
    ),
    "HMC": lambda model: inference.HMC(model, num_chains=2, num_steps=2, **SHORT),
    "NUTS": lambda model: inference.NUTS(model, num_chains=2, max_tree_depth=2, **SHORT),
}

DATASETS = {
    "uci": lambda: datasets.uci("yacht"),
    "digits": datasets.digits,
    "toy.cubic": datasets.toy.cubic,
    "toy.linear": datasets.toy.linear,
    "toy.moons": datasets.toy.moons,
    "toy.sinusoid": datasets.toy.sinusoid,
}

# What cannot combine, and the words in which it says so.
WITHOUT_NODES = [name for name in PRIORS if not name.startswith("NodePrior")]
WITHOUT_WEIGHTS = ["by_name+Point", "NodePrior", "NodePrior+Frozen"]
WITH_POINTS = ["by_name+Point", "NodePrior", "NodePrior(Bernoulli)"]
REFUSED = (
    {(prior, "NodeMixture"): r"none of the sites .* is a node; use priors\.NodePrior" for prior in WITHOUT_NODES}
    | {(prior, "MCDropout"): "there is nothing to drop" for prior in WITHOUT_WEIGHTS}
    | {
        ("NodePrior(Bernoulli)", name): r"site '.*nodes_in' is discrete .*guides\.MCDropout takes nodes"
        for name in ("Delta", "LocalReparam", "MeanField", "NodeMixture")
    }
    | {
        ("NodePrior(Bernoulli)", name): "cannot handle discrete sample site"  # Pyro's own sentence
        for name in ("pyro AutoDelta", "pyro AutoLowRank", "pyro AutoNormal")
    }
    | {("NodePrior(Bernoulli)", "pyro function"): r"nodes_in \(the guide draws values outside .*Boolean"}
)
REFUSED_BY_ENGINES = {
    (prior, engine): "a sampler has nothing that optimises point estimates"
    for prior in WITH_POINTS
    for engine in ("HMC", "NUTS")
} | {
    ("NodePrior(Bernoulli)", engine): r"is discrete .*guides\.MCDropout takes nodes"
    for engine in ("SVI", "SVI+EarlyStopping")  # through Delta, their guide here
}


def model(network: str, prior: str, likelihood: str, seed: int = 0) -> zoo.BayesianNetwork:
    """Build a model from the names of its rows."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        row = LIKELIHOODS[likelihood]
        return zoo.BayesianNetwork(NETWORKS[network].make(row.outputs), PRIORS[prior](), row.make())


def data(network: str, likelihood: str, size: int = 6) -> tuple[Tensor, Tensor]:
    """Make inputs and targets that fit a network and a likelihood."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(size, *NETWORKS[network].inputs, generator=generator)
    return x, LIKELIHOODS[likelihood].targets(size)


def covering(refused: set[tuple[str, str]], *tables: dict[str, object]) -> list[tuple[str, ...]]:
    """Choose rows so that every pair of members of two tables that may combine stands in one of them.

    Greedy and the same every time: a row starts with the first pair that is missing and takes from every other
    table the member that brings most missing pairs.
    """

    def fits(row: dict[int, str]) -> bool:
        return not any((a, b) in refused or (b, a) in refused for a, b in combinations(row.values(), 2))

    columns = range(len(tables))
    missing = {
        ((i, a), (j, b))
        for i, j in combinations(columns, 2)
        for a, b in product(tables[i], tables[j])
        if fits({i: a, j: b})
    }
    order = [list(table) for table in tables]
    rank = {pair: tuple(order[i].index(a) for i, a in pair) + tuple(i for i, _ in pair) for pair in missing}
    rows = []
    while missing:
        row = dict(min(missing, key=rank.__getitem__))
        for column in columns:
            if column in row:
                continue
            choices = [member for member in order[column] if fits(row | {column: member})]
            row[column] = max(
                choices,
                key=lambda member, column=column, row=row: sum(
                    tuple(sorted(((column, member), cell))) in missing for cell in row.items()
                ),
            )
        rows.append(tuple(row[column] for column in columns))
        missing -= {tuple(sorted(pair)) for pair in combinations(row.items(), 2)}
    return rows


def every(refused: set[tuple[str, str]], *tables: dict[str, object]) -> Iterator[tuple[str, ...]]:
    """Give the full product of tables, without what refuses each other."""
    for row in product(*tables):
        if not any(pair in refused for pair in combinations(row, 2)):
            yield row


MODELS = covering(set(), NETWORKS, PRIORS, LIKELIHOODS)
FITS = covering(set(REFUSED), NETWORKS, PRIORS, GUIDES, LIKELIHOODS)
SAMPLED = {prior: make for prior, make in PRIORS.items() if (prior, "NUTS") not in REFUSED_BY_ENGINES}
RUNS = covering(set(REFUSED_BY_ENGINES), NETWORKS, SAMPLED, LIKELIHOODS, ENGINES)


def each(names: str, rows: Iterable[tuple[str, ...]]) -> pytest.MarkDecorator:
    """Parametrize a test by rows of names, and call it by them."""
    rows = list(rows)
    return pytest.mark.parametrize(names, rows, ids=["-".join(row) for row in rows])
