"""Texts for readers: a model's name, the summary, the explanation, tables."""

import pyro.distributions as dist
import pytest
import torch

import guides
import zoo
from zoo import likelihoods, networks, priors
from zoo.reports.table import Table


@pytest.fixture
def model():
    torch.manual_seed(0)
    prior = priors.NodePrior(
        dist.Normal(1.0, 0.3), weights=priors.last_layer(dist.Normal(0.0, 2.0))
    )
    return zoo.BayesianNetwork(
        networks.MLP(6, 1, hidden=[10]),
        prior,
        likelihoods.Gaussian(dist.HalfNormal(1.0)),
    )


def test_a_model_names_network_prior_and_likelihood():
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    likelihood = likelihoods.Gaussian(dist.HalfNormal(1.0))
    model = zoo.BayesianNetwork(networks.MLP(6, 1, hidden=[10]), prior, likelihood)
    expected = (
        "BayesianNetwork(MLP, WeightPrior(Normal(0, 1)), Gaussian(scale=HalfNormal(1)))"
    )
    assert repr(model) == str(model) == expected
    assert model._repr_html_() == f"<p>{expected}</p>"


def test_a_model_escapes_its_name_in_a_notebook():
    def rule(name, _):
        return dist.Normal(0.0, 1.0)

    rule.__name__ = "<b>"
    model = zoo.BayesianNetwork(
        networks.MLP(6, 1, hidden=[10]),
        priors.WeightPrior(rule),
        likelihoods.Gaussian(0.1),
    )
    assert "<b>" in repr(model)
    assert "<b>" not in model._repr_html_()


def test_the_summary_counts_weights_and_nodes(model):
    summary = model.summary()
    assert (summary.weights, summary.nodes) == (81, 16)
    assert summary.random == 11 + 16  # the last layer and the nodes
    assert (summary.points, summary.frozen) == (70, 0)
    assert "81 weights and 16 input nodes" in str(summary)
    assert "<table>" in summary._repr_html_()


def test_lenet_has_the_published_numbers():
    """The numbers are counted by hand; Trinh et al. count another LeNet, of 42K weights."""
    summary = zoo.BayesianNetwork(
        networks.LeNet5(),
        priors.NodePrior(dist.Normal(1.0, 0.1)),
        likelihoods.Categorical(),
    ).summary()
    assert summary.weights == 156 + 2416 + 48120 + 10164 + 850
    assert summary.nodes == 1 + 6 + 400 + 120 + 84


def test_an_explanation_compares_model_and_guide(model):
    guide = guides.NodeMixture(model, num_components=2)
    explanation = zoo.explain(model, guide)
    assert explanation.table.column("site") == list(model.latents)
    by_site = {row["site"]: row for row in explanation.table.to_dicts()}
    assert by_site["layer2.weight"]["prior"] == "Normal(0, 2)"
    assert by_site["layer2.weight"]["prior spread"] == pytest.approx(2.0, abs=0.4)
    assert by_site["layer1.nodes_in"]["guide mean"] == pytest.approx(1.0, abs=0.5)
    assert "layer1.weight" in str(explanation)  # named as optimised
    assert "lower bound on the log evidence" in explanation._repr_html_()


def test_an_explanation_says_if_there_is_no_bound(model):
    assert "not a bound on the log evidence" in str(
        zoo.explain(model, guides.Delta(model))
    )


def test_an_explanation_changes_nothing(model):
    guide = guides.MeanField(model)
    before = {name: value.clone() for name, value in guide.state_dict().items()}
    state = torch.get_rng_state()
    zoo.explain(model, guide)
    assert torch.equal(state, torch.get_rng_state())
    assert all(
        torch.equal(value, before[name]) for name, value in guide.state_dict().items()
    )


def test_a_table_aligns_numbers_and_words():
    table = Table(("name", "score"), [("a", 1.0), ("longer", None)], {"score": 1})
    assert str(table).splitlines() == [
        "name    score",
        "a         1.0",
        "longer      -",
    ]
    assert table.to_dicts()[1] == {"name": "longer", "score": None}
    assert "<td>longer</td>" in table._repr_html_()


def test_a_table_escapes_its_cells():
    assert "<script>" not in Table(("x",), [("<script>",)])._repr_html_()
