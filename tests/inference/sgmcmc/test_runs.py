"""What the engines share with samplers: files of runs, early ends, chains in one call."""

import cases
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, off, one_thread  # noqa: F401
from torch.utils.data import DataLoader, TensorDataset

import zoo
from tests.inference.sgmcmc.linear_chains import LINEAR, build, fit
from zoo import inference
from zoo.inference.mcmc.running.run import ChainRun
from zoo.inference.sgmcmc.kernel import EpochKernel

KINDS = [inference.SGLD, inference.SGHMC, inference.SGNHT]
EACH = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def assert_equal_runs(one, other):
    for name, value in one.draws.items():
        assert torch.equal(value, other.draws[name]), name
    for name in ("lp", "step_size", "configurational_temperature"):
        assert torch.equal(getattr(one.info, name), getattr(other.info, name)), name
    assert one.info.num_gradients == other.info.num_gradients


def fail_after(monkeypatch, epochs):
    """Let a run fail in the middle of its n-th epoch."""
    original, left = ChainRun.advance, [epochs]

    def advance(self, stop):
        if left[0] == 0:
            self.kernel.draw(1, lambda *_: None)
            raise SystemExit("the power failed")
        left[0] -= 1
        original(self, stop)

    monkeypatch.setattr(ChainRun, "advance", advance)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (inference.SGLD, {"thinning": 2}),
        (inference.SGHMC, {"cycles": 2, "draws_per_epoch": 2}),
        (inference.SGHMC, {"preconditioner": True, "noise_estimate": True}),
        (inference.SGNHT, {}),
    ],
)
def test_a_resumed_run_equals_an_uninterrupted_one(
    kind, options, tmp_path, monkeypatch
):
    monkeypatch.setattr("zoo.inference.mcmc.running.checkpoint.SHARE", torch.inf)
    settings = {"num_chains": 2, "num_epochs": 12} | options
    whole = fit(kind, 8, **settings)
    path = tmp_path / "a.run"
    for number, epochs in enumerate((2, 6)):
        with monkeypatch.context() as patch:
            fail_after(patch, epochs)
            with pytest.raises(SystemExit):
                fit(kind, 8, seed=7 * number, checkpoint=path, **settings)
    resumed = fit(kind, 8, seed=99, checkpoint=path, **settings)
    assert_equal_runs(resumed, whole)

    with pytest.raises(ValueError, match="lr"):
        fit(kind, 8, checkpoint=path, **settings | {"lr": 0.01})


@pytest.mark.parametrize("options", [{}, {"cycles": 2}, {"preconditioner": True}])
def test_draws_within_an_epoch_are_of_the_same_run(options):
    settings = {"num_chains": 2, "num_epochs": 8} | options
    last = fit(inference.SGHMC, 8, **settings)
    each = fit(inference.SGHMC, 8, draws_per_epoch=3, **settings)
    two = fit(inference.SGHMC, 8, draws_per_epoch=2, **settings)
    assert each.info.n_steps.unique().tolist() == [1]
    assert two.info.n_steps[0].tolist() == [1, 2] * last.info.lp.shape[1]
    for name, value in last.draws.items():
        assert torch.equal(value, each.draws[name][:, 2::3])
        assert torch.equal(value, two.draws[name][:, 1::2])
        assert torch.equal(each.draws[name][:, ::3], two.draws[name][:, ::2])

    means = each.info.lp.unflatten(1, (-1, 3)).mean(-1)
    assert torch.allclose(means, last.info.lp)
    with pytest.raises(ValueError, match=r"draws_per_epoch=4 is more than the 3 steps"):
        fit(inference.SGHMC, 8, draws_per_epoch=4, **settings)


@EACH
def test_chains_together_are_chains_alone(kind, monkeypatch):
    """With equal noise and batches, each of three chains is what it is on its own."""
    noise = torch.randn(40, 3, 3)
    rows, count = [slice(None)], [0]

    def same(self):
        self.copy_(noise[count[0], rows[0]]) if self.shape[-1] == 3 else None
        count[0] += 1
        return self

    monkeypatch.setattr(torch.Tensor, "normal_", same)
    settings = {"num_epochs": 5, "burn_in": 0, "num_chains": 3, "lr": 0.05}
    together = fit(kind, 10, **settings)
    for chain in range(3):
        rows[0], count[0] = slice(chain, chain + 1), 0
        alone = fit(kind, 10, **settings | {"num_chains": 1})
        for name, value in alone.draws.items():
            assert torch.allclose(value[0], together.draws[name][chain], atol=1e-5)


@EACH
def test_ctrl_c_keeps_the_draws_so_far(kind, monkeypatch):
    whole = fit(kind, 8, num_epochs=10, burn_in=2, num_chains=2)
    original, count = EpochKernel._step, [0]

    def step(self, *args):
        count[0] += 1
        if count[0] == 20:  # in the seventh epoch of three batches
            raise KeyboardInterrupt
        original(self, *args)

    monkeypatch.setattr(EpochKernel, "_step", step)
    early = fit(kind, 8, num_epochs=10, burn_in=2, num_chains=2)
    assert early.info.stopped == "interrupted after 6 of 10 steps"
    for name, value in early.draws.items():
        assert torch.equal(value, whole.draws[name][:, :4]), name


@EACH
def test_a_step_that_is_too_large_says_so(kind):
    with pytest.raises(ValueError, match=r"not finite in epoch .* write a smaller lr"):
        fit(kind, lr=1e6, num_epochs=100, burn_in=90)


@EACH
@pytest.mark.parametrize("compile", ["plain", "traced"])
def test_programs_give_the_same_draws(kind, compile):
    one = fit(kind, 8, num_epochs=4, num_chains=2, compile=compile)
    other = fit(kind, 8, num_epochs=4, num_chains=2, compile="plain")
    assert one.info.compiled == compile
    assert_equal_runs(one, other)


@EACH
def test_a_loader_gives_its_batches(kind):
    loader = DataLoader(TensorDataset(*LINEAR.train), batch_size=5, shuffle=True)
    pyro.set_rng_seed(0)
    posterior = kind(build(), num_epochs=4, progress=False).fit(loader)
    assert posterior.info.n_steps.unique().tolist() == [4]
    assert posterior.info.batch_size == 5


@EACH
def test_posterior_is_saved_with_its_temperatures(kind, tmp_path):
    posterior = fit(kind, 8, num_epochs=10, num_chains=2)
    posterior.save(tmp_path / "a")
    again = zoo.load(tmp_path / "a", build())
    assert again.info.temperatures() == posterior.info.temperatures()
    assert "configurational_temperature" in repr(again.info)
    assert "learning rate" in again.info._repr_html_()


@EACH
@pytest.mark.filterwarnings("ignore:.*(ESS|R-hat)")
def test_a_pyro_model_takes_one_step_an_epoch_in_unconstrained_space(kind):
    """A rate with a gamma prior and Poisson counts, whose posterior is Gamma(9, 4)."""

    def model(counts):
        rate = pyro.sample("rate", dist.Gamma(2.0, 1.0))
        pyro.sample("y", dist.Poisson(rate).expand([3]).to_event(1), obs=counts)

    pyro.set_rng_seed(0)
    settings = {"num_chains": 128, "lr": 0.03, "compile": False, "progress": False}
    counts = torch.tensor([1.0, 2.0, 4.0])
    engine = kind(model, init="prior", num_epochs=150, burn_in=60, **settings)
    of_chains = engine.fit((counts,)).draws["rate"].double()
    for moment, expected in ((of_chains, 9 / 4), (of_chains.square(), 90 / 16)):
        assert off(moment.mean(1), expected) < LIMIT

    with pytest.raises(TypeError, match=r"batch_size is of a zoo\.BayesianNetwork"):
        kind(model, progress=False).fit((counts,), batch_size=2)


def test_point_estimates_are_refused():
    model = cases.model("MLP", "by_name+Point", "Gaussian")
    with pytest.raises(ValueError, match="a sampler does not optimise point estimates"):
        inference.SGLD(model, progress=False).fit(cases.data("MLP", "Gaussian"))
