"""Loaders and data sets of any batches, in a fit and in a prediction."""

from collections import namedtuple

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import guides
import zoo
from zoo import inference, likelihoods, priors
from zoo.data import Columns, batches, full
from zoo.data.batch_form import BatchForm

U = torch.randn(10, 3, generator=torch.Generator().manual_seed(0))
V = torch.randn(10, 2, generator=torch.Generator().manual_seed(1))
Y = U.sum(-1, keepdim=True) - V.sum(-1, keepdim=True)
Row = namedtuple("Row", "u v y")


class Two(nn.Module):
    """A linear model of two inputs."""

    def __init__(self):
        super().__init__()
        self.u, self.v = nn.Linear(3, 1), nn.Linear(2, 1)

    def forward(self, u, v):
        return self.u(u) + self.v(v)


def two(network=None):
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    return zoo.BayesianNetwork(network or Two(), prior, likelihoods.Gaussian(0.1))


def svi(model, num_steps=2, **options):
    guide = guides.MeanField(model)
    return inference.SVI(model, guide, num_steps=num_steps, progress=False, **options)


ROWS = list(zip(U, V, Y, strict=True))
DICTS = [{"u": u, "v": v, "y": y} for u, v, y in ROWS]
LOADERS = {
    "several tensors": (DataLoader(TensorDataset(U, V, Y), 4), {}),
    "tuples": (DataLoader(ROWS, 4), {}),
    "lists": (DataLoader([list(row) for row in ROWS], 4), {}),
    "a pair of a tuple": (DataLoader([((u, v), y) for u, v, y in ROWS], 4), {}),
    "a pair of a dict": (
        DataLoader([({"u": u, "v": v}, y) for u, v, y in ROWS], 4),
        {},
    ),
    "dicts": (DataLoader(DICTS, 4), {"target": "y"}),
    "namedtuples": (DataLoader([Row(*row) for row in ROWS], 4), {}),
    "fields of namedtuples": (
        DataLoader([Row(*row) for row in ROWS], 4),
        {"target": "y"},
    ),
    "arrays": (
        DataLoader(
            DICTS,
            4,
            collate_fn=lambda rows: {
                key: torch.stack([row[key] for row in rows]).numpy() for key in "uvy"
            },
        ),
        {"target": "y"},
    ),
    "workers": (DataLoader(DICTS, 4, num_workers=1), {"target": "y"}),
}


@pytest.mark.parametrize("name", LOADERS)
def test_every_form_of_batches_is_the_same_data(name):
    loader, options = LOADERS[name]
    model = two()
    x, y = full(model, loader, Columns(**options))
    u, v = x.values() if isinstance(x, dict) else x
    assert torch.equal(u, U)
    assert torch.equal(v, V)
    assert torch.equal(y, Y)

    posterior = svi(model).fit(loader, **options)
    draws = posterior.sample(5)
    expected = posterior.predict_with(draws, (U, V)).outputs
    of_loader = posterior.predict_with(draws, loader).outputs
    assert torch.allclose(of_loader, expected, atol=1e-6)
    assert posterior.predict(loader, 5).mean.shape == (10, 1)


class Items(Dataset):
    """A data set of the user's, of dictionaries."""

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return DICTS[index]


@pytest.mark.parametrize("batch_size", [None, 4])
def test_a_data_set_of_dictionaries(batch_size):
    model = two()
    posterior = svi(model).fit(Items(), batch_size, target="y")
    assert posterior.predict(Items()).mean.shape == (10, 1)


def test_a_mapping_with_the_target():
    model = two()
    posterior = svi(model).fit({"u": U, "v": V, "y": Y}, 4, target="y")
    assert posterior.predict({"u": U, "v": V}).mean.shape == (10, 1)


@pytest.mark.parametrize(
    "data", [DataLoader(U, 4), DataLoader(TensorDataset(U), 4), TensorDataset(U)]
)
def test_a_loader_of_inputs_alone(data):
    model = two(nn.Linear(3, 1))
    posterior = svi(model).fit((U, Y))
    assert posterior.predict(data, 3).outputs.shape == (3, 10, 1)


def test_the_draws_of_all_batches_are_the_same():
    """Each draw is one function of all data, so a linear network stays linear across batches."""
    model = two(nn.Linear(3, 1))
    posterior = svi(model).fit((U, Y))
    same = U[:1].expand(10, 3)
    outputs = posterior.predict(DataLoader(TensorDataset(same, Y), 3), 4).outputs
    assert torch.allclose(outputs, outputs[:, :1].expand(4, 10, 1), atol=1e-6)
    assert outputs[:, 0].std() > 0


def test_a_posterior_from_a_file_predicts_a_loader(tmp_path):
    model = two()
    loader, options = LOADERS["dicts"]
    svi(model).fit(loader, **options).save(tmp_path / "posterior.safetensors")
    loaded = zoo.load(
        tmp_path / "posterior.safetensors", model, guides.MeanField(model)
    )
    assert loaded.predict(loader, 3).mean.shape == (10, 1)
    assert loaded.predict(LOADERS["tuples"][0], 3).mean.shape == (10, 1)


def test_a_loader_in_random_order_says_so():
    model = two(nn.Linear(3, 1))
    posterior = svi(model).fit((U, Y))
    loader = DataLoader(TensorDataset(U, Y), 4, shuffle=True)
    with pytest.warns(UserWarning, match="random order, and so does the prediction"):
        posterior.predict(loader, 2)
    loader = DataLoader(TensorDataset(U, Y), 4, drop_last=True)
    with pytest.raises(ValueError, match="drops its last batch; write drop_last=False"):
        posterior.predict(loader, 2)


@pytest.mark.filterwarnings("ignore:.*4 of 4 draws diverged")
def test_function_values_are_predicted_at_a_loader():
    model = two(nn.Linear(3, 1))
    pyro.set_rng_seed(0)
    posterior = inference.HMC(
        model,
        num_chains=1,
        warmup_steps=2,
        num_samples=4,
        num_steps=5,
        functions_at=U.numpy(),
        init="prior",
        compile="plain",
        progress=False,
    ).fit((U, Y))
    assert posterior.predict(DataLoader(TensorDataset(U, Y), 4)).mean.shape == (10, 1)


FAULTS = {
    "no target": (
        LOADERS["dicts"][0],
        {},
        TypeError,
        r"a mapping with the keys 'u', 'v', 'y'; say which is the target",
    ),
    "another key": (
        LOADERS["dicts"][0],
        {"target": "label"},
        ValueError,
        "a batch has no target 'label'; its keys are 'u', 'v', 'y'",
    ),
    "another key of weights": (
        LOADERS["dicts"][0],
        {"target": "y", "weights": "w"},
        ValueError,
        "a batch has no weights 'w'",
    ),
    "weights that are no key": (
        LOADERS["dicts"][0],
        {"target": "y", "weights": torch.ones(10)},
        TypeError,
        "must be one of their keys, such as weights='weights', not Tensor",
    ),
    "weights of tuples": (
        LOADERS["tuples"][0],
        {"weights": torch.ones(10)},
        TypeError,
        "the weights of a loader's data must come with its batches",
    ),
    "target of tuples": (
        LOADERS["tuples"][0],
        {"target": "y"},
        TypeError,
        "this loader gives list, whose last element is the target; omit target",
    ),
    "targets alone": (
        DataLoader([{"y": y} for y in Y], 4),
        {"target": "y"},
        ValueError,
        "no inputs besides the target 'y'",
    ),
    "tensors": (DataLoader(U, 4), {}, TypeError, "several inputs and a target"),
    "text": (
        DataLoader([{**row, "text": "a"} for row in DICTS], 4),
        {"target": "y"},
        TypeError,
        r"inputs\['text'\]",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_batches_that_do_not_fit(name):
    loader, options, error, sentence = FAULTS[name]
    with pytest.raises(error, match=sentence):
        svi(two(), num_steps=9).fit(loader, **options)


def test_a_batch_of_other_keys_ends_the_run():
    model = two()
    first = {"u": U, "v": V, "y": Y}
    loader = DataLoader([first, {"u": U, "y": Y}], batch_size=None)
    with pytest.warns(UserWarning, match=r"shape \{'u': \(10, 3\)\}: .* argument: 'v'"):
        posterior = svi(model, num_steps=9).fit(loader, target="y", num_data=20)
    assert posterior.info.num_steps == 1


def test_predictions_at_batches_that_do_not_fit():
    posterior = svi(two()).fit(*LOADERS["dicts"][:1], target="y")
    with pytest.raises(ValueError, match="a batch has no input 'v'; its keys are 'u'"):
        posterior.predict(DataLoader([{"u": u} for u in U], 4))
    with pytest.raises(
        ValueError, match="a batch has 4 parts, but the model was fitted"
    ):
        posterior.predict(DataLoader(TensorDataset(U, V, Y, Y), 4))
    with pytest.raises(ValueError, match="the DataLoader is empty"):
        posterior.predict(DataLoader([], 4))


def test_a_pair_of_three():
    with pytest.raises(
        TypeError, match=r"tuple of 3; several inputs are a tuple, \(\(x1"
    ):
        batches(two(), (U, V, Y))


def test_the_form_of_inputs():
    assert BatchForm.of(U).num_inputs == 1
    assert BatchForm.of((U, V)).num_inputs == 2
    assert BatchForm.of({"u": U, "v": V}).keys == ("u", "v")
