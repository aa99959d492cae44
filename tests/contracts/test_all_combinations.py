"""The full product of networks, priors, guides and likelihoods; `make test` has every pair."""

import cases
import pytest
import torch

from zoo import inference

ROWS = cases.every(
    set(cases.REFUSED), cases.NETWORKS, cases.PRIORS, cases.GUIDES, cases.LIKELIHOODS
)


@pytest.mark.full
@cases.each("network, prior, guide, likelihood", ROWS)
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
    tables = [cases.NETWORKS, cases.PRIORS, cases.GUIDES, cases.LIKELIHOODS]
    for i in range(4):
        for j in range(i + 1, 4):
            seen = {(row[i], row[j]) for row in cases.FITS}
            wanted = set(cases.every(set(cases.REFUSED), tables[i], tables[j]))
            assert not wanted - seen
