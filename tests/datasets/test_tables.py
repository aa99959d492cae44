"""Tables of the user's: split, standardised by the training part, names and labels kept."""

import numpy as np
import pandas as pd
import pyro.distributions as dist
import pytest
import torch

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, priors

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(3.0, 5.0, size=(50, 3))
Y = 100 + X @ [1.0, -2.0, 0.5]
TABLE = pd.DataFrame(X, columns=["a", "b", "c"])
LABELS = np.where(X[:, 0] > 3, "yes", "no")


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (X, Y),
        (X.tolist(), Y.tolist()),
        (torch.tensor(X), torch.tensor(Y)[:, None]),
        (TABLE, pd.Series(Y, name="price")),
        (TABLE, pd.DataFrame({"price": Y})),
    ],
    ids=["arrays", "lists", "tensors", "a table and a column", "tables"],
)
def test_every_kind_of_table_is_the_same_data(x, y):
    data = datasets.regression(x, y, test=0.2, seed=1)
    expected = datasets.regression(X, Y, test=0.2, seed=1)
    assert torch.equal(data.train.x, expected.train.x)
    assert torch.equal(data.test.y, expected.test.y)
    assert data.train.y.shape == (40, 1)
    assert data.train.x.dtype == data.train.y.dtype == torch.float32
    assert data.classes is None


def test_the_training_part_standardises_and_the_units_come_back():
    data = datasets.regression(TABLE, pd.Series(Y, name="price"), seed=3)
    assert torch.allclose(data.train.x.mean(0), torch.zeros(3), atol=1e-5)
    assert torch.allclose(data.train.x.std(0, correction=0), torch.ones(3), atol=1e-5)
    assert data.test.x.mean(0).abs().max() > 0.01  # by the training part alone
    assert (data.x_names, data.y_names) == (("a", "b", "c"), ("price",))

    back = torch.cat([data.train.y, data.test.y])
    values = data.in_original_units(back).flatten().sort().values
    assert torch.allclose(values, torch.tensor(Y).float().sort().values, atol=1e-4)


def test_a_split_has_every_row_once_and_follows_its_seed():
    numbers = np.arange(20.0)
    data = datasets.regression(numbers, numbers, test=0.25, seed=0)
    rows = torch.cat([data.train.y, data.test.y])
    restored = data.y_units.restore(rows).flatten().round().sort().values
    assert torch.equal(restored, torch.arange(20.0))
    again = datasets.regression(numbers, numbers, test=0.25, seed=0)
    assert torch.equal(again.test.y, data.test.y)
    other = datasets.regression(numbers, numbers, test=0.25, seed=1)
    assert not torch.equal(other.test.y, data.test.y)


def test_constant_and_true_or_false_columns():
    table = pd.DataFrame({"one": np.ones(10), "new": [True, False] * 5, "a": X[:10, 0]})
    data = datasets.regression(table, Y[:10])
    assert torch.isfinite(data.train.x).all()
    assert torch.equal(data.train.x[:, 0], torch.zeros(8))
    assert len(data.train.x[:, 1].unique()) == 2


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (LABELS, ("no", "yes")),
        (LABELS.tolist(), ("no", "yes")),
        (pd.Series(LABELS), ("no", "yes")),
        (pd.Series(LABELS).astype("category"), ("no", "yes")),
        (LABELS == "yes", (False, True)),
        (torch.tensor(LABELS == "yes").long()[:, None] + 3, (3, 4)),
        ((LABELS == "yes").astype(float), (0.0, 1.0)),
        ([(1, label) for label in LABELS], ((1, "no"), (1, "yes"))),
    ],
)
def test_labels_of_any_kind(labels, classes):
    data = datasets.classification(X, labels, test=0.3, seed=2)
    assert data.classes == classes
    assert data.y_units is None
    x = data.x_units.restore(data.test.x)
    assert torch.equal(data.test.y, (x[:, 0] > 3).long())


def test_fits_of_tables():
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    data = datasets.classification(X, LABELS)
    model = zoo.BayesianNetwork(
        networks.MLP(3, len(data.classes), hidden=[5]), prior, likelihoods.Categorical()
    )
    engine = inference.SVI(model, guides.MeanField(model), num_steps=3, progress=False)
    assert engine.fit(data).predict(data.test.x).probs.shape == (10, 2)

    # an array or a table in standardised units is taken as it is
    model = zoo.BayesianNetwork(
        networks.MLP(3, 1, hidden=[5]), prior, likelihoods.Gaussian(0.1)
    )
    engine = inference.SVI(model, guides.MeanField(model), num_steps=3, progress=False)
    posterior = engine.fit((TABLE, pd.DataFrame({"y": Y})))
    assert posterior.predict(TABLE.head(4)).mean.shape == (4, 1)


MISSING = X.copy()
MISSING[7, 1] = np.nan
TEXT = TABLE.assign(town="Ulm", day=pd.Timestamp("2020"))
FAULTS = {
    "text": (
        TEXT,
        Y,
        TypeError,
        r"not numeric: 'town', 'day'; write pandas.get_dummies",
    ),
    "text in an array": (np.full((50, 1), "a"), Y, TypeError, "X are of dtype <U1"),
    "missing": (MISSING, Y, ValueError, "X has a value .* row 7, column 1; remove"),
    "missing in a table": (
        pd.DataFrame(MISSING, columns=["a", "b", "c"]),
        Y,
        ValueError,
        "row 7, column 'b'",
    ),
    "missing target": (
        X,
        MISSING[:, 1],
        ValueError,
        "y has a value .* row 7, column 0",
    ),
    "infinite": (X, Y * np.inf, ValueError, "missing or infinite"),
    "fewer targets": (X, Y[:9], ValueError, "as many rows of X as of y, not 50 and 9"),
    "other index": (
        TABLE,
        pd.Series(Y, index=range(1, 51)),
        ValueError,
        r"different indices; write y.loc\[X.index\]",
    ),
    "text target": (X, LABELS, TypeError, "the y are of dtype <U3"),
    "several tables": ((torch.tensor(X), torch.tensor(X)), Y, TypeError, "one table"),
    "a number": (torch.tensor(1.0), Y, ValueError, "a row for each datum"),
    "one datum": (X[:1], Y[:1], ValueError, "leaves none to train on"),
    "complex": (X * 1j, Y, TypeError, "X is complex"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_no_table_of_numbers(name):
    x, y, error, sentence = FAULTS[name]
    with pytest.raises(error, match=sentence):
        datasets.regression(x, y)


@pytest.mark.parametrize("test", [0.0, 1.0, -0.1, 10])
def test_a_share_of_the_data(test):
    with pytest.raises(ValueError, match=f"between 0 and 1, not {test}"):
        datasets.regression(X, Y, test=test)


@pytest.mark.parametrize(
    ("labels", "error", "sentence"),
    [
        (["a"] * 50, ValueError, "all labels are 'a', so there is nothing to classify"),
        (Y, ValueError, "50 different real numbers.*datasets.regression"),
        ([None, *LABELS[1:]], ValueError, "the label in row 0 is missing"),
        ([float("nan"), *Y[1:]], ValueError, "the label in row 0 is missing"),
        (["a", 1] * 25, TypeError, "of one kind that can be sorted"),
        (np.eye(5)[[0, 1] * 25], ValueError, r"must have shape \(N,\).*argmax"),
        (LABELS[:9], ValueError, "not 50 and 9"),
        ([[1], [2]] * 25, TypeError, "that can be sorted, such as text: unhashable"),
    ],
)
def test_what_are_no_labels(labels, error, sentence):
    with pytest.raises(error, match=sentence):
        datasets.classification(X, labels)


def test_classes_of_data_sets_that_have_no_labels():
    assert datasets.digits().classes == tuple(range(10))
    assert datasets.uci("yacht").classes is None


def test_new_rows_are_standardised_by_the_names_of_their_columns():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"a": [1.0, 2.0, 3.0, 4.0, 5.0], "b": [9.0, 7.0, 5.0, 3.0, 0.0]}
    )
    data = datasets.regression(frame, frame["a"] * 2, test=0.2, seed=0)
    new = data.standardise(frame[["b", "a"]])
    by_hand = data.x_units.standardise(torch.tensor(frame.to_numpy())).float()
    assert torch.allclose(new, by_hand)
    assert torch.allclose(data.standardise(frame.to_numpy()), by_hand)
    with pytest.raises(
        ValueError, match=r"X lacks the column\(s\) 'b'; its columns are a"
    ):
        data.standardise(frame[["a"]])
    with pytest.raises(ValueError, match=r"X has 1 column\(s\), but 'table' has 2"):
        data.standardise(torch.ones(3, 1))
