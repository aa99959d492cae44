"""ArviZ from plain arrays, 0.23 and 1.x.

Needs numpy, ArviZ and pytest and no torch, so another ArviZ is tried with nothing else
installed: `pytest --noconftest -c /dev/null tests/posterior/test_labelled.py`.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).parents[2] / "zoo" / "posterior" / "labelled.py"
SPEC = importlib.util.spec_from_file_location("labelled_alone", PATH)
labelled = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(labelled)  # by path: the package around it needs torch


@pytest.fixture
def groups():
    rng = np.random.default_rng(0)
    return {
        "posterior": {
            "layer1.weight": rng.normal(size=(4, 50, 3, 2)),
            "likelihood:scale": rng.gamma(2.0, size=(4, 50)),
        },
        "log_likelihood": {"y": rng.normal(size=(4, 50, 7))},
        "posterior_predictive": {"y": rng.normal(size=(4, 50, 7, 1))},
        "sample_stats": {
            "diverging": np.zeros((4, 50), bool),
            "lp": rng.normal(size=(4, 50)),
        },
        "observed_data": {"y": rng.normal(size=(7, 1))},
    }


def names(results):
    found = results.groups() if callable(results.groups) else results.groups
    return {name.strip("/") for name in found} - {""}


def test_every_group_arrives(groups):
    results = labelled.labelled(groups)
    assert names(results) == set(groups)
    assert results["posterior"]["layer1.weight"].shape == (4, 50, 3, 2)
    assert results["posterior"]["layer1.weight"].dims[:2] == ("chain", "draw")
    np.testing.assert_array_equal(
        results["log_likelihood"]["y"].values, groups["log_likelihood"]["y"]
    )


def test_an_empty_group_is_left_out(groups):
    assert "sample_stats" not in names(
        labelled.labelled({**groups, "sample_stats": {}})
    )


def test_what_arviz_makes_of_it(groups):
    arviz = labelled.load_arviz()
    results = labelled.labelled(groups)
    assert np.isfinite(
        arviz.loo(results).elpd_loo
        if hasattr(arviz.loo(results), "elpd_loo")
        else arviz.loo(results).elpd
    )
    assert len(arviz.summary(results, var_names=["likelihood:scale"])) == 1


def test_leave_one_out_by_datum_is_that_of_the_closed_form():
    # y ~ N(m, 1), m ~ N(0, 10^2); lesson 12 reads both versions so
    rng = np.random.default_rng(0)
    y = rng.normal(size=30)

    def log_density(value, mean, variance):
        return -0.5 * (value - mean) ** 2 / variance - 0.5 * np.log(
            2 * np.pi * variance
        )

    precision = len(y) + 0.01
    draws = rng.normal(y.sum() / precision, precision**-0.5, size=(4, 500))
    groups = {
        "posterior": {"m": draws},
        "log_likelihood": {"y": log_density(y, draws[..., None], 1.0)},
    }
    found = labelled.load_arviz().loo(labelled.labelled(groups), pointwise=True)
    each = found.elpd_i if hasattr(found, "elpd_i") else found.loo_i

    of_others = (y.sum() - y) / (precision - 1)
    exact = log_density(y, of_others, 1 + 1 / (precision - 1))
    of_all = log_density(y, y.sum() / precision, 1 + 1 / precision)
    assert np.abs(each.values - exact).max() < 0.03
    assert np.abs(of_all - exact).max() > 0.1  # data that predict themselves
    assert found.pareto_k.values.max() < 0.5


def test_rhat_and_ess_tell_good_chains_from_bad_ones():
    rng = np.random.default_rng(1)
    good = rng.normal(size=(4, 250, 2))
    shifted = good + np.arange(4)[:, None, None]
    scaled = good * np.array([1.0, 1.0, 1.0, 4.0])[:, None, None]
    assert (labelled.rhat(good) < 1.02).all()
    assert (labelled.rhat(shifted) > 1.1).all()
    assert (
        labelled.rhat(scaled) > 1.02
    ).all()  # equal means, unequal spreads: what rank-folding is for
    assert (labelled.ess(good) > 600).all()
    slow = np.repeat(good[:, :25], 10, axis=1)  # every draw ten times
    assert (labelled.ess(slow) < 250).all()


@pytest.mark.parametrize("k", [0.3, 0.6])
def test_k_is_the_shape_of_a_pareto_tail(k):
    weights = (
        np.random.default_rng(0).pareto(1 / k, 20_000) + 1.0
    )  # P(r > t) = t^(-1/k)
    assert labelled.pareto_k(np.log(weights)) == pytest.approx(k, abs=0.15)
    assert labelled.pareto_k(-np.log(weights)) < 0.0  # the wrong sign has no tail
