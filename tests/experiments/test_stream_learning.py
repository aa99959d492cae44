"""A stream is learned task by task: what is remembered, and what predictions are made from."""

from functools import partial

import pytest
import torch

from zoo import datasets
from zoo.experiments.parts.stream_learning import StreamLearner, Way, as_before
from zoo.experiments.parts.stream_ways import curvature, fit_natural

TASKS = datasets.split(datasets.digits(flatten=True), [(0, 1), (2, 3)])
NATURAL = partial(fit_natural, 0.5, 0.1, 2.0, 3)


def learner(way, has_heads=True):
    return StreamLearner(TASKS, way, width=5, has_heads=has_heads, num_core=6)


class Watched:
    """Ways to fit and to make a prior that keep what they were given."""

    def __init__(self):
        self.fits, self.cores, self.memories = [], [], []

    def fit(self, model, rows, task):
        posterior = NATURAL(model, rows, task)
        self.fits.append((rows, posterior))
        return posterior

    def fit_core(self, model, rows, task):
        posterior = NATURAL(model, rows, task)
        self.cores.append((rows, posterior))
        return posterior

    def prior(self, memory, task):
        self.memories.append(memory)
        return as_before(memory, task)


def test_a_posterior_with_coresets_is_never_a_prior():
    watched = Watched()
    way = Way(
        watched.fit,
        watched.prior,
        choose=datasets.random_rows,
        fit_core=watched.fit_core,
        num_samples=2,
    )
    found = learner(way).learn(0)
    first, second = (posterior for _, posterior in watched.fits)
    assert watched.memories == [None, first, first, second]

    sizes = [len(labels) for (_, labels), _ in watched.cores]
    assert sizes == [6, 12]  # of all tasks so far
    for (((_, heads), labels), _), task in zip(watched.fits, TASKS, strict=True):
        assert len(labels) == len(heads) == len(task.train.y) - 6

    assert found["matrix"].isnan().tolist() == [[False, True], [False, False]]
    num_test = sum(len(task.test.y) for task in TASKS)
    assert found["probs"].shape == (num_test, 2)


@pytest.mark.parametrize(("has_heads", "number"), [(True, 2), (False, 1)])
def test_each_task_has_a_head_or_all_share_one(has_heads, number):
    watched = Watched()
    learner(Way(watched.fit, watched.prior, num_samples=2), has_heads).learn(0)
    (_, heads), _ = watched.fits[-1][0]
    assert set(heads.tolist()) == {number - 1}
    assert len(watched.fits[-1][1].model.network.heads) == number


def test_a_joint_way_has_all_rows_and_no_matrix_before_the_last_task():
    watched = Watched()
    found = learner(Way(watched.fit, joint=True, num_samples=2)).learn(0)
    ((_, heads), labels), _ = watched.fits[0]
    assert len(watched.fits) == 1
    assert len(labels) == sum(len(task.train.y) for task in TASKS)
    assert set(heads.tolist()) == {0, 1}
    assert found["matrix"][0].isnan().all()
    assert not found["matrix"][1].isnan().any()


def test_the_curvature_of_few_images_stands_for_all(monkeypatch):
    from zoo.experiments.parts import stream_ways

    watched = Watched()
    learner(Way(watched.fit, num_samples=2)).learn(0)
    rows, posterior = watched.fits[0]
    assert len(rows[1]) > 200  # else a wrong scale would not show

    every = curvature(posterior, rows, 0).distributions()
    monkeypatch.setattr(stream_ways, "_NUM_CURVED", 100)
    few = curvature(posterior, rows, 0).distributions()
    gained = [
        torch.cat([law.variance.flatten().reciprocal() - 1 for law in each.values()])
        for each in (every, few)
    ]
    assert float(gained[1].sum() / gained[0].sum()) == pytest.approx(1, abs=0.2)
