"""What cannot combine says so in a sentence; what the tables do not name does combine."""

import cases
import pytest

from zoo import inference


@pytest.mark.parametrize("network", cases.NETWORKS)
@cases.each("prior, guide", cases.REFUSED)
def test_a_guide_refuses_a_prior_in_a_sentence(network, prior, guide):
    model, data = (
        cases.model(network, prior, "Gaussian"),
        cases.data(network, "Gaussian"),
    )
    with pytest.raises(ValueError, match=cases.REFUSED[prior, guide]):
        inference.SVI(
            model, cases.GUIDES[guide](model), num_steps=1, progress=False
        ).fit(data)


@pytest.mark.parametrize("network", cases.NETWORKS)
@pytest.mark.parametrize("prior", cases.IMPROPER)
def test_nothing_is_drawn_from_an_improper_prior(network, prior):
    model, (x, _) = (
        cases.model(network, prior, "Gaussian"),
        cases.data(network, "Gaussian"),
    )
    with pytest.raises(
        ValueError,
        match=r"the prior of site '.*', .*, is improper .* predict from a posterior",
    ):
        model.prior_predictive(x)


@cases.each("prior, engine", cases.REFUSED_BY_ENGINES)
def test_an_engine_refuses_a_prior_in_a_sentence(prior, engine):
    model, data = cases.model("MLP", prior, "Gaussian"), cases.data("MLP", "Gaussian")
    with pytest.raises(ValueError, match=cases.REFUSED_BY_ENGINES[prior, engine]):
        cases.ENGINES[engine](model).fit(data)
