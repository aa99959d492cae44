"""Unusual networks, tensors and settings of torch: a fit works, or a sentence says what to do."""

import re
from contextlib import contextmanager

import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, priors

pytestmark = [
    pytest.mark.filterwarnings("ignore:HMC"),  # four draws
    pytest.mark.filterwarnings("ignore:There is a performance drop"),
    pytest.mark.filterwarnings("ignore:torch.quantize"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
X = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
Y = X.sum(-1, keepdim=True)
NORMAL = dist.Normal(0.0, 1.0)
INDEX = torch.randint(9, (40, 3), generator=torch.Generator().manual_seed(0))


def mlp():
    return nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))


def model_of(network, weights=NORMAL):
    return zoo.BayesianNetwork(
        network, priors.WeightPrior(weights), likelihoods.Gaussian(0.5)
    )


def variational(model, x=X, y=Y, **options):
    options = {"num_steps": 32, "progress": False} | options
    posterior = inference.SVI(model, guides.MeanField(model), **options).fit((x, y))
    assert torch.isfinite(posterior.info.losses).all()
    assert torch.isfinite(posterior.predict(x, 2).mean).all()
    return posterior


def sampled(model, x=X, y=Y):
    engine = inference.HMC(
        model,
        num_chains=2,
        warmup_steps=2,
        num_samples=2,
        init="network",
        progress=False,
    )
    posterior = engine.fit((x, y))
    assert torch.isfinite(posterior.predict(x, 2).mean).all()
    return posterior


ENGINES = [variational, sampled]
every_engine = pytest.mark.parametrize("engine", ENGINES)


@contextmanager
def float64_by_default():
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def deterministic():
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


SETTINGS = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "float64 by default": float64_by_default,
    "a default device": lambda: torch.device("cpu"),
    "deterministic": deterministic,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
}


@every_engine
@pytest.mark.parametrize("name", SETTINGS)
def test_a_fit_inside_a_setting_of_torch(engine, name):
    with SETTINGS[name]():
        posterior = engine(model_of(mlp()))
    assert posterior.info.compiled == "traced"


@pytest.mark.parametrize("name", ["no_grad", "inference_mode"])
def test_autograd_switched_off_changes_no_bit(name):
    losses = []
    for setting in (torch.enable_grad, SETTINGS[name]):
        torch.manual_seed(0)
        with setting():
            losses.append(variational(model_of(mlp())).info.losses.clone())
            assert torch.is_grad_enabled() == (setting is torch.enable_grad)
    assert torch.equal(*losses)


@every_engine
def test_tensors_of_inference_mode_are_copied(engine):
    with torch.inference_mode():
        x, y, network = X.clone(), Y.clone(), mlp()
    engine(model_of(network), x, y)
    assert x.is_inference()
    frozen = priors.last_layer(dist.Normal(0.0, 1.0), otherwise=priors.Frozen())
    engine(model_of(network, frozen), x, y)


class _Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.second = nn.Linear(3, 1, dtype=torch.float64)

    def forward(self, x):
        return self.second(self.first(x).tanh().double())


@every_engine
def test_layers_of_two_dtypes(engine):
    draws = engine(model_of(_Mixed())).sample(2)
    assert draws["first.weight"].dtype == torch.float32
    assert draws["second.weight"].dtype == torch.float64


@every_engine
def test_half_precision(engine):
    engine(model_of(mlp().bfloat16()))


@every_engine
@pytest.mark.parametrize("wrap", [torch.compile, nn.DataParallel])
def test_a_wrapper_is_taken_off(engine, wrap):
    network = mlp()
    model = model_of(wrap(network))
    assert model.network is network
    assert sorted(model.latents) == ["0.bias", "0.weight", "2.bias", "2.weight"]
    engine(model)


class _Words(nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.words = kind(9, 2, sparse=True, **options)
        self.head = nn.Linear(2, 1)

    def forward(self, x):
        found = self.words(x)
        return self.head(found if found.dim() == 2 else found.mean(1))


WORDS = [
    (nn.Embedding, {}),
    (nn.Embedding, {"padding_idx": 0}),
    (nn.EmbeddingBag, {}),
    (nn.EmbeddingBag, {"padding_idx": 0}),
]


@pytest.mark.parametrize(("kind", "options"), WORDS)
@pytest.mark.parametrize("is_random", [True, False])
def test_a_sparse_gradient_is_that_of_a_dense_embedding(kind, options, is_random):
    weights = dist.Normal(0.0, 1.0)
    weights = weights if is_random else priors.last_layer(weights)
    network = _Words(kind, **options)
    losses = []
    for is_sparse in (True, False):
        network.words.sparse = is_sparse
        torch.manual_seed(0)
        posterior = variational(model_of(network, weights), INDEX)
        assert posterior.info.compiled == "traced"
        assert network.words.sparse == is_sparse
        losses.append(posterior.info.losses)
    torch.testing.assert_close(*losses)


def test_an_embedding_of_functional_has_a_sparse_gradient():
    class Functional(_Words):
        def forward(self, x):
            weight = self.words.weight
            found = nn.functional.embedding(x, weight, sparse=self.words.sparse)
            return self.head(found.mean(1))

    network = Functional(nn.Embedding)
    network.words = nn.ParameterDict({"weight": nn.Parameter(torch.randn(9, 2))})
    network.words.sparse = True
    model = model_of(network, priors.last_layer(dist.Normal(0.0, 1.0)))
    variational(model, INDEX, compile="plain")


def test_sparse_embeddings_under_a_sampler():
    sampled(model_of(_Words(nn.Embedding)), INDEX)


def test_complex_inputs_and_frozen_complex_weights_work():
    class Spectrum(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix = nn.Linear(2, 2, dtype=torch.complex64).requires_grad_(False)
            self.head = nn.Linear(2, 1)

        def forward(self, z):
            return self.head(self.mix(z).abs())

    variational(model_of(Spectrum()), torch.complex(X, X.flip(0)))


def meta():
    with torch.device("meta"):
        return mlp()


def quantised():
    return torch.ao.quantization.quantize_dynamic(mlp(), {nn.Linear})


WRONG = [
    (lambda: nn.Flatten(), ValueError, "Flatten has no parameters, so nothing of it"),
    (
        lambda: nn.Sequential(nn.LazyLinear(3), nn.Linear(3, 1)),
        ValueError,
        "parameter '0.weight' of Sequential has no shape yet; run the network once",
    ),
    (
        meta,
        ValueError,
        "'0.weight' of Sequential is on the device 'meta', without values",
    ),
    (
        lambda: nn.Linear(2, 1, dtype=torch.complex64),
        ValueError,
        "parameter 'weight' of Linear is complex (complex64), and priors are over real",
    ),
    (quantised, ValueError, "Sequential has quantised layers"),
    (lambda: nn.Linear, TypeError, "not the class Linear; write Linear(...)"),
    (lambda: "mlp", TypeError, "must be a torch.nn.Module, not str"),
    (lambda: lambda x: x, TypeError, "must be a torch.nn.Module, not function"),
]


@pytest.mark.parametrize(("make", "kind", "sentence"), WRONG)
def test_a_network_that_cannot_be_random_is_refused(make, kind, sentence):
    with pytest.raises(kind, match=re.escape(sentence)):
        model_of(make())


@pytest.mark.parametrize(
    "make", [torch.jit.script, lambda net: torch.jit.trace(net, X)]
)
def test_a_network_of_torch_jit_is_refused(make):
    with pytest.raises(
        ValueError, match=r"of torch\.jit, whose tensors cannot be replac"
    ):
        model_of(make(mlp()))
    with pytest.raises(
        ValueError, match=r"the part '0' of the network is a .* of torch\.jit"
    ):
        model_of(nn.Sequential(make(mlp()), nn.Linear(1, 1)))


TENSORS = [
    (X.to_sparse(), Y, "the inputs are sparse; write x.to_dense()"),
    (X, Y.to_sparse(), "the targets are sparse"),
    (X.to("meta"), Y, "on the device 'meta', without values"),
    (X, Y.to(torch.complex64), "the targets are complex; write torch.view_as_real(y)"),
]


@every_engine
@pytest.mark.parametrize(("x", "y", "sentence"), TENSORS)
def test_tensors_without_rows_are_refused(engine, x, y, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        engine(model_of(mlp()), x, y)
