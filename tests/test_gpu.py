"""The same programs on a CUDA device: fits, samplers, predictions, files."""

import pyro
import pyro.distributions as dist
import pytest
import torch

import guides
import zoo
from zoo import inference, likelihoods, networks, priors

pytestmark = pytest.mark.gpu


def regression_model(prior=None):
    network = networks.MLP(3, 1, hidden=[5]).cuda()
    prior = prior or priors.WeightPrior(dist.Normal(0.0, 1.0))
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(dist.HalfNormal(1.0)))


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(40, 3, generator=generator)
    return x, x.sum(-1, keepdim=True).tanh()  # on the CPU: the engine moves them


@pytest.mark.parametrize("Guide", [guides.Delta, guides.MeanField, guides.LocalReparam, guides.MCDropout])
def test_a_guide_is_fitted_and_predicts(Guide, data, tmp_path):
    pyro.set_rng_seed(0)
    model = regression_model()
    posterior = inference.SVI(model, Guide(model), num_steps=20, progress=False).fit(data)
    prediction = posterior.predict(data[0], 10)
    assert prediction.mean.is_cuda
    assert torch.isfinite(prediction.log_prob(data[1])).all()
    posterior.save(tmp_path / "posterior.safetensors")
    again = zoo.load(tmp_path / "posterior.safetensors", model, guide=Guide(model))
    torch.cuda.manual_seed(1)
    before = posterior.predict(data[0], 10).mean
    torch.cuda.manual_seed(1)
    torch.testing.assert_close(before, again.predict(data[0], 10).mean)


def test_nodes_in_batches(data):
    pyro.set_rng_seed(0)
    model = regression_model(priors.NodePrior(dist.Normal(1.0, 0.3), where="both"))
    engine = inference.SVI(model, guides.NodeMixture(model), num_steps=20, progress=False)
    assert engine.fit(data, batch_size=16).predict(data[0], 10).std.is_cuda


@pytest.mark.parametrize("Engine", [inference.HMC, inference.NUTS])
def test_a_sampler_runs(Engine, data):
    pyro.set_rng_seed(0)
    engine = Engine(regression_model(), num_chains=2, warmup_steps=5, num_samples=5, progress=False)
    posterior = engine.fit(data)
    assert posterior.draws["layer1.weight"].is_cuda
    assert posterior.to_arviz(data) is not None
