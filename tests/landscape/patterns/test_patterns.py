"""Planes whose loss shows a picture: their geometry, the ceiling, masks, the rank correlation."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from PIL import Image
from scipy import stats

import zoo
from zoo import landscape, likelihoods, networks, priors
from zoo.landscape.patterns.mask import as_mask
from zoo.landscape.patterns.pattern_grid import rank_correlation

MASK = torch.tensor([[1, 0, 1], [0, 1, 0], [1, 0, 1]]).bool()


def build():
    return zoo.BayesianNetwork(
        networks.MLP(2, 2, hidden=[12]),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Categorical(),
    )


@pytest.fixture(scope="module")
def data():
    return zoo.datasets.toy.moons(40, num_test=60)


def find(data, **options):
    """Return the plane of a small network, after a fit of a second or two."""
    pyro.set_rng_seed(1)
    return landscape.pattern(
        MASK, build(), data, cells=8, lr=0.02, progress=False, **options
    )


@pytest.fixture(scope="module")
def found(data):
    return find(data, num_epochs=200)


def test_the_surface_shows_the_mask(found, data):
    assert found.rank_correlation > 0.9
    assert found.error[MASK].mean() < 0.35 < 0.45 < found.error[~MASK].mean()
    assert torch.allclose(found.values, found.loss + found.prior)

    cell = found.weights(0, 1)
    x, y = data.train
    posterior = zoo.posterior.DrawsPosterior(
        found.target.model,
        draws={name: value[None, None] for name, value in cell.items()},
        state={},
        info=None,
    )
    there = landscape.line(posterior, cell, (x, y), 2, test=tuple(data.test))
    assert there.loss[0] == pytest.approx(float(found.loss[0, 1]), rel=1e-4)
    assert there.prior[0] == pytest.approx(float(found.prior[0, 1]), rel=1e-4)
    assert there.test_error[0] == pytest.approx(float(found.test_error[0, 1]), abs=1e-6)
    assert found.plot().axes[0].get_title() == "mask"


def test_the_directions_are_orthogonal_and_of_one_length(found):
    length = found.right.norm()
    assert abs(found.up @ found.right) < 1e-4 * length**2
    assert found.up.norm() == pytest.approx(float(length), rel=1e-4)

    pack = found.target.potential.pack
    corner, below, beside = (
        pack(found.weights(*cell)) for cell in ((0, 0), (1, 0), (0, 1))
    )
    side = found.scale * length
    assert torch.allclose(corner - below, found.scale * found.up, atol=1e-4)
    assert (beside - corner).norm() == pytest.approx(float(side), rel=1e-4)
    assert torch.allclose(pack(found.weights(1, 1)), pack(found.origin), atol=1e-5)


def test_without_a_ceiling_the_loss_of_other_cells_has_no_end(found, data):
    without = find(data, num_epochs=150, ceiling=1e6)
    assert found.loss[~MASK].mean() < 30
    assert without.loss[~MASK].mean() > 10 * found.loss[~MASK].mean()


def test_the_rank_correlation_is_that_of_somers():
    mask = torch.randint(3, (5, 6)) / 2
    loss = torch.rand(5, 6) - 0.3 * mask
    expected = stats.somersd(*(values.flatten().numpy() for values in (mask, -loss)))
    assert rank_correlation(mask, loss) == pytest.approx(expected.statistic)
    assert rank_correlation(MASK.float(), 1 - MASK.float()) == 1.0


def test_a_mask_is_a_picture_or_values_between_0_and_1(tmp_path):
    grey = torch.tensor([[0, 255, 51], [255, 0, 0]], dtype=torch.uint8)
    Image.fromarray(grey.numpy()).save(tmp_path / "picture.png")
    read = as_mask(tmp_path / "picture.png")
    assert torch.allclose(read, 1 - grey / 255)  # dark pixels are those of low loss

    for wrong, sentence in (
        (torch.ones(3), "2 to 64 rows and columns"),
        (2 * torch.eye(3), "values from 0 to 1"),
        (torch.ones(3, 3), "on one side of 0.5"),
    ):
        with pytest.raises(ValueError, match=sentence):
            as_mask(wrong)


def test_wrong_arguments_of_a_pattern_are_refused(data):
    with pytest.raises(ValueError, match="ceiling must be a number above 0, not 0"):
        find(data, ceiling=0)
    with pytest.raises(ValueError, match="num_epochs must be at least 1"):
        find(data, num_epochs=0)
