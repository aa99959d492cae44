"""Half precision: products in bfloat16, everything else in single precision, equal in law."""

import re

import cases
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import one_thread  # noqa: F401
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.runtime.half_precision import half_products, in_single, products_in

GUIDES = (
    "MeanField",
    "LocalReparam",
    "Flipout",
    "MCDropout",
    "NodeMixture",
    "LastLayer",
)
X, Y = torch.randn(24, 6), torch.randint(3, (24,))


class Seen(nn.Module):
    """A linear layer that notes the dtype of its output, and batch normalisation after it."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 4)
        self.norm = nn.BatchNorm1d(4)
        self.last = nn.Linear(4, 3)
        self.dtypes = set()

    def forward(self, x):
        hidden = self.layer(x)
        self.dtypes.add(hidden.dtype)
        return self.last(self.norm(hidden).relu())


def seen_model():
    return zoo.BayesianNetwork(
        Seen(),
        priors.WeightPrior(priors.all_but_normalisation(dist.Normal(0.0, 1.0))),
        likelihoods.Categorical(),
    )


def svi(model, guide, **options):
    options = {"num_steps": 4, "progress": False, **options}
    return inference.SVI(model, guide, **options)


def test_products_are_in_bfloat16_in_a_fit_and_nowhere_else():
    model = seen_model()
    guide = guides.MeanField(model)
    posterior = svi(model, guide, precision="bf16", compile="plain").fit((X, Y))

    assert torch.bfloat16 in model.network.dtypes
    assert posterior.info.precision == "bf16"
    assert all(each.dtype == torch.float32 for each in guide.parameters())
    assert posterior.state["norm.running_mean"].dtype == torch.float32
    assert posterior.state["norm.running_mean"].abs().sum() > 0
    assert "bf16" in posterior.info.summary()["seconds"]

    model.network.dtypes.clear()
    prediction = posterior.predict(X, num_samples=3)
    assert model.network.dtypes == {torch.float32}
    assert prediction.log_prob(Y).dtype == torch.float32


@pytest.mark.parametrize("network", ["BatchNorm"])
@pytest.mark.parametrize("guide", cases.first(cases.GUIDES, GUIDES))
def test_each_guide_has_equal_bits_plain_and_traced(guide, network):
    model = cases.model(network, cases.prior_for(guide), "Categorical")
    data = cases.data(network, "Categorical")
    found = []
    for mode in ("plain", "traced"):
        pyro.clear_param_store()
        pyro.set_rng_seed(2)
        made = cases.GUIDES[guide](model)
        fit = svi(model, made, num_steps=3, compile=mode, precision="bf16").fit(data)
        assert fit.info.compiled == mode
        assert torch.isfinite(fit.info.losses).all()
        found.append(fit.scoped.tensors() | fit.state)

    for name, tensor in found[0].items():
        assert tensor.dtype != torch.bfloat16, name
        assert torch.equal(tensor, found[1][name]), name


def test_a_checkpoint_of_another_precision_is_refused_by_name(tmp_path):
    model = seen_model()
    path = tmp_path / "run.safetensors"
    svi(model, guides.MeanField(model), checkpoint=path, precision="bf16").fit((X, Y))
    engine = svi(model, guides.MeanField(model), checkpoint=path)
    with pytest.raises(ValueError, match=r"precision \(then bf16, now float32\)"):
        engine.fit((X, Y))


@pytest.mark.parametrize("precision", ["fp16", torch.bfloat16, 16, None])
def test_another_precision_is_refused(precision):
    model = seen_model()
    sentence = f"'auto', not {precision!r}; write precision='bf16'"
    with pytest.raises(ValueError, match=re.escape(sentence)):
        svi(model, guides.MeanField(model), precision=precision)


def test_a_network_in_double_precision_is_refused():
    network = networks.MLP(6, 3, hidden=[]).double()
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())
    with pytest.raises(
        ValueError, match=r"not torch\.float64; write network\.float\(\)"
    ):
        svi(model, guides.MeanField(model), precision="bf16")


def test_samplers_have_no_half_precision():
    model = seen_model()
    with pytest.raises(TypeError, match="no argument 'precision'; it has no half"):
        inference.NUTS(model, precision="bf16")
    with pytest.raises(ValueError, match=r"dtype must be torch\.float32 or"):
        inference.NUTS(model, dtype=torch.bfloat16)


def test_a_precision_ends_with_its_block():
    like = torch.zeros(1)
    with products_in("bf16"):
        with half_products(like):
            half = nn.Linear(2, 2)(torch.ones(1, 2))
        assert in_single(half).dtype == torch.float32
    with half_products(like):
        assert nn.Linear(2, 2)(torch.ones(1, 2)).dtype == torch.float32
    assert half.dtype == torch.bfloat16
