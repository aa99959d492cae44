"""Inputs and outputs that are not one tensor, in every engine and use of a posterior."""

from collections import UserDict, namedtuple
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.predictive import chunks

PRIOR = priors.WeightPrior(dist.Normal(0.0, 1.0))
U = torch.randn(30, 3, generator=torch.Generator().manual_seed(0))
V = torch.randn(30, 2, generator=torch.Generator().manual_seed(1))
Y = U.sum(-1, keepdim=True) - V.sum(-1, keepdim=True)


class Two(nn.Module):
    """A linear model of two inputs, which is also one of their concatenation."""

    def __init__(self):
        super().__init__()
        self.series, self.static = nn.Linear(3, 1), nn.Linear(2, 1, bias=False)

    def forward(self, series, static):
        return self.series(series) + self.static(static)


FORMS = {
    "tuple": (U, V),
    "mapping": {"static": V, "series": U},
    "UserDict": UserDict(series=U, static=V),
    "arrays": (U.numpy(), V.double().numpy()),
    "tables": {"series": pd.DataFrame(U.numpy()), "static": V},
}


def two():
    pyro.set_rng_seed(2)
    return zoo.BayesianNetwork(Two(), PRIOR, likelihoods.Gaussian(0.1))


def svi(model, data, *args, num_steps=5, **options):
    pyro.set_rng_seed(0)
    engine = inference.SVI(
        model, guides.MeanField(model), num_steps=num_steps, progress=False
    )
    return engine.fit(data, *args, **options)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_two_inputs_is_the_same_fit(form):
    expected = svi(two(), ((U, V), Y), 8)
    posterior = svi(two(), (FORMS[form], Y), 8)
    assert torch.equal(posterior.info.losses, expected.info.losses)

    pyro.set_rng_seed(1)
    one = expected.predict((U, V), num_samples=3).outputs
    pyro.set_rng_seed(1)
    assert torch.equal(posterior.predict(FORMS[form], num_samples=3).outputs, one)


def sampled(model, data, **options):
    sampler = inference.HMC(
        model,
        num_chains=2,
        warmup_steps=5,
        num_samples=9,
        num_steps=5,
        init="prior",
        compile="plain",
        progress=False,
        **options,
    )
    return sampler.fit(data)


def test_samplers_take_two_inputs(tmp_path):
    model = two()
    posterior = sampled(model, ({"series": U, "static": V}, Y))
    assert posterior.predict((U, V)).mean.shape == (30, 1)
    assert zoo.convergence(posterior, (U, V)).num_chains == 2
    ranks = zoo.diagnostics.sbc(
        model,
        lambda _: posterior,
        (U, V),
        num_simulations=2,
        num_samples=9,
        progress=False,
    )
    assert "f[2]" in ranks.ranks
    assert set(posterior.to_arviz(((U, V), Y), x=(U, V)).posterior) >= {"f"}
    scores = zoo.fidelity(svi(model, ((U, V), Y)), posterior, (U, V)).scores
    assert scores["mean_error"] > 0

    kept = sampled(model, ((U, V), Y), functions_at=(U[:4], V[:4]))
    assert kept.predict((U[:4], V[:4])).mean.shape == (4, 1)
    kept.save(tmp_path / "functions.safetensors")
    loaded = zoo.load(tmp_path / "functions.safetensors", model)
    assert torch.equal(
        loaded.predict((U[:4], V[:4])).mean, kept.predict((U[:4], V[:4])).mean
    )
    with pytest.raises(ValueError, match="only function values at 4 inputs"):
        kept.predict((U[:3], V[:3]))


def test_chunks_of_inputs_change_nothing(monkeypatch):
    posterior = svi(two(), ((U, V), Y))
    draws = posterior.sample(4)
    whole = posterior.predict_with(draws, (U, V)).outputs
    monkeypatch.setattr(chunks, "ELEMENTS", 30)
    parts = posterior.predict_with(draws, (U, V)).outputs
    assert torch.allclose(parts, whole, atol=1e-6)


def test_the_prior_predicts_two_inputs():
    assert two().prior_predictive((U, V), 5).mean.shape == (30, 1)


def test_early_stopping_and_a_checkpoint_with_two_inputs(tmp_path):
    model = two()
    for held_out in (None, ((U[:5], V[:5]), Y[:5])):
        stopping = inference.EarlyStopping(every=2, num_samples=3, held_out=held_out)
        engine = inference.SVI(
            model,
            guides.MeanField(model),
            num_steps=4,
            early_stopping=stopping,
            checkpoint=tmp_path / f"run{held_out is None}",
            progress=False,
        )
        assert len(engine.fit(((U, V), Y), 8).info.held_out) == 2


def test_images_beside_a_table_are_channels_last():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(1, 2, 3), nn.Linear(10, 1)

        def forward(self, image, table):
            return self.head(torch.cat([self.conv(image).flatten(1), table], 1))

    model = zoo.BayesianNetwork(Both(), PRIOR, likelihoods.Gaussian(0.1))
    x = (torch.randn(30, 1, 4, 4), V)
    posterior = svi(model, (x, Y), 10)
    assert posterior.predict(x, num_samples=3).mean.shape == (30, 1)


def test_inputs_of_different_numbers_of_rows():
    with pytest.raises(ValueError, match=r"inputs\[0\] has 30, inputs\[1\] has 29"):
        svi(two(), ((U, V[:29]), Y))

    posterior = svi(two(), ((U, V), Y))
    with pytest.raises(ValueError, match=r"inputs\['static'\] has 29"):
        posterior.predict({"series": U, "static": V[:29]})


def test_inputs_that_the_network_does_not_take():
    with pytest.raises(
        ValueError, match=r"Two does not take inputs of shape \(30, 3\)"
    ):
        svi(two(), (U, Y))
    with pytest.raises(
        ValueError, match=r"\{'other': \(30, 2\), 'series': \(30, 3\)\}"
    ):
        svi(two(), ({"series": U, "other": V}, Y))
    model = zoo.BayesianNetwork(nn.Linear(3, 1), PRIOR, likelihoods.Gaussian(0.1))
    with pytest.raises(ValueError, match=r"write x.float\(\), or x.astype\(float\)"):
        svi(model, (U.long(), Y))
    with pytest.raises(ValueError, match=r"the inputs\[1\] hold NaN .* in row 3"):
        svi(two(), ((U, V.index_fill(0, torch.tensor(3), float("nan"))), Y))


def test_a_mapping_of_one_input_needs_no_name_of_the_network():
    model = zoo.BayesianNetwork(nn.Linear(3, 1), PRIOR, likelihoods.Gaussian(0.1))
    assert svi(model, ({"image": U}, Y)).predict({"image": U}).mean.shape == (30, 1)


@dataclass
class Output:
    """An output such as those of Hugging Face."""

    logits: torch.Tensor
    attention: torch.Tensor


Pair = namedtuple("Pair", "mean attention")
OUTPUTS = {
    "tuple": (lambda f, x: (f, x), r"output=lambda o: o\[0\]"),
    "list": (lambda f, x: [f, x], r"output=lambda o: o\[0\]"),
    "dict": (lambda f, x: {"y": f, "attention": x}, r"output=lambda o: o\['y'\]"),
    "namedtuple": (Pair, r"output=lambda o: o\.mean"),
    "dataclass": (Output, r"output=lambda o: o\.logits"),
    "after None": (lambda f, x: (None, f), r"output=lambda o: o\[1\]"),
}


class Returning(nn.Linear):
    """A linear layer that returns something around its output."""

    def __init__(self, returned):
        super().__init__(3, 1)
        self.returned = returned

    def forward(self, x):
        return self.returned(super().forward(x), x.softmax(-1))


def returning(returned, **options):
    return zoo.BayesianNetwork(
        Returning(returned), PRIOR, likelihoods.Gaussian(0.1), **options
    )


@pytest.mark.parametrize("kind", OUTPUTS)
def test_the_first_tensor_of_an_output_is_taken_and_said_once(kind):
    returned, sentence = OUTPUTS[kind]
    model = returning(returned)
    with pytest.warns(UserWarning, match=sentence):
        posterior = svi(model, (U, Y))
    posterior.predict(U, num_samples=3)  # a second warning would be an error

    plain = zoo.BayesianNetwork(nn.Linear(3, 1), PRIOR, likelihoods.Gaussian(0.1))
    plain.network.load_state_dict(model.network.state_dict())
    assert torch.equal(svi(plain, (U, Y)).info.losses, posterior.info.losses)


def test_output_chooses_another_tensor():
    model = returning(
        lambda f, x: {"attention": x, "logits": f}, output=lambda o: o["logits"]
    )
    posterior = svi(model, (U, Y))
    assert posterior.predict(U).mean.shape == (30, 1)
    engine = inference.Laplace(model, structure="full", num_steps=3, progress=False)
    assert engine.fit((U, Y)).predict(U, linearised=True).mean.shape == (30, 1)


@pytest.mark.parametrize(
    ("output", "error", "sentence"),
    [
        ("logits", TypeError, "output must be a function, such as lambda o: o.logits"),
        (lambda o: o["mean"], ValueError, "fails on what the forward of Returning"),
        (lambda o: o["y"].tolist(), ValueError, "must take a tensor .* dict, not list"),
    ],
)
def test_an_output_that_is_none(output, error, sentence):
    with pytest.raises(error, match=sentence):
        svi(returning(lambda f, x: {"y": f}, output=output), (U, Y))


def test_a_network_that_returns_no_tensor():
    with pytest.raises(ValueError, match="must return a tensor, not NoneType"):
        svi(returning(lambda f, x: None), (U, Y))


class Squeezing(nn.Linear):
    """A network whose output has no dimension of size one."""

    def forward(self, x):
        return super().forward(x).squeeze()


def test_a_squeezing_network_keeps_the_row_of_one_datum():
    model = zoo.BayesianNetwork(Squeezing(3, 1), PRIOR, likelihoods.Gaussian(0.1))
    y = Y.squeeze(-1)
    posterior = svi(model, (U[:29], y[:29]), 7)  # a last batch of one
    for rows in (1, 2, 29):
        for draws in (1, 4):
            prediction = posterior.predict(U[:rows], num_samples=draws)
            assert prediction.outputs.shape == (draws, rows)
    assert svi(model, (U[:1], y[:1])).info.num_steps == 5
    assert svi(model, DataLoader(TensorDataset(U[:29], y[:29]), 7)).info.num_steps == 5


def test_targets_of_no_dimension_and_predictions_at_none():
    model = zoo.BayesianNetwork(
        networks.MLP(3, 1, hidden=[2]), PRIOR, likelihoods.Gaussian(0.1)
    )
    with pytest.raises(ValueError, match="the targets have no dimension"):
        svi(model, (U, torch.tensor(1.0)))
    posterior = svi(model, (U, Y))
    with pytest.raises(ValueError, match="there are no inputs"):
        posterior.predict(U[:0])
    assert posterior.predict(np.zeros((2, 3))).mean.shape == (2, 1)


def test_a_column_of_a_table_is_the_targets_of_one_output():
    table, column = pd.DataFrame(U.numpy()), pd.Series(Y[:, 0].numpy())
    model = zoo.BayesianNetwork(nn.Linear(3, 1), PRIOR, likelihoods.Gaussian(0.1))
    posterior = svi(model, (table, column))
    assert posterior.predict(table.head(3)).mean.shape == (3, 1)
    assert torch.equal(svi(model, (U, Y)).info.losses, posterior.info.losses)

    model = zoo.BayesianNetwork(nn.Linear(3, 2), PRIOR, likelihoods.Categorical())
    assert svi(model, (table, (column > 0).astype(int))).info.num_steps == 5
    with pytest.raises(ValueError, match=r"needs \(30, 2\)"):
        svi(
            zoo.BayesianNetwork(nn.Linear(3, 2), PRIOR, likelihoods.Gaussian(0.1)),
            (table, column),
        )


def test_columns_of_a_table_are_put_in_the_order_of_the_fit():
    table = pd.DataFrame(U.numpy(), columns=["a", "b", "c"])
    model = zoo.BayesianNetwork(nn.Linear(3, 1), PRIOR, likelihoods.Gaussian(0.1))
    for posterior in (svi(model, (table, Y)), sampled(model, (table, Y))):
        draws = posterior.sample(4)
        expected = posterior.predict_with(draws, table).outputs
        mixed = table[["c", "a", "b"]].assign(more=1.0)
        assert torch.equal(posterior.predict_with(draws, mixed).outputs, expected)
        assert torch.equal(posterior.predict_with(draws, U).outputs, expected)
        with pytest.raises(
            ValueError, match="no column 'b', which the model was fitted"
        ):
            posterior.predict(table.drop(columns="b"))

    inputs = {"series": table, "static": V}
    posterior = svi(two(), (inputs, Y))
    other = {"static": V, "series": table[["b", "c", "a"]]}
    draws = posterior.sample(4)
    expected = posterior.predict_with(draws, (U, V)).outputs
    assert torch.equal(posterior.predict_with(draws, other).outputs, expected)


@pytest.mark.parametrize("kind", [list, np.array, pd.Series])
def test_labels_in_words(kind):
    model = zoo.BayesianNetwork(nn.Linear(3, 2), PRIOR, likelihoods.Categorical())
    with pytest.raises(
        TypeError, match=r"the targets are text; write datasets.classif"
    ):
        svi(model, (U, kind(["cat", "dog"] * 15)))


def test_rows_of_other_indices():
    table, column = pd.DataFrame(U.numpy()), pd.Series(Y[:, 0].numpy())
    model = zoo.BayesianNetwork(nn.Linear(3, 1), PRIOR, likelihoods.Gaussian(0.1))
    with pytest.raises(ValueError, match=r"different indices; write y.loc\[X.index\]"):
        svi(model, (table, column.sample(frac=1.0, random_state=0)))
