"""The full product of networks, priors, guides and likelihoods; `make test` has every pair."""

import cases
import pytest
import torch

from zoo import inference

TABLES = [cases.NETWORKS, cases.PRIORS, cases.GUIDES, cases.LIKELIHOODS]


def pytest_generate_tests(metafunc):
    """Give the rows to a run that takes them: to count 23,000 takes ten seconds."""
    if "likelihood" in metafunc.fixturenames:
        is_full = "not full" not in metafunc.config.option.markexpr
        rows = list(cases.every(set(cases.REFUSED), *TABLES)) if is_full else []
        metafunc.parametrize("network, prior, guide, likelihood", rows)


@pytest.mark.full
def test_every_combination_is_fitted_and_predicts(network, prior, guide, likelihood):
    model, (x, y) = (
        cases.model(network, prior, likelihood),
        cases.data(network, likelihood),
    )
    engine = inference.SVI(
        model, cases.GUIDES[guide](model), num_steps=2, progress=False
    )
    posterior = engine.fit((x, y), batch_size=4)
    assert torch.isfinite(posterior.info.losses).all()
    draws = posterior.sample(2)
    shapes = cases.shapes_of_draws(model)
    assert {name: value.shape[1:] for name, value in draws.items()} == shapes
    assert torch.isfinite(posterior.predict(x, num_samples=2).log_prob(y)).all()


def test_the_covering_rows_hold_every_pair_that_combines():
    for i in range(4):
        for j in range(i + 1, 4):
            seen = {(row[i], row[j]) for row in cases.FITS}
            wanted = set(cases.every(set(cases.REFUSED), TABLES[i], TABLES[j]))
            assert not wanted - seen
