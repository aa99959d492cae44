"""HMC and NUTS: the traced program gives the plain one's bits, a seed gives one answer, point estimates are refused."""

import cases
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.data import full
from zoo.inference import potential
from zoo.inference.potential import Potential

PRIOR = priors.WeightPrior(dist.Normal(0.0, 1.0))
X, Y = torch.randn(12, 2), torch.randn(12, 1)


def build(network=None, prior=PRIOR, likelihood=None):
    torch.manual_seed(0)
    network = network or networks.MLP(2, 1, hidden=[3])
    return zoo.BayesianNetwork(network, prior, likelihood or likelihoods.Gaussian(dist.HalfNormal(1.0)))


def plain(model, monkeypatch):
    """Make a potential of a program that cannot be traced."""

    def refuse(program):
        raise RuntimeError("no tracing today")

    with monkeypatch.context() as patch:
        patch.setattr(potential, "make_fx", refuse)
        with pytest.warns(UserWarning, match=r"could not be traced and runs as plain Pyro \(no tracing today\)"):
            return Potential(model, X, Y, compile=False)


@pytest.mark.parametrize(
    "make",
    [
        build,
        lambda: build(prior=priors.NodePrior(dist.Normal(1.0, 0.3), weights=dist.Laplace(0.0, 1.0))),
        lambda: build(likelihood=likelihoods.Gaussian(dist.Gamma(2.0, 2.0))),
        lambda: build(
            networks.MLP(2, 2, hidden=[3], activation=nn.ReLU), likelihood=likelihoods.HeteroscedasticGaussian()
        ),
        lambda: build().double(),
    ],
    ids=["weights", "nodes", "Gamma", "heteroscedastic", "double"],
)
def test_plain_and_traced_give_equal_bits(make, monkeypatch):
    model = make()
    before = plain(model, monkeypatch)
    traced = Potential(model, X.to(model.reference), Y, compile=False)
    before.x = traced.x
    assert (before.how, traced.how) == ("plain", "traced")
    for _ in range(3):
        q = torch.randn(traced.size, dtype=model.reference.dtype)
        for one, other in zip(before.gradient(q), traced.gradient(q), strict=True):
            assert torch.equal(one, other), (one - other).abs().max()


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # torch's compiler about itself
def test_compiled_gradients_agree_to_a_hundred_thousandth():
    model = build(networks.MLP(2, 1, hidden=[]), likelihood=likelihoods.Gaussian(0.5))
    traced, compiled = (Potential(model, X, Y, compile=choice) for choice in (False, True))
    assert compiled.how == "compiled"
    for _ in range(3):
        q = torch.randn(traced.size)
        for one, other in zip(traced.gradient(q), compiled.gradient(q), strict=True):
            assert (one - other).abs().max() <= 1e-5 * one.abs().max()


def test_the_gradient_is_that_of_the_potential():
    model = build().double()
    energy = Potential(model, X.double(), Y, compile=False)
    q = torch.randn(energy.size, dtype=torch.float64)
    slope, value = energy.gradient(q)
    assert torch.allclose(value, energy.energy(q))
    step = 1e-5 * torch.eye(energy.size, dtype=torch.float64)
    numeric = torch.stack([(energy.energy(q + e) - energy.energy(q - e)) / 2e-5 for e in step])
    assert torch.allclose(slope, numeric, rtol=1e-5, atol=1e-6)
    q.requires_grad_()
    energy(q).backward()
    assert torch.equal(q.grad, slope)


def test_the_potential_is_the_log_joint_with_the_jacobian():
    model = build()
    energy = Potential(model, X, Y, compile=False)
    values = {name: law.sample() for name, law in model.latents.items()}
    log_joint = sum(law.log_prob(values[name]) for name, law in model.latents.items())
    mean = model.output(values, X)
    log_joint = log_joint + dist.Normal(mean, values["likelihood:scale"]).log_prob(Y).sum()
    jacobian = values["likelihood:scale"].log()  # the scale is the exponential of its free value
    assert torch.allclose(energy.energy(energy.pack(values)), -log_joint - jacobian, rtol=1e-4)
    back, _ = energy.unpack(energy.pack(values))
    for name, value in values.items():
        assert torch.allclose(back[name], value, atol=1e-5), name


@pytest.mark.usefixtures("at_the_prior")
@pytest.mark.parametrize("engine", ["HMC", "NUTS"])
def test_a_seed_gives_one_answer_and_another_another(engine):
    model, draws = build(), []
    for seed in (1, 1, 2):
        pyro.set_rng_seed(seed)
        draws.append(cases.ENGINES[engine](model).fit((X, Y)).draws["layer1.weight"])
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


@pytest.mark.usefixtures("at_the_prior")
def test_plain_and_traced_chains_are_equal_to_the_bit(monkeypatch):
    model, chains = build(), []
    for program in ("traced", "plain"):
        pyro.set_rng_seed(4)
        with monkeypatch.context() as patch:
            if program == "plain":
                patch.setattr(potential, "make_fx", None)
                with pytest.warns(UserWarning, match="could not be traced"):
                    posterior = cases.ENGINES["HMC"](model).fit((X, Y))
            else:
                posterior = cases.ENGINES["HMC"](model).fit((X, Y))
        assert posterior.info.compiled == program
        chains.append(posterior.draws)
    for name, value in chains[0].items():
        assert torch.equal(value, chains[1][name]), name


def test_chains_start_where_the_data_are_likely():
    model = build()
    energy = Potential(model, X, Y, compile=False)
    pyro.set_rng_seed(0)
    prior = energy.gradient(energy.start(descent=0))[1]
    pyro.set_rng_seed(0)
    assert energy.gradient(energy.start(descent=200))[1] < prior - 10.0


@pytest.mark.usefixtures("at_the_prior")
@pytest.mark.parametrize("kind", [inference.HMC, inference.NUTS])
def test_the_facts_of_a_run(kind):
    model = build()
    options = {"num_steps": 3} if kind is inference.HMC else {"max_tree_depth": 3}
    engine = kind(model, num_chains=2, warmup_steps=20, num_samples=10, compile=False, progress=False, **options)
    posterior = engine.fit((X, Y))
    info = posterior.info
    assert info.acceptance_rate.shape == (2, 10)
    assert ((info.acceptance_rate >= -1e-5) & (info.acceptance_rate <= 1 + 1e-5)).all()
    assert (info.n_steps >= 1).all()
    assert info.diverging.dtype == torch.bool
    assert (info.step_size > 0).all()
    assert info.num_gradients >= info.n_steps.sum()
    assert 0 < info.seconds_warmup < info.seconds
    energy = Potential(model, X, Y, compile=False)
    last = {name: value[1, -1] for name, value in posterior.draws.items()}
    assert torch.allclose(-energy.energy(energy.pack(last)), info.lp[1, -1], rtol=1e-4)
    assert repr(engine) == f"{kind.__name__}(2 chains, 20 + 10 draws)"
    assert "2 chains of 10 draws" in repr(posterior)


@pytest.mark.usefixtures("at_the_prior")
def test_thinning_is_even_over_all_chains():
    posterior = cases.ENGINES["HMC"](build()).fit((X, Y))
    whole = posterior.sample()["layer1.weight"]
    assert torch.equal(whole, posterior.draws["layer1.weight"].flatten(0, 1))
    assert torch.equal(posterior.sample(2)["layer1.weight"], whole[[0, 5]])
    assert torch.equal(posterior.sample(1)["layer1.weight"], whole[[0]])


def test_a_loader_gives_all_its_data():
    x, y = full(build(), DataLoader(TensorDataset(X, Y), 5))
    assert torch.equal(x, X)
    assert torch.equal(y, Y)


@pytest.mark.usefixtures("at_the_prior")
def test_batch_normalisation_uses_its_running_statistics_and_says_so():
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    network[1].running_mean.fill_(0.5)
    model = build(network)
    with pytest.warns(UserWarning, match="normalises batches; a sampler uses its running statistics as they are"):
        posterior = cases.ENGINES["HMC"](model).fit((X, Y))
    assert torch.equal(posterior.state["1.running_mean"], torch.full((3,), 0.5))
    assert network.training


@pytest.mark.usefixtures("at_the_prior")
def test_a_users_dropout_is_off_under_a_sampler():
    network = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5), nn.Linear(3, 1))
    energy = Potential(build(network), X, Y, compile=False)
    q = torch.randn(energy.size)
    assert torch.equal(energy.gradient(q)[1], energy.gradient(q)[1])


def test_without_a_compiler_the_graph_runs_as_it_is_and_says_so(monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("no C++ compiler\nmore")

    import torch._inductor

    monkeypatch.setattr(torch._inductor, "compile", fail)
    with pytest.warns(UserWarning, match="without compiling, several times slower: no C\\+\\+ compiler$"):
        assert Potential(build(), X, Y).how == "traced"
    with pytest.raises(RuntimeError, match="no C"):
        Potential(build(), X, Y, compile=True)


@pytest.mark.usefixtures("at_the_prior")
def test_the_number_of_threads_is_as_before():
    before = torch.get_num_threads()
    cases.ENGINES["HMC"](build()).fit((X, Y))
    assert torch.get_num_threads() == before
