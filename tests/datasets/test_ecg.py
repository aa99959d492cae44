"""Heart beats: series with a channel, classes from 0, fixed parts, and refused files."""

from pathlib import Path

import numpy as np
import pytest
import torch

from zoo.datasets import ecg5000

REAL = Path(__file__).parents[3] / "shared" / "data" / "ecg"


@pytest.fixture
def folder(tmp_path):
    ones = np.ones((30, 140), dtype=np.float32)
    rows = np.arange(30, dtype=np.float32)[:, None] * ones
    labels = (np.arange(30) % 5 + 1).astype(np.int8)
    np.savez(
        tmp_path / "ECG5000.npz",
        x_train=rows,
        y_train=labels,
        x_test=rows[:7],
        y_test=labels[:7],
    )
    return tmp_path


def test_series_have_a_channel_and_classes_start_at_zero(folder):
    data = ecg5000(folder)
    assert data.train.x.shape == (30, 1, 140)
    assert data.train.x.dtype == torch.float32
    assert data.train.x[:, 0, 3].tolist() == list(range(30))
    assert data.test.y.tolist() == [0, 1, 2, 3, 4, 0, 1]
    assert data.test.y.dtype == torch.int64
    assert data.validation is None
    assert repr(data) == "Dataset('ECG5000', train=30, test=7, inputs=1x140, classes=5)"


def test_parts_are_always_the_same_and_nested(folder):
    small = ecg5000(folder, num_train=5, num_validation=8)
    large = ecg5000(folder, num_train=22, num_validation=8)
    assert rows_of(small.train) < rows_of(large.train)
    assert rows_of(small.validation) == rows_of(large.validation)
    assert rows_of(large.train) | rows_of(large.validation) == set(range(30))
    for part in (small.train, small.validation):
        assert part.y.tolist() == [int(row) % 5 for row in part.x[:, 0, 0]]


def rows_of(part):
    return set(part.x[:, 0, 0].tolist())


def test_missing_and_wrong_files_are_refused(folder, tmp_path):
    with pytest.raises(
        ValueError,
        match="there are 30 training series of ECG5000, not enough for 25 to use and 6 to keep",
    ):
        ecg5000(folder, num_train=25, num_validation=6)
    with pytest.raises(
        FileNotFoundError,
        match=r"nowhere' has no file ECG5000.npz; put ECG5000 from www.timeseries",
    ):
        ecg5000(tmp_path / "nowhere")
    np.savez(folder / "ECG5000.npz", series=np.zeros(3))
    with pytest.raises(
        ValueError,
        match=r"is not an archive of the arrays x_train, y_train, x_test, y_test; put",
    ):
        ecg5000(folder)


@pytest.mark.skipif(not REAL.is_dir(), reason="needs ECG5000.npz in ../shared/data/ecg")
def test_the_real_beats_are_as_documented():
    data = ecg5000(REAL, num_validation=100)
    sizes = "train=400, validation=100, test=4500, inputs=1x140, classes=5"
    assert repr(data) == f"Dataset('ECG5000', {sizes})"
    assert data.test.y.bincount().tolist() == [2627, 1590, 86, 175, 22]
    assert data.test.x.mean(-1).abs().max() < 1e-5
    assert (data.test.x.std(-1) - 1).abs().max() < 1e-4
