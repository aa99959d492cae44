"""The same programs on a CUDA device: fits, samplers, predictions, files."""

import dataclasses

import cases
import pyro
import pyro.distributions as dist
import pytest
import torch

import guides
import zoo
from zoo import inference, likelihoods, networks, priors, pruning

pytestmark = pytest.mark.gpu


def regression_model(prior=None):
    network = networks.MLP(3, 1, hidden=[5]).cuda()
    prior = prior or priors.WeightPrior(dist.Normal(0.0, 1.0))
    return zoo.BayesianNetwork(
        network, prior, likelihoods.Gaussian(dist.HalfNormal(1.0))
    )


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(40, 3, generator=generator)
    return x, x.sum(-1, keepdim=True).tanh()  # on the CPU: the engine moves them


@pytest.mark.parametrize(
    "Guide", [guides.Delta, guides.MeanField, guides.LocalReparam, guides.MCDropout]
)
def test_a_guide_is_fitted_and_predicts(Guide, data, tmp_path):
    pyro.set_rng_seed(0)
    model = regression_model()
    posterior = inference.SVI(model, Guide(model), num_steps=20, progress=False).fit(
        data
    )
    prediction = posterior.predict(data[0], 10)
    assert prediction.mean.is_cuda
    assert torch.isfinite(prediction.log_prob(data[1])).all()
    posterior.save(tmp_path / "posterior.safetensors")
    again = zoo.load(tmp_path / "posterior.safetensors", model, guide=Guide(model))
    torch.cuda.manual_seed(1)
    before = posterior.predict(data[0], 10).mean
    torch.cuda.manual_seed(1)
    torch.testing.assert_close(before, again.predict(data[0], 10).mean)


def test_products_in_bfloat16_are_captured(data):
    pyro.set_rng_seed(0)
    model = regression_model()
    losses = []
    for precision in ("float32", "bf16"):
        engine = inference.SVI(
            model,
            guides.LocalReparam(model),
            num_steps=200,
            precision=precision,
            progress=False,
        )
        info = engine.fit(data).info
        assert (info.precision, info.compiled) == (precision, "captured")
        losses.append(info.losses[-50:].mean())
    torch.testing.assert_close(*losses, rtol=0.05, atol=0.05)


def test_units_are_taken_out(data):
    pytest.importorskip("torch_pruning", reason="shrinking needs torch-pruning")
    pyro.set_rng_seed(0)
    model = regression_model()
    fitted = inference.SVI(
        model, guides.MeanField(model), num_steps=20, progress=False
    ).fit(data)
    drawn = inference.HMC(
        model,
        num_chains=2,
        num_samples=20,
        warmup_steps=20,
        store_on="cpu",
        progress=False,
    ).fit(data)
    for posterior in (fitted, drawn):
        half = zoo.prune(posterior, fraction=0.4, rule=pruning.filter_norm)
        small = pruning.shrink(half, data[0])
        assert small.shapes["layer1.weight"] == (3, 3)
        assert small.predict(data[0], 10).mean.is_cuda
    torch.testing.assert_close(
        small.predict(data[0]).outputs,
        half.predict(data[0]).outputs,
        rtol=1e-3,
        atol=1e-4,
    )


def test_nodes_in_batches(data):
    pyro.set_rng_seed(0)
    model = regression_model(priors.NodePrior(dist.Normal(1.0, 0.3), where="both"))
    engine = inference.SVI(
        model, guides.NodeMixture(model), num_steps=20, progress=False
    )
    assert engine.fit(data, batch_size=16).predict(data[0], 10).std.is_cuda


@pytest.mark.parametrize("name", cases.SAMPLERS)
def test_a_sampler_runs(name, data, tmp_path):
    pyro.set_rng_seed(0)
    engine = dataclasses.replace(
        cases.ENGINES[name](regression_model()), num_samples=40, compile="auto"
    )
    posterior = engine.fit(data)
    assert posterior.draws["layer1.weight"].is_cuda
    assert posterior.info.compiled == "captured"
    assert posterior.to_arviz(data) is not None
    posterior.save(tmp_path / "posterior")
    again = zoo.load(tmp_path / "posterior", posterior.model)
    torch.testing.assert_close(
        again.predict(data[0]).mean, posterior.predict(data[0]).mean
    )


@pytest.mark.parametrize("name", cases.SAMPLERS)
def test_draws_kept_on_the_host_predict_on_the_device(name, data):
    pyro.set_rng_seed(0)
    posterior = dataclasses.replace(
        cases.ENGINES[name](regression_model()), store_on="cpu"
    ).fit(data)
    assert not posterior.draws["layer1.weight"].is_cuda
    assert posterior.predict(data[0]).log_prob(data[1]).is_cuda
    assert posterior.to_arviz(data) is not None
    at = dataclasses.replace(
        cases.ENGINES[name](regression_model()), functions_at=data[0], store_on="cpu"
    ).fit(data)
    assert at.predict(data[0]).mean.is_cuda


@pytest.mark.parametrize("name", cases.SAMPLERS)
def test_a_run_is_taken_up_with_the_devices_random_numbers(
    name, data, tmp_path, monkeypatch
):
    monkeypatch.setattr("zoo.inference.mcmc.running.blocks.BLOCK", 5)
    whole = dataclasses.replace(cases.ENGINES[name](regression_model()), num_samples=20)
    part = dataclasses.replace(whole, num_samples=10, checkpoint=tmp_path / "run")
    rest = dataclasses.replace(whole, checkpoint=tmp_path / "run")
    runs = []
    for seed, engine in ((1, whole), (1, part), (9, rest)):
        pyro.set_rng_seed(seed)
        runs.append(engine.fit(data).draws["layer1.weight"])
    torch.testing.assert_close(runs[0], runs[2])
