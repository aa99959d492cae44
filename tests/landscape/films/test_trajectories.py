"""Trajectories over a plane, and how far they are from it."""

import pytest
import torch
from PIL import Image

import guides
from zoo import inference, landscape
from zoo.posterior import DrawsPosterior


def test_a_projection_is_the_nearest_point_and_says_how_far_it_is(linear, tmp_path):
    ends = torch.randn(3, 4, dtype=torch.float64)
    fits = [linear.posterior(end) for end in ends]
    plane = landscape.plane(*fits, data=linear.data, shape=(3, 3))

    # steps on the plane, and as far off it as they are along it
    across = torch.linalg.svd(ends - ends[0])[2][2]
    walk = torch.stack([ends[1], ends[2], ends[1] + 2.0 * across])
    found = landscape.project(plane, [linear.weights(w) for w in walk])
    expected = plane.points[[1, 2, 1]]
    assert torch.allclose(found.coordinates, expected, atol=1e-6)
    assert torch.allclose(found.error, torch.tensor([0.0, 0, 2]).double(), atol=1e-6)
    share = 2 / (walk[2] - ends[0]).norm()
    assert float(found.share[2]) == pytest.approx(float(share))

    draws = {}
    for name in ("layer1.weight", "layer1.bias"):
        draws[name] = torch.stack([linear.weights(w)[name] for w in walk])[None]
    chain = DrawsPosterior(linear.model, draws=draws, state={}, info=None)
    assert torch.allclose(landscape.project(plane, chain).error, found.error, atol=1e-6)

    path = landscape.animate(plane, {"chain": chain}, tmp_path / "a.gif", num_frames=3)
    with Image.open(path) as film:
        assert film.n_frames == 3

    guide = guides.MeanField(linear.model)
    engine = inference.SVI(linear.model, guide, num_steps=1, progress=False)
    fit = engine.fit(linear.data)
    assert landscape.project(plane, fit).coordinates.shape == (60, 2)
    ways = {"guide": fit, "chain": chain}
    landscape.animate(plane, ways, tmp_path / "b.gif", num_frames=2)
    with pytest.raises(ValueError, match=r"ends in \.gif, not a\.png"):
        landscape.animate(plane, {"chain": chain}, tmp_path / "a.png")
