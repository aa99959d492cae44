"""The base class of guides: a guide of one's own, its repr, and answers to mistakes."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.nn import PyroModule
from torch import Tensor, nn

import guides
import zoo
from guides._base.other_names import _OTHER_NAMES
from zoo import inference, likelihoods, networks, priors


@pytest.fixture
def model():
    return zoo.BayesianNetwork(
        networks.MLP(6, 1, hidden=[10]),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Gaussian(0.1),
    )


@pytest.fixture
def small():
    return zoo.BayesianNetwork(
        nn.Linear(3, 1),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Gaussian(0.1),
    )


# A guide of one's own


class Ball(guides.Guide):
    """Normals around the initial values, all with one scale."""

    def __init__(self, model):
        super().__init__(model)
        self.log_scale = nn.Parameter(torch.tensor(-1.0))

    def distribution(self, site):
        normal = dist.Normal(site.init, self.log_scale.exp())
        return normal.to_event(site.prior.event_dim)


def test_one_method_makes_a_guide(model):
    guide = Ball(model)
    assert guide.bound
    assert guide.has_density
    values = guide()
    assert set(values) == set(model.latents)
    density = sum(
        dist.Normal(site.init, torch.tensor(-1.0).exp()).log_prob(values[name]).sum()
        for name, site in guide.sites.items()
    )
    assert torch.allclose(guide.log_prob(values), density)
    assert set(guide.distributions()) == set(values)


def test_a_guide_of_ones_own_is_fitted(model):
    x, y = torch.randn(20, 6), torch.randn(20, 1)
    guide = Ball(model)
    posterior = inference.SVI(model, guide, num_steps=5, progress=False).fit((x, y))
    assert posterior.info.num_parameters == 1
    assert posterior.guide.log_scale != -1.0


def test_an_improper_prior_takes_the_bound_away():
    prior = priors.WeightPrior(priors.LogUniform())
    model = zoo.BayesianNetwork(nn.Linear(3, 1), prior, likelihoods.Gaussian(0.1))
    assert not Ball(model).bound


def test_a_family_without_distributions_says_what_to_implement(model):
    with pytest.raises(
        NotImplementedError, match=r"Guide does not implement distribution\(site\)"
    ):
        guides.Guide(model)()


# The repr


def test_the_repr_names_the_family_the_number_of_sites_and_of_parameters(model):
    assert repr(guides.MeanField(model)) == "MeanField(4 sites, 162 parameters)"
    assert repr(guides.Delta(model)) == "Delta(4 sites, 81 parameters)"
    assert repr(Ball(model)) == "Ball(4 sites, 1 parameter)"
    full_rank = guides.FullRank(model, per="all")
    assert repr(full_rank) == "FullRank(4 sites, 3,402 parameters)"


def test_the_repr_names_few_sites(small):
    assert repr(guides.MeanField(small)) == "MeanField(weight, bias, 8 parameters)"


def test_the_repr_counts_what_a_fit_changes(model):
    guide = guides.MeanField(model).freeze("loc.*")
    assert repr(guide) == "MeanField(4 sites, 81 parameters)"
    averaged = guides.MCDropout(model).averaged()
    assert repr(averaged) == "Averaged(4 sites, 0 parameters)"


@pytest.mark.parametrize(("count", "noun"), [(1, "component"), (3, "components")])
def test_the_repr_of_a_mixture_names_its_components(small, count, noun):
    mixture = guides.Mixture(small, guides.Delta, num_components=count)
    expected = f"Mixture({count} Delta {noun}, weight, bias, {4 * count} parameters)"
    assert repr(mixture) == expected


def test_notebooks_show_the_repr_and_the_shape_of_each_site(small):
    html = guides.MeanField(small)._repr_html_()
    assert html.startswith("<p>MeanField(weight, bias, 8 parameters)</p>")
    assert "<li><code>weight</code> (1, 3)</li>" in html
    assert "<li><code>bias</code> (1,)</li>" in html


def test_notebooks_show_names_of_sites_as_text():
    def program():
        return pyro.sample("<b>", dist.Normal(0.0, 1.0))

    assert "<code>&lt;b&gt;</code>" in guides.MeanField(program)._repr_html_()


# A network in the place of a model


def test_a_network_is_no_model():
    with pytest.raises(
        ValueError,
        match=r"the MLP did not run on 0 arguments .*If it is a network and not a Pyro model, "
        r"make it a model first: zoo\.BayesianNetwork\(network, prior, likelihood\)",
    ):
        guides.MeanField(networks.MLP(2, 1, hidden=[3]))


def test_a_network_that_runs_is_no_model():
    with pytest.raises(
        ValueError,
        match=r"the MLP has no latent site, so a guide has nothing to fit; a guide needs a Pyro "
        r"model, not a network; write zoo\.BayesianNetwork",
    ):
        guides.MeanField(networks.MLP(2, 1, hidden=[3]), example=(torch.ones(4, 2),))


class Program(PyroModule):
    """A model of Pyro's kind, which is a module too."""

    def forward(self, x: Tensor) -> Tensor:
        return pyro.sample("z", dist.Normal(x, 1.0))


def test_a_module_of_pyro_is_a_model():
    with pytest.raises(ValueError, match="did not run on 0 arguments") as refusal:
        guides.MeanField(Program())
    assert "network" not in str(refusal.value)
    guide = guides.MeanField(Program(), example=(torch.ones(()),))
    assert repr(guide) == "MeanField(z, 2 parameters)"


# Names of other libraries

ENSEMBLE = r"guides\.Mixture\(model, make=guides\.Delta, num_components=5\)"
ANSWERS = {
    "DeepEnsemble": ENSEMBLE,
    "Ensemble": ENSEMBLE,
    "AutoNormal": r"guides\.MeanField or pyro\.infer\.autoguide\.AutoNormal",
    "Dropout": r"guides\.MCDropout",
    "MAP": r"guides\.Delta",
    "LowRankMultivariateNormal": r"guides\.LowRank",
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_name_of_another_library_is_answered_with_ours(name):
    with pytest.raises(
        AttributeError,
        match=f"'guides' has no attribute '{name}'; write {ANSWERS[name]}",
    ):
        getattr(guides, name)


def test_every_answer_names_what_is_there():
    assert not set(_OTHER_NAMES) & set(guides.__all__)
    for answer in _OTHER_NAMES.values():
        words = answer.replace("(", " ").replace("=", " ").replace(",", " ").split()
        for word in words:
            if word.startswith("guides."):
                assert word.removeprefix("guides.") in guides.__all__
            if word.startswith("pyro."):
                assert hasattr(pyro.infer.autoguide, word.rpartition(".")[2])


def test_a_misspelt_name_is_answered_with_the_nearest():
    with pytest.raises(AttributeError, match=r"the nearest are guides\.MeanField"):
        _ = guides.Meanfield
    with pytest.raises(AttributeError, match=r"'xyzzy'; it has ConcreteDropout, Delta"):
        _ = guides.xyzzy
    with pytest.raises(AttributeError, match=r"no attribute '__wrapped__'$"):
        _ = guides.__wrapped__


def test_the_package_lists_its_public_names_and_nothing_else():
    assert dir(guides) == sorted(guides.__all__)


@pytest.mark.parametrize("make", [guides.MeanField, guides.Delta, guides.FullRank])
@pytest.mark.parametrize("prior", [dist.Gamma(2.0, 2.0), dist.Uniform(1.0, 2.0)])
def test_weights_outside_the_support_of_their_prior_begin_inside(make, prior):
    network = nn.Linear(3, 2)
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(prior), likelihoods.Gaussian(1.0)
    )
    init = make(model).sites["weight"].init
    assert prior.support.check(init).all()
    assert len(init.unique()) == 6  # different weights stay different

    order = network.weight.detach().flatten().argsort()
    assert torch.equal(init.flatten().argsort(), order)

    x = torch.zeros(4, 3)
    run = inference.SVI(model, make(model), num_steps=2, progress=False)
    assert prior.support.check(
        run.fit((x, torch.zeros(4, 2))).sample(2)["weight"]
    ).all()
