"""Posteriors in files: they come back unchanged, and foreign files are refused."""

import dataclasses
import json
import subprocess
import sys

import cases
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer.autoguide import AutoNormal
from safetensors.torch import save_file

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.posterior.file_format import layout

X, Y = torch.randn(6, 2), torch.randn(6, 1)


def build(hidden=3, rule=None, likelihood=None):
    torch.manual_seed(0)
    prior = priors.WeightPrior(rule if rule is not None else dist.Normal(0.0, 1.0))
    return zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[hidden]),
        prior,
        likelihood or likelihoods.Gaussian(0.5),
    )


def fit(model, guide=None):
    return inference.SVI(
        model, guide or guides.MeanField(model), num_steps=2, progress=False
    ).fit((X, Y))


@pytest.fixture
def path(tmp_path):
    fit(build()).save(tmp_path / "posterior.safetensors")
    return tmp_path / "posterior.safetensors"


@pytest.mark.parametrize("engine", cases.first(cases.SAMPLERS, cases.KINDS))
def test_a_sampler_comes_back_with_all_its_facts(engine, tmp_path):
    model = cases.model("MLP", "WeightPrior", "Gaussian(HalfNormal)")
    posterior = cases.ENGINES[engine](model).fit((X, Y))
    posterior.save(str(tmp_path / "chains"))
    again = zoo.load(
        str(tmp_path / "chains"),
        cases.model("MLP", "WeightPrior", "Gaussian(HalfNormal)"),
    )
    assert again.guide is None
    for name, value in posterior.draws.items():
        assert torch.equal(value, again.draws[name]), name
    for field in dataclasses.fields(posterior.info):
        mine, theirs = (
            getattr(posterior.info, field.name),
            getattr(again.info, field.name),
        )
        assert type(mine) is type(theirs), field.name
        assert (
            torch.equal(mine, theirs)
            if isinstance(mine, torch.Tensor)
            else mine == theirs
        ), field.name
    assert torch.equal(posterior.predict(X).outputs, again.predict(X).outputs)


def test_a_file_of_an_earlier_version_knows_fewer_facts(tmp_path):
    """What version 0.2.0 wrote of a sampler's run."""
    model = build()
    tensors = {
        f"draws/{name}": torch.randn(2, 3, *prior.shape())
        for name, prior in model.latents.items()
    }
    facts = ("acceptance_rate", "diverging", "n_steps", "lp")
    tensors |= {f"info/{name}": torch.zeros(2, 3) for name in facts} | {
        "info/step_size": torch.ones(2)
    }
    known = {
        "num_gradients": 90,
        "seconds_warmup": 1.0,
        "seconds": 2.0,
        "compiled": "traced",
        "stopped": "",
    }
    known |= {"temperature": 1.0, "likelihood_temperature": 1.0}
    header = {
        "format": "zoo.posterior/1",
        "tensors": layout(model),
        "guide": None,
        "info": "MCMCInfo",
        "facts": known,
    }
    save_file(tensors, str(tmp_path / "old"), metadata={"zoo": json.dumps(header)})
    posterior = zoo.load(tmp_path / "old", model)
    assert (
        repr(posterior)
        == "Posterior over 13 parameters at 4 sites: 2 chains of 3 draws"
    )
    assert (
        posterior.info.num_gradients,
        posterior.info.thinning,
        posterior.info.divergences,
    ) == (90, 1, "")
    assert posterior.predict(X).mean.shape == (6, 1)


def test_the_facts_of_a_fit_come_back(tmp_path):
    model = build()
    stopping = inference.EarlyStopping(fraction=0.3, every=1, num_samples=2)
    engine = inference.SVI(
        model, guides.Delta(model), num_steps=3, early_stopping=stopping, progress=False
    )
    posterior = engine.fit((X, Y))
    posterior.save(tmp_path / "posterior")
    info = zoo.load(tmp_path / "posterior", build(), guide=guides.Delta(build())).info
    assert torch.equal(info.losses, posterior.info.losses)
    assert info.held_out == posterior.info.held_out
    assert info.bound is False
    assert (info.num_steps, info.stopped, info.seconds) == (
        3,
        posterior.info.stopped,
        posterior.info.seconds,
    )


FRESH_PROCESS = """
import sys, torch, pyro, pyro.distributions as dist, guides, zoo
from zoo import likelihoods, networks, priors
pyro.set_rng_seed(5)  # another network than the one that was fitted
prior = priors.WeightPrior(priors.last_layer(dist.Normal(0.0, 1.0)))
model = zoo.BayesianNetwork(networks.MLP(2, 1, hidden=[3]), prior, likelihoods.Gaussian(0.5))
posterior = zoo.load(sys.argv[1], model, guide=guides.MeanField(model))
pyro.set_rng_seed(1)
print(posterior.predict(torch.ones(1, 2), num_samples=5).mean.item())
"""


def test_a_fresh_process_predicts_the_same(tmp_path):
    posterior = fit(build(rule=priors.last_layer(dist.Normal(0.0, 1.0))))
    posterior.save(tmp_path / "posterior")
    pyro.set_rng_seed(1)
    here = posterior.predict(torch.ones(1, 2), num_samples=5).mean.item()
    command = [sys.executable, "-c", FRESH_PROCESS, str(tmp_path / "posterior")]
    there = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False
    )
    assert there.returncode == 0, there.stderr
    assert float(there.stdout) == pytest.approx(here, rel=1e-6)


def test_saving_again_replaces_the_file(path):
    posterior = fit(build(hidden=4))
    posterior.save(path)
    assert (
        zoo.load(
            path, build(hidden=4), guide=guides.MeanField(build(hidden=4))
        ).info.num_steps
        == 2
    )


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
def test_a_truncated_file_is_refused(path, share):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(
        ValueError,
        match=r"posterior\.safetensors is damaged or not a safetensors file",
    ):
        zoo.load(path, build(), guide=guides.MeanField(build()))


def test_a_file_of_another_kind_is_refused(path):
    path.write_text("<html>404</html>" * 100)
    with pytest.raises(ValueError, match="is damaged or not a safetensors file"):
        zoo.load(path, build(), guide=guides.MeanField(build()))


@pytest.mark.parametrize(
    "metadata",
    [None, {"format": "pt"}, {"zoo": "{}"}, {"zoo": '{"format": "zoo.posterior/0"}'}],
)
def test_a_foreign_safetensors_file_is_refused(path, metadata):
    save_file({"layer1.weight": torch.zeros(2, 2)}, str(path), metadata=metadata)
    with pytest.raises(
        ValueError,
        match=r"is a safetensors file, but not a posterior of the zoo \(zoo.posterior/1\)",
    ):
        zoo.load(path, build(), guide=guides.MeanField(build()))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(
        FileNotFoundError,
        match=r"there is no file .*nowhere; write one by posterior.save\(path\)",
    ):
        zoo.load(tmp_path / "nowhere", build())


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (
            lambda: build(hidden=4),
            r"differ at layer1.bias \(file random \(3,\), model random \(4,\)\), layer1.weight",
        ),
        (
            lambda: build(likelihood=likelihoods.Gaussian(dist.HalfNormal(1.0))),
            r"differ at likelihood:scale \(file none, model random \(\)\)",
        ),
        (
            lambda: build(rule=priors.last_layer(dist.Normal(0.0, 1.0))),
            r"differ at layer1.bias \(file random \(3,\), model point \(3,\)\), layer1.weight",
        ),
    ],
    ids=["wider", "noise", "prior"],
)
def test_the_posterior_of_another_model_is_refused(path, model, sentence):
    model = model()
    with pytest.raises(
        ValueError, match=rf"holds the posterior of another model: they {sentence}"
    ):
        zoo.load(path, model, guide=guides.MeanField(model))


def test_point_estimates_of_another_model_are_refused(tmp_path):
    def deep(hidden):
        rule = priors.last_layer(dist.Normal(0.0, 1.0))
        return zoo.BayesianNetwork(
            networks.MLP(2, 1, hidden=[hidden, 3]),
            priors.WeightPrior(rule),
            likelihoods.Gaussian(0.5),
        )

    fit(deep(4)).save(tmp_path / "posterior")
    model = deep(5)  # its latent sites are the same
    with pytest.raises(
        ValueError,
        match=r"they differ at layer1.bias \(file point \(4,\), model point \(5,\)\), layer1",
    ):
        zoo.load(tmp_path / "posterior", model, guide=guides.MeanField(model))


def test_a_guide_needs_the_model_and_not_its_network(path):
    model = build()
    with pytest.raises(
        ValueError,
        match=r"holds a MeanField guide of a zoo.BayesianNetwork; .*not MLP",
    ):
        zoo.load(path, model.network, guide=guides.MeanField(model))


def test_a_guide_of_another_family_is_refused(path):
    model = build()
    with pytest.raises(
        ValueError,
        match=r"holds a MeanField guide; give zoo.load guide=MeanField\(model\), not None",
    ):
        zoo.load(path, model)
    with pytest.raises(ValueError, match="not Delta"):
        zoo.load(path, model, guide=guides.Delta(model))
    with pytest.raises(ValueError, match="not AutoNormal"):
        zoo.load(path, model, guide=AutoNormal(model))


def test_a_guide_with_other_arguments_is_refused(tmp_path):
    model = cases.model("MLP", "NodePrior", "Gaussian")
    fit_ = inference.SVI(
        model, guides.NodeMixture(model, num_components=3), num_steps=1, progress=False
    )
    fit_.fit(cases.data("MLP", "Gaussian")).save(tmp_path / "posterior")
    with pytest.raises(
        ValueError,
        match=r"differ in names or shapes: .*; build the guide with the same arguments",
    ):
        zoo.load(
            tmp_path / "posterior",
            model,
            guide=guides.NodeMixture(model, num_components=2),
        )


def test_a_guide_of_another_model_is_refused(path):
    with pytest.raises(ValueError, match="build the guide with the same arguments"):
        zoo.load(path, build(), guide=guides.MeanField(build(hidden=5)))


def test_a_refused_file_leaves_guide_and_model_as_they_were(path):
    model = build()
    guide = guides.MeanField(build(hidden=5))
    before = {name: value.clone() for name, value in guide.state_dict().items()}
    with pytest.raises(ValueError, match="build the guide"):
        zoo.load(path, model, guide=guide)
    for name, value in guide.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_frozen_weights_come_back_whatever_the_network(tmp_path):
    rule = priors.last_layer(dist.Normal(0.0, 1.0), otherwise=priors.Frozen())
    posterior = fit(build(rule=rule))
    posterior.save(tmp_path / "posterior")
    other = build(rule=rule)
    with torch.no_grad():
        other.network.layer1.weight.add_(1.0)
    again = zoo.load(tmp_path / "posterior", other, guide=guides.MeanField(other))
    pyro.set_rng_seed(0)
    expected = posterior.predict(X, num_samples=3).outputs
    pyro.set_rng_seed(0)
    assert torch.equal(again.predict(X, num_samples=3).outputs, expected)
