"""A resumed run has the same bits as an uninterrupted one; the file of another run is refused."""

import dataclasses

import cases
import pyro
import pyro.distributions as dist
import pytest
import torch
from safetensors.torch import save_file

import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.inference.mcmc.running.run import ChainRun

X, Y = torch.randn(6, 2), torch.randn(6, 1)
WARMUP, DRAWS, BLOCK = 24, 10, 4


def build(scale=1.0, hidden=3, noise=1.0):
    torch.manual_seed(0)
    prior = priors.WeightPrior(dist.Normal(0.0, scale))
    return zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[hidden]),
        prior,
        likelihoods.Gaussian(dist.HalfNormal(noise)),
    )


def line(x, y):
    """A small model, so that many runs are fast."""
    slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
    scale = pyro.sample("scale", dist.HalfNormal(1.0))
    pyro.sample("y", dist.Normal(slope * x[:, :1], scale).to_event(2), obs=y)


def sampler(name="HMC", model=None, **options):
    usual = {"warmup_steps": WARMUP, "num_samples": DRAWS, "compile": "traced"}
    return dataclasses.replace(
        cases.ENGINES[name](model or build()), **{**usual, **options}
    )


def write_often(patch):
    """Write after every block."""
    patch.setattr("zoo.inference.mcmc.running.blocks.BLOCK", BLOCK)
    patch.setattr("zoo.inference.mcmc.running.checkpoint.SHARE", torch.inf)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    write_often(monkeypatch)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


def fit(engine, seed):
    pyro.set_rng_seed(seed)
    return engine.fit((X, Y))


def fail_after(monkeypatch, blocks):
    """Let a run fail in its n-th block, after the first draw of the block."""
    original, left = ChainRun.advance, [blocks]

    def advance(self, stop):
        if left[0] == 0:
            self.kernel.draw(1, lambda *_: None, adapting=self.done < WARMUP)
            raise SystemExit("the power failed")
        left[0] -= 1
        original(self, stop)

    monkeypatch.setattr(ChainRun, "advance", advance)


def assert_equal_runs(one, other):
    for name, value in one.draws.items():
        assert torch.equal(value, other.draws[name]), name
    for name in ("acceptance_rate", "diverging", "n_steps", "lp", "step_size"):
        assert torch.equal(getattr(one.info, name), getattr(other.info, name)), name
    for name in ("num_gradients", "divergences", "thinning", "compiled"):
        assert getattr(one.info, name) == getattr(other.info, name), name


@pytest.mark.parametrize("name", cases.first(cases.SAMPLERS, cases.KINDS))
def test_a_resumed_run_equals_an_uninterrupted_one(name, path, monkeypatch):
    """The run fails in the first window of warm-up, in the second, and in sampling."""
    whole = fit(sampler(name, line), seed=1)
    for number, blocks in enumerate((1, 2, 5)):
        with monkeypatch.context() as patch:
            fail_after(patch, blocks)
            with pytest.raises(SystemExit, match="the power failed"):
                fit(sampler(name, line, checkpoint=path), seed=99 if number else 1)
    resumed = fit(sampler(name, line, checkpoint=path), seed=99)
    assert_equal_runs(resumed, whole)
    assert resumed.num_samples == cases.num_chains(name) * DRAWS
    assert 0 < resumed.info.seconds_warmup < resumed.info.seconds


@pytest.mark.parametrize("name", cases.first(cases.SAMPLERS, cases.KINDS))
def test_a_finished_run_continues_if_num_samples_is_larger(name, path):
    options = {"warmup_steps": 3, "checkpoint": path}
    whole = fit(sampler(name, line, num_samples=3 * BLOCK, warmup_steps=3), seed=1)
    fit(sampler(name, line, num_samples=BLOCK, **options), seed=1)
    assert_equal_runs(
        fit(sampler(name, line, num_samples=3 * BLOCK, **options), seed=99), whole
    )
    before = path.read_bytes()
    fewer = fit(sampler(name, line, num_samples=2 * BLOCK, **options), seed=98)
    for site, value in whole.draws.items():
        assert torch.equal(fewer.draws[site], value[:, : 2 * BLOCK])
    assert torch.equal(fewer.info.lp, whole.info.lp[:, : 2 * BLOCK])
    assert path.read_bytes() == before  # the file keeps all


@pytest.mark.parametrize(
    "options",
    [
        {"thinning": 3},
        pytest.param({"max_draws": 4}, marks=pytest.mark.full),
        {"functions_at": X[:2]},
        pytest.param({"dtype": torch.float64}, marks=pytest.mark.full),
        {"mass_rank": 2, "metric": "variance"},
        pytest.param({"compile": "traced"}, marks=pytest.mark.full),
    ],
    ids=lambda options: next(iter(options)),
)
def test_stored_draws_and_settings_are_resumed_too(options, path, monkeypatch):
    whole = fit(sampler(**options), seed=2)
    with monkeypatch.context() as patch:
        fail_after(patch, 9)
        with pytest.raises(SystemExit):
            fit(sampler(checkpoint=path, **options), seed=2)
    resumed = fit(sampler(checkpoint=path, **options), seed=99)
    assert_equal_runs(resumed, whole)
    if "functions_at" in options:
        assert torch.equal(whole.functions[1], resumed.functions[1])


def test_the_mode_of_a_graph_is_resumed(path):
    """The last bits depend on the mode, and the fastest mode is measured in each run."""
    fit(
        sampler("HMC", line, num_samples=BLOCK, compile="traced", checkpoint=path),
        seed=1,
    )
    resumed = fit(sampler("HMC", line, compile="auto", checkpoint=path), seed=1)
    assert resumed.info.compiled == "traced"
    assert_equal_runs(resumed, fit(sampler("HMC", line, compile="traced"), seed=1))


def test_a_run_interrupted_by_ctrl_c_can_be_resumed(path, monkeypatch):
    whole = fit(sampler(), seed=1)
    original, left = inference.mcmc.hmc.FixedLength.paths, [WARMUP + BLOCK + 2]

    def paths(self, lengths):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return original(self, lengths)

    with monkeypatch.context() as patch:
        patch.setattr(inference.mcmc.hmc.FixedLength, "paths", paths)
        stopped = fit(sampler(checkpoint=path), seed=1)
    assert stopped.num_samples == 2 * (BLOCK + 1)
    assert_equal_runs(fit(sampler(checkpoint=path), seed=99), whole)


def test_writing_takes_a_small_share_of_the_time(path, monkeypatch):
    monkeypatch.setattr("zoo.inference.mcmc.running.checkpoint.SHARE", 1e-9)
    times = []
    monkeypatch.setattr(
        "zoo.posterior.storage.save_file",
        lambda *a, **k: times.append(save_file(*a, **k)),
    )
    engine = sampler("HMC", line, num_samples=10 * BLOCK, checkpoint=path)
    fit(engine, seed=1)
    assert len(times) == 2  # the first, and always the last
    assert fit(engine, seed=99).num_samples == 20 * BLOCK


# Files that cannot be used


@pytest.fixture(scope="module")
def bytes_of_a_run(tmp_path_factory):
    path = tmp_path_factory.mktemp("written") / "run.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        write_often(patch)
        fit(sampler(num_samples=BLOCK, checkpoint=path), seed=1)

    return path.read_bytes()


@pytest.fixture
def written(bytes_of_a_run, path):
    path.write_bytes(bytes_of_a_run)
    return path


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(written, share):
    whole = written.read_bytes()
    written.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(
        ValueError,
        match=r"run.safetensors is damaged or not a safetensors file .* delete it",
    ):
        fit(sampler(checkpoint=written), seed=1)


def test_a_foreign_file_is_refused(path, tmp_path):
    save_file({"layer1.weight": torch.zeros(2)}, str(path))
    with pytest.raises(
        ValueError,
        match="is a safetensors file, but not a checkpoint of a sampler; give another path",
    ):
        fit(sampler(checkpoint=path), seed=1)
    fit(sampler(num_samples=2), seed=1).save(path)
    with pytest.raises(ValueError, match="not a checkpoint of a sampler"):
        fit(sampler(checkpoint=path), seed=1)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"warmup_steps": 30},
            r"differ in warmup_steps \(then 24, now 30\); delete it, or give another path",
        ),
        ({"num_chains": 1}, r"num_chains \(then 2, now 1\)"),
        ({"thinning": 2}, r"thinning \(then 1, now 2\)"),
        ({"temperature": 0.5}, r"temperature \(then 1.0, now 0.5\)"),
        ({"num_steps": 9}, r"num_steps \(then 2, now 9\)"),
        ({"functions_at": X}, r"functions_at \(then None, now "),
        ({"init": "network"}, r"init \(then 'map', now 'network'\)"),
        (
            {"likelihood_temperature": 2.0},
            r"likelihood_temperature \(then 1.0, now 2.0",
        ),
        (
            {"model": build(hidden=4)},
            r"network layer1 \(then .*out_features=3\), now .*out_features=4\)",
        ),
        (
            {"model": build(scale=2.0)},
            r"prior of layer1.weight \(then Normal\(0, 1\), now Normal\(0, 2\)\)",
        ),
        (
            {"model": build(noise=2.0)},
            r"then .*HalfNormal\(1\).*, now .*HalfNormal\(2\)",
        ),
        (
            {"model": build().double()},
            r"parameter .* \(then .*float32, now .*float64\)",
        ),
    ],
    ids=lambda value: str(value)[:20],
)
def test_the_file_of_another_run_is_refused(written, change, sentence):
    with pytest.raises(ValueError, match=sentence):
        fit(sampler(checkpoint=written, **change), seed=1)


def test_the_file_of_other_data_or_another_sampler_is_refused(written):
    with pytest.raises(ValueError, match=r"differ in targets \(then .*, now .*\)"):
        sampler(checkpoint=written).fit((X, Y + 1))
    with pytest.raises(
        ValueError, match=r"sampler \(then HMC, now NUTS\), .*max_tree_depth "
    ):
        sampler("NUTS", checkpoint=written).fit((X, Y))


def test_a_program_that_reads_a_file_is_refused_by_its_density(path):
    """Its text is the same, because it reads its noise from a file."""

    def program(x, y):
        slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
        noise = float(settings.read_text())
        pyro.sample("y", dist.Normal(slope * x[:, :1], noise).to_event(2), obs=y)

    settings = path.with_name("noise.txt")
    settings.write_text("1.0")
    fit(sampler(model=program, num_samples=BLOCK, checkpoint=path), seed=1)
    settings.write_text("3.0")
    with pytest.raises(
        ValueError,
        match=r"is of another model: the log joint density at its positions was -.*, but is -",
    ):
        fit(sampler(model=program, checkpoint=path), seed=1)


def test_the_file_of_another_version_is_refused(written, monkeypatch):
    monkeypatch.setattr("zoo.inference.mcmc.running.checkpoint.FORMAT", "5")
    sentence = r"differ in format \(then 4, now 5\); delete it, or give another path"
    with pytest.raises(ValueError, match=sentence):
        fit(sampler(checkpoint=written), seed=1)


def test_a_missing_folder_is_named_before_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(inference.HMC, "kernel", None)
    with pytest.raises(
        FileNotFoundError,
        match=r"there is no folder .*nowhere for the checkpoint run; create",
    ):
        fit(sampler(checkpoint=tmp_path / "nowhere" / "run"), seed=1)
