"""A data set unpacks, has a repr and maps predictions to original units."""

import pytest
import torch

from zoo import datasets
from zoo.datasets import Dataset, Split, Units


class Recorded:
    """Replaces a prediction of the library: `in_original_units` needs `affine` alone."""

    def affine(self, loc, scale):
        return loc, scale


def regression_data(name="boat <b>"):
    split = Split(torch.zeros(3, 2), torch.ones(3, 1))
    return Dataset(
        name, split, split, y_units=Units(torch.tensor([5.0]), torch.tensor([2.0]))
    )


def test_parts_unpack():
    data = regression_data()
    x, y = data.test
    assert x is data.test.x
    assert y is data.test.y


def test_means_are_shifted_and_scaled():
    data = regression_data()
    means = data.in_original_units(torch.ones(3, 1))
    assert torch.equal(means, torch.full((3, 1), 7.0))
    draws = data.in_original_units(torch.zeros(4, 3, 1, dtype=torch.float64))
    assert draws.dtype == torch.float64
    assert torch.equal(draws, torch.full((4, 3, 1), 5.0, dtype=torch.float64))


def test_predictions_are_mapped_by_their_own_method():
    loc, scale = regression_data().in_original_units(Recorded())
    assert (loc, scale) == (5.0, 2.0)


def test_what_cannot_be_mapped_is_refused():
    data = regression_data()
    with pytest.raises(ValueError, match=r"shape \(3,\).*\(N, 1\)"):
        data.in_original_units(torch.zeros(3))
    with pytest.raises(TypeError, match="list, which has no method `affine`"):
        data.in_original_units([1.0])
    with pytest.raises(ValueError, match="class indices"):
        datasets.toy.moons().in_original_units(torch.zeros(3, 1))


def test_units_there_and_back():
    values = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) * 4 + 9
    units = Units.fit(values)
    assert torch.allclose(units.scale, values.var(0, correction=0).sqrt())
    variance = values.var(0, correction=0)
    assert not torch.allclose(units.scale, variance, rtol=0.5)
    assert torch.allclose(units.restore(units.standardise(values)), values, atol=1e-5)


@pytest.mark.parametrize("num_rows", [9, 277])
def test_a_constant_column_has_scale_one(num_rows):
    values = torch.full((num_rows, 1), 0.3, dtype=torch.float64)
    # A rounding error: nothing must be divided by it.
    assert values.std(0, correction=0) > 0
    assert Units.fit(values).scale == 1.0


def test_a_part_is_taken_by_rows():
    data = datasets.toy.cubic()
    part = data.train.take(torch.tensor([3, 1]))
    assert torch.equal(part.x, data.train.x[[3, 1]])
    assert torch.equal(part.y, data.train.y[[3, 1]])


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("MNIST", r"datasets.mnist\(path\)"),
        ("yacht", r'datasets.uci\("yacht"\)'),
        ("sinusoid", r"datasets.toy.sinusoid\(\)"),
        ("boston", r'datasets.uci\("boston", path=path\)'),
    ],
)
def test_a_wrong_name_is_answered_with_the_right_call(name, instead):
    with pytest.raises(AttributeError, match=f"no attribute '{name}'; write {instead}"):
        getattr(datasets, name)


def test_any_other_name_is_answered_as_usual():
    sentence = "module 'zoo.datasets' has no attribute 'imagenet'"
    with pytest.raises(AttributeError, match=sentence):
        _ = datasets.imagenet
    assert dir(datasets) == sorted(datasets.__all__)


def test_it_shows_its_sizes_and_escapes_its_name():
    data = regression_data()
    expected = "train=3, test=3, inputs=2, outputs=1, targets=standardised"
    assert repr(data) == f"Dataset('boat <b>', {expected})"
    html = data._repr_html_()
    assert "boat &lt;b&gt;" in html
    assert len(html) < 500
