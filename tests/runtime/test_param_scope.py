"""Models, fits and networks share no tensors, and nothing global is changed."""

import os
import subprocess
import sys

import cases
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer.autoguide import AutoNormal

import guides
import zoo
from zoo import inference, likelihoods, networks, priors

X = torch.randn(6, 2)
Y = torch.randn(6, 1)

FRESH_PROCESS = """
import random, sys, warnings
import numpy, pyro, torch

def state():
    store = pyro.get_param_store()
    return {
        "default dtype": torch.get_default_dtype(),
        "default device": torch.get_default_device(),
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "torch validation": torch.distributions.Distribution._validate_args,
        "pyro settings": pyro.settings.get(),
        "gradients": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "matmul precision": torch.get_float32_matmul_precision(),
        "torch random state": torch.get_rng_state().tolist(),
        "numpy random state": str(numpy.random.get_state()),
        "python random state": random.getstate(),
        "parameter store": sorted(store.keys()),
        "multiprocessing": torch.multiprocessing.get_sharing_strategy(),
    }

before, filters = state(), list(warnings.filters)
MODULES
after = state()
changed = [name for name in before if before[name] != after[name]]
assert not changed, changed
ours = [f for f in warnings.filters if f not in filters]
print("pyplot" if "matplotlib.pyplot" in sys.modules else "no backend", [str(f) for f in ours])
"""
IMPORTS = """
import zoo, guides
from zoo import datasets, inference, likelihoods, metrics, networks, priors
"""


def run(program):
    result = subprocess.run(
        [sys.executable, "-W", "default", "-c", program],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "MPLBACKEND"},
    )
    assert result.returncode == 0, result.stderr
    return result


def test_importing_zoo_and_guides_changes_nothing_global():
    result = run(FRESH_PROCESS.replace("MODULES", IMPORTS))
    assert result.stdout == "no backend []\n", result.stdout
    assert result.stderr == "", result.stderr


# Packages that take a tenth of a second or more to import, and few programs need them.
HEAVY = (
    *(
        "arviz",
        "jax",
        "laplace",
        "matplotlib",
        "numpyro",
        "pandas",
        "scipy",
        "sklearn",
        "sympy",
        "torchmetrics",
    ),
    *(
        "torchvision",
        "xarray",
        "zuko",
        "torch._dynamo",
        "torch._inductor",
        "numpy.random",
    ),
)
NEW = f"""
import sys, torch, pyro
before = set(sys.modules)
IMPORTS
print(sorted(name for name in set(sys.modules) - before if name.startswith({HEAVY})))
from zoo import plots  # the check finds what is imported
print("matplotlib" in set(sys.modules) - before)
print(sys.modules["matplotlib"].rcParams._get_backend_or_none())
"""


def test_importing_zoo_imports_nothing_heavy_and_plots_choose_no_backend():
    assert run(NEW.replace("IMPORTS", IMPORTS)).stdout == "[]\nTrue\nNone\n"


@pytest.mark.parametrize(("package", "other"), [("guides", "zoo"), ("zoo", "guides")])
def test_zoo_and_guides_are_imported_without_each_other(package, other):
    run(
        f"import sys, {package}\n"
        f"assert not any(name.split('.')[0] == '{other}' for name in sys.modules)\n"
    )


def build(network=None):
    network = network if network is not None else networks.MLP(2, 1, hidden=[3])
    prior = priors.WeightPrior(
        priors.last_layer(dist.Normal(0.0, 1.0), otherwise=priors.Point())
    )
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.5))


def tensors(posterior):
    found = {f"state {name}": value for name, value in posterior.state.items()}
    if posterior.guide is not None:
        found |= {
            f"guide {name}": value for name, value in posterior.scoped.tensors().items()
        }
    else:
        found |= {f"draws {name}": value for name, value in posterior.draws.items()}
    return found


def assert_nothing_shared(*owners):
    seen = {}
    for owner, values in enumerate(owners):
        for name, value in values.items():
            address = value.untyped_storage().data_ptr()
            assert seen.setdefault(address, owner) == owner, (
                f"{name} of {owner} belongs to {seen[address]} as well"
            )


@pytest.mark.parametrize("guide", [guides.MeanField, AutoNormal, cases.function_guide])
def test_two_models_of_one_architecture_share_no_tensor(guide):
    models = [build(), build()]
    fits = []
    for model in models:
        engine = inference.SVI(model, guide(model), num_steps=2, progress=False)
        fits.append(engine.fit((X, Y)))
    networks_ = [dict(model.network.state_dict()) for model in models]
    assert_nothing_shared(*networks_, *map(tensors, fits))
    for model, posterior in zip(models, fits, strict=True):
        own = dict(model.network.named_parameters())
        gap = (posterior.state["layer1.weight"] - own["layer1.weight"]).abs().max()
        assert 0 < gap < 0.05, gap  # two steps of 0.01 from its own network's weights


@pytest.mark.parametrize("guide", [guides.MeanField, AutoNormal, cases.function_guide])
def test_two_fits_of_one_model_share_no_tensor(guide):
    model = build()
    fits = []
    for _ in range(2):
        engine = inference.SVI(model, guide(model), num_steps=2, progress=False)
        fits.append(engine.fit((X, Y)))
    again = inference.SVI(model, fits[0].guide, num_steps=2, progress=False).fit((X, Y))
    assert_nothing_shared(
        model.network.state_dict(), *map(tensors, fits), tensors(again)
    )


def test_two_runs_of_a_sampler_share_no_tensor():
    network = networks.MLP(2, 1, hidden=[3])
    network.register_buffer("running", torch.ones(3))
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihoods.Gaussian(0.5)
    )
    fits = [cases.ENGINES["HMC"](model).fit((X, Y)) for _ in range(2)]
    assert_nothing_shared(model.network.state_dict(), *map(tensors, fits))


def test_two_autonormals_of_one_model_are_independent():
    model = build()
    far, near = AutoNormal(model), AutoNormal(model)
    first = inference.SVI(model, far, num_steps=30, lr=0.1, progress=False).fit(
        (X, Y + 10.0)
    )
    before = {name: value.detach().clone() for name, value in tensors(first).items()}
    second = inference.SVI(model, near, num_steps=1, progress=False).fit((X, Y))
    for name, value in tensors(first).items():
        assert torch.equal(value, before[name]), name
    assert (
        tensors(second)["guide locs.layer2.bias_unconstrained"].abs().max() < 0.05
    )  # initially 0
    assert tensors(first)["guide locs.layer2.bias_unconstrained"].abs().max() > 0.5


def test_an_autoguide_that_ran_in_the_global_store_gets_parameters_of_its_own():
    store = pyro.get_param_store()
    with store.scope():
        model = build()
        guide = AutoNormal(model)
        guide()
        mine = {name: store[name] for name in store}
        before = {name: value.detach().clone() for name, value in mine.items()}
        inference.SVI(model, guide, num_steps=3, progress=False).fit((X, Y))
        assert {name: store[name] for name in store}.keys() == mine.keys()
        for name, value in before.items():
            assert torch.equal(store[name], value), name


def test_a_fit_continues_from_the_guide_s_parameters():
    model = build()
    guide = guides.MeanField(model)
    engine = inference.SVI(model, guide, num_steps=50, lr=0.05, progress=False)
    first = engine.fit((X, Y))
    second = engine.fit((X, Y), init=first)
    assert second.info.losses[0] < first.info.losses[0]
    restarted = inference.SVI(
        model, guides.MeanField(model), num_steps=1, progress=False
    ).fit((X, Y))
    assert restarted.info.losses[0] > second.info.losses[0]


def global_state():
    store = pyro.get_param_store()
    return {
        "dtype": torch.get_default_dtype(),
        "threads": torch.get_num_threads(),
        "torch validation": torch.distributions.Distribution._validate_args,
        "pyro settings": pyro.settings.get(),
        "gradients": torch.is_grad_enabled(),
        "store": {name: id(value) for name, value in store._params.items()},
        "stack": len(pyro.poutine.runtime._PYRO_STACK),
    }


def cloned(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


class Failing(networks.MLP):
    """Fails in the first step of a fit."""

    def forward(self, x):
        if self.training:
            raise LookupError("on purpose")
        return super().forward(x)


@pytest.mark.parametrize(
    "engine",
    [
        lambda model: inference.SVI(
            model, guides.MeanField(model), num_steps=5, progress=False
        ),
        lambda model: inference.SVI(
            model, AutoNormal(model), num_steps=5, progress=False
        ),
        lambda model: inference.SVI(
            model, cases.function_guide(model), num_steps=5, progress=False
        ),
    ],
    ids=["MeanField", "AutoNormal", "function"],
)
def test_a_failed_fit_changes_nothing(engine):
    network = Failing(2, 1, hidden=[3])
    network.layer1.eval()
    network.layer2.weight.requires_grad_(False)
    network.layer2.bias.grad = torch.ones(1)
    model = build(network)
    with pyro.get_param_store().scope():
        # a parameter of the user's with the same name
        pyro.param("layer1.weight", torch.tensor(3.0))
        before = global_state()
        weights = cloned(network)
        with pytest.raises(LookupError, match="on purpose"):
            engine(model).fit((X, Y))
        assert global_state() == before
    assert not network.layer1.training
    assert network.layer2.training
    assert [p.requires_grad for p in network.parameters()] == [True, True, False, True]
    assert network.layer2.bias.grad == 1.0
    for name, value in network.state_dict().items():
        assert torch.equal(value, weights[name]), name


@pytest.mark.parametrize("name", ["HMC", "NUTS"])
@pytest.mark.parametrize(
    "where",
    [
        "running.run.ChainRun.advance",
        "running.initialisation.Initialiser.__call__",
        "running.store.Store.add",
    ],
)
def test_a_failed_sampler_changes_nothing(name, where, monkeypatch):
    def fail(*args, **kwargs):
        raise LookupError("on purpose")

    monkeypatch.setattr(f"zoo.inference.mcmc.{where}", fail)
    model = zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[3]),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Gaussian(0.5),
    )
    before = global_state()
    weights = cloned(model)
    with pytest.raises(LookupError, match="on purpose"):
        cases.ENGINES[name](model).fit((X, Y))
    assert global_state() == before
    assert all(layer.training for layer in model.modules())
    for name, value in model.state_dict().items():
        assert torch.equal(value, weights[name]), name


def test_fit_predict_save_and_load_change_nothing_global(tmp_path):
    with pyro.get_param_store().scope():
        pyro.param("mine", torch.tensor(1.0))
        before = global_state()
        for name, engine in cases.ENGINES.items():
            noise = "Gaussian" if name == "Laplace" else "Gaussian(HalfNormal)"
            model = cases.model("MLP", "WeightPrior", noise)
            posterior = engine(model).fit(cases.data("MLP", noise))
            posterior.predict(X, num_samples=2).interval()
            posterior.save(tmp_path / "posterior.safetensors")
            guide = None
            if name == "SWAG":
                guide = guides.LowRank(model, rank=2, per="all")
            elif posterior.guide is not None:
                guide = type(posterior.guide)(model)
            zoo.load(tmp_path / "posterior.safetensors", model, guide=guide)
            repr(posterior), model.summary(), model.prior_predictive(X, num_samples=2)
            assert global_state() == before, name


@pytest.mark.parametrize("rest", [priors.Point(), priors.Frozen()], ids=str)
def test_a_prediction_does_not_change_when_the_network_is_trained(rest):
    prior = priors.WeightPrior(priors.last_layer(dist.Normal(0.0, 1.0), otherwise=rest))
    model = zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[3]), prior, likelihoods.Gaussian(0.5)
    )
    posterior = inference.SVI(
        model, guides.Delta(model), num_steps=2, progress=False
    ).fit((X, Y))
    before = posterior.predict(X).mean
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.add_(1.0)
    assert torch.equal(posterior.predict(X).mean, before)


def test_one_network_serves_models_with_different_priors():
    network = networks.MLP(2, 1, hidden=[3])
    for prior in (
        "WeightPrior",
        "NodePrior",
        "NodePrior+WeightPrior",
        "last_layer+Frozen",
    ):
        model = zoo.BayesianNetwork(
            network, cases.PRIORS[prior](), likelihoods.Gaussian(0.5)
        )
        before = cloned(network)
        inference.SVI(model, guides.MeanField(model), num_steps=2, progress=False).fit(
            (X, Y)
        )
        for name, value in network.state_dict().items():
            assert torch.equal(value, before[name]), (prior, name)
