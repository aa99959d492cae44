"""Modes of running: equal answers, the choice of a mode, programs without a trace, and trials."""

from unittest.mock import Mock, call

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer.autoguide import AutoNormal
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.inference.svi.elbo import elbo
from zoo.tracing import mode as module
from zoo.tracing.compiling.compiler import compiler
from zoo.tracing.mode import ModeChoice, ModeChooser
from zoo.tracing.traced import Traced
from zoo.tracing.trial import Trial

X = torch.randn(8, 2, generator=torch.Generator().manual_seed(0))


def noisy(x):
    return (x.square().sum() + torch.randn(3).sum(), x.exp())


def answers(mode, count=4, **options):
    run = Traced(noisy, compile=mode, **options)
    torch.manual_seed(3)
    return [run(X * number) for number in range(count)], run


@pytest.mark.parametrize("mode", ["plain", "traced", False, "auto"])
def test_modes_give_equal_bits(mode):
    found, _ = answers(mode, calls=100)
    expected, _ = answers("plain")
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])


def test_compiled_gives_the_same_to_a_hundred_thousandth():
    compiled, run = answers(True)
    assert run.how == "compiled"
    for one, other in zip(compiled, answers("traced")[0], strict=True):
        torch.testing.assert_close(one[0], other[0], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(one[1], other[1], rtol=1e-5, atol=1e-5)


def test_a_few_calls_are_not_worth_a_trace():
    _, few = answers("auto", calls=module._FEW - 1)
    assert few.how == "plain"
    _, enough = answers("auto", calls=module._FEW)
    assert enough.how == "traced"


def test_a_mode_that_does_not_exist_is_refused():
    with pytest.raises(
        ValueError,
        match=r"compile must be True, False or one of auto, plain, .*, not 'quick'",
    ):
        Traced(noisy, compile="quick")
    with pytest.raises(
        ValueError,
        match="'captured' needs tensors on CUDA; write compile='auto'",
    ):
        Traced(noisy, compile="captured")(X)


def test_trials_put_back_random_numbers_and_written_tensors():
    written = torch.zeros(3)

    def function(x):
        written.add_(1.0)
        return (x + torch.randn(3),)

    run = Traced(function, compile="traced", writes=[written])
    torch.manual_seed(0)
    first = run(torch.zeros(3))[0]
    torch.manual_seed(0)
    assert torch.equal(first, torch.randn(3))
    assert torch.equal(written, torch.ones(3))


def test_a_rare_shape_runs_in_plain_mode_and_a_frequent_one_is_traced():
    seen = Mock()  # of a library: what it counts is no part of the program

    def function(x):
        seen(len(x))
        return (x.sum(),)

    run = Traced(function, calls=1000)
    for _ in range(6):
        for size in (8, 5):
            assert torch.equal(run(X[:size])[0], X[:size].sum())
    calls = seen.call_args_list
    assert calls.count(call(8)) == 2  # the trace and its check
    assert calls.count(call(5)) == 2 + 2  # two plain runs, then the trace and its check
    assert len(run._runs) == 2


def test_a_program_that_reads_a_tensor_is_named_and_runs_in_plain_mode():
    def function(x):
        return (x * 2,) if x.sum().item() > 0 else (x,)

    run = Traced(function, compile="traced")
    sentence = (
        r"runs as plain Pyro, several times slower: "
        r"test_traced.py, line \d+, `return \(x \* 2,\) if .*item"
    )
    with pytest.warns(UserWarning, match=sentence) as caught:
        assert torch.equal(run(torch.ones(2))[0], torch.full((2,), 2.0))
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert torch.equal(run(-torch.ones(2))[0], -torch.ones(2))
    assert run.how == "plain"


def test_a_counter_in_python_is_noticed():
    count = iter(range(100))
    run = Traced(lambda x: (x * next(count),), compile="traced")
    with pytest.warns(
        UserWarning,
        match="depends on a Python value that changes between calls; keep that value in a",
    ):
        run(X)
    assert run.how == "plain"
    assert not torch.equal(run(X)[0], run(X)[0])


def test_without_a_compiler_the_graph_runs(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    _, config = compiler()
    monkeypatch.setattr(module, "_WAIT", 0.0)
    monkeypatch.setattr(module, "_WAIT_PER_NODE", 1e-9)
    with config.patch({"cpp.cxx": ("no-such-compiler",), "force_disable_caches": True}):
        with pytest.warns(
            UserWarning, match="running without a compiler, several times slower"
        ) as caught:
            results, run = answers("auto", calls=10**9)
        with pytest.raises(Exception, match="compiler"):
            answers("compiled")
    assert (run.how, len(caught), caught[0].filename) == ("traced", 1, __file__)
    assert torch.equal(results[1][0], answers("plain")[0][1][0])


def test_the_faster_mode_is_kept(monkeypatch):
    compiled = ModeChoice(noisy, "compiled")
    monkeypatch.setattr(ModeChooser, "_gain", lambda *arguments: 1.0)
    monkeypatch.setattr(ModeChooser, "_compile", lambda *arguments: compiled)
    tie = [1.2, 1.0]  # which of both is faster is noise
    for seconds, how in (
        ([1.0, 2.0], "compiled"),
        ([2.0, 1.0], "traced"),
        (tie, "compiled"),
    ):
        measured = iter(seconds)
        monkeypatch.setattr(
            Trial, "seconds", lambda *arguments, measured=measured: next(measured)
        )
        assert answers("auto", calls=1000)[1].how == how


def eight_schools(y):
    mean = pyro.sample("mean", dist.Normal(0.0, 5.0))
    spread = pyro.sample("spread", dist.HalfCauchy(5.0))
    with pyro.plate("schools", len(y)):
        effect = pyro.sample("effect", dist.Normal(mean, spread))
        pyro.sample("y", dist.Normal(effect, 10.0), obs=y)


def test_the_elbo_of_a_plain_pyro_model():
    y = torch.tensor([28.0, 8, -3, 7, -1, 1, 18, 12])
    with pyro.get_param_store().scope(), pyro.validation_enabled(False):
        guide = AutoNormal(eight_schools)
        guide(y)
        parameters = list(guide.parameters())

        def function(y):
            loss = -elbo(eight_schools, guide, y)
            return loss, *torch.autograd.grad(loss, parameters)

        losses = {}
        inits = [parameter.detach().clone() for parameter in parameters]
        for mode in ("plain", "traced"):
            run = Traced(function, compile=mode)
            optimizer = torch.optim.Adam(parameters, lr=0.02)
            with torch.no_grad():
                torch._foreach_copy_(parameters, inits)
            pyro.set_rng_seed(0)
            losses[mode] = []
            for _ in range(5):
                loss, *gradients = run(y)
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter.grad = gradient
                optimizer.step()
                losses[mode].append(loss.item())
            assert run.how == mode
    assert losses["plain"] == losses["traced"]
    assert len(set(losses["traced"])) == 5


# The step of SVI


def model_of(network=None):
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    return zoo.BayesianNetwork(
        network or networks.MLP(2, 1, hidden=[3]), prior, likelihoods.Gaussian(0.2)
    )


def fit(model, guide=None, **options):
    pyro.set_rng_seed(1)
    data = (X, X.sum(-1, keepdim=True))
    options = {"num_steps": 40, "progress": False} | options
    engine = inference.SVI(model, guide or guides.MeanField(model), **options)
    return engine.fit(data, batch_size=3)


def test_a_fit_and_its_file_name_the_mode(tmp_path):
    model = model_of()
    posterior = fit(model)
    assert posterior.info.compiled == "traced"
    assert 0 < posterior.info.seconds_tracing < posterior.info.seconds
    posterior.save(tmp_path / "posterior")
    again = zoo.load(tmp_path / "posterior", model, guide=guides.MeanField(model)).info
    assert (again.compiled, again.seconds_tracing) == (
        "traced",
        posterior.info.seconds_tracing,
    )
    assert fit(model, num_steps=3).info.compiled == "plain"


@pytest.mark.parametrize("batches", ["steps", "epochs"])
def test_a_fit_has_equal_losses_in_plain_and_traced_mode(batches):
    model = model_of()
    options = {
        "num_particles": 2,
        "scheduler": lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.9),
    }
    if batches == "epochs":
        options |= {"num_steps": None, "num_epochs": 12}  # batches of 3, 3 and 2
    plain = fit(model, compile="plain", **options).info
    traced = fit(model, compile="traced", **options).info
    assert torch.equal(plain.losses, traced.losses)
    assert (plain.compiled, traced.compiled) == ("plain", "traced")


def test_a_compiled_fit_has_the_losses_of_a_traced_one():
    model = model_of(networks.MLP(2, 1, hidden=[]))
    compiled = fit(model, compile=True, num_steps=5).info
    traced = fit(model, compile=False, num_steps=5).info
    assert compiled.compiled == "compiled"
    torch.testing.assert_close(compiled.losses, traced.losses, rtol=1e-4, atol=1e-4)


def test_a_parameter_without_gradient_is_not_changed():
    """With a gradient of zero instead of none, weight decay would change it."""
    model = model_of()

    class Wide(guides.MeanField):
        def __init__(self, model):
            super().__init__(model)
            self.unused = nn.Parameter(torch.ones(2))

    def optimizer(parameters, lr):
        return torch.optim.Adam(parameters, lr=lr, weight_decay=0.5)

    for mode in ("plain", "traced"):
        guide = Wide(model)
        fit(model, guide, optimizer=optimizer, compile=mode)
        assert torch.equal(guide.unused, torch.ones(2))
        assert all(parameter.grad is None for parameter in guide.parameters())


def test_an_optimiser_may_write_to_gradients():
    """Both terms of a sum get one tensor as gradient; the optimiser must not halve it twice."""
    model = model_of(networks.MLP(2, 1, hidden=[]))

    def guide(*args, **kwargs):
        for name, prior in model.latents.items():
            one = pyro.param(f"{name}.one", torch.zeros(prior.shape()))
            other = pyro.param(f"{name}.other", torch.zeros(prior.shape()))
            pyro.sample(name, dist.Delta(one + other, event_dim=prior.event_dim))

    class Halving(torch.optim.SGD):
        def step(self, closure=None):
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter.grad.mul_(0.5)
            return super().step(closure)

    def losses(optimizer, lr, mode):
        options = {"num_steps": 3, "lr": lr, "compile": mode}
        return fit(model, guide, optimizer=optimizer, **options).info.losses

    for mode in ("plain", "traced"):
        halved = losses(Halving, 0.1, mode)
        slower = losses(torch.optim.SGD, 0.05, mode)
        assert torch.equal(halved, slower)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("flat", "channels_last"),
    [(lambda h: h.flatten(1), True), (lambda h: h.view(len(h), -1), False)],
)
def test_images_are_channels_last_if_the_network_takes_them(
    flat, channels_last, channels
):
    seen = set()

    class Images(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution = nn.Conv2d(channels, 2, 3)
            self.linear = nn.Linear(8, 1)

        def forward(self, x):
            if self.training:
                seen.add(x.stride()[1] == 1)
            return self.linear(flat(self.convolution(x)))

    model = model_of(Images())
    data = (torch.randn(4, channels, 4, 4), torch.randn(4, 1))
    guide = guides.LocalReparam(model)
    engine = inference.SVI(model, guide, num_steps=3, progress=False)
    posterior = engine.fit(data)
    assert seen == {channels_last}
    assert torch.isfinite(posterior.info.losses).all()


def test_a_warning_points_to_the_statement_that_fits():
    class Reading(networks.MLP):
        def forward(self, x):
            return super().forward(x) * (1.0 if x.sum().item() > 1e9 else 2.0)

    model = model_of(Reading(2, 1, hidden=[3]))
    with pytest.warns(
        UserWarning, match="`return super.*item.*which a graph cannot do"
    ) as caught:
        posterior = fit(model)
    assert (caught[0].filename, len(caught)) == (__file__, 1)
    assert posterior.info.compiled == "plain"
    assert posterior.info.losses[-1].isfinite()


def test_a_factor_that_python_changes_is_noticed():
    class Warming(guides.MeanField):
        steps = 0

        def forward(self, *args, **kwargs):
            self.steps += 1
            with pyro.poutine.scale(scale=1.0 / self.steps):
                return super().forward(*args, **kwargs)

    model = model_of()
    with pytest.warns(UserWarning, match="changes the attribute 'steps' of Warming"):
        assert fit(model, Warming(model)).info.compiled == "plain"


def test_a_point_prior_that_validates_values_can_be_traced():
    network = networks.MLP(2, 1, hidden=[3])
    before = zoo.BayesianNetwork(
        network, priors.WeightPrior(priors.fan_in()), likelihoods.Gaussian(0.1)
    ).latents
    nodes = priors.NodePrior(
        dist.Normal(1.0, 0.3), weights=lambda name, _: priors.Point(before[name])
    )
    model = zoo.BayesianNetwork(network, nodes, likelihoods.Gaussian(0.1))
    engine = inference.SVI(
        model, guides.MeanField(model), num_steps=40, compile="traced", progress=False
    )
    assert engine.fit((torch.randn(5, 2), torch.randn(5, 1))).info.compiled == "traced"
