"""A run in a folder: equal bits after a kill, draws read lazily, a time limit, progress."""

import dataclasses
import json
import shutil

import cases
import pyro
import pyro.distributions as dist
import pytest
import torch

import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.inference.mcmc.running.run import ChainRun
from zoo.posterior.damaged_file import DamagedFile
from zoo.posterior.shards import shard_files

X, Y = torch.randn(6, 2), torch.randn(6, 1)
WARMUP, DRAWS, BLOCK = 8, 18, 4


def build(scale=1.0):
    torch.manual_seed(0)
    network = networks.MLP(2, 1, hidden=[2])
    prior = priors.WeightPrior(dist.Normal(0.0, scale))
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.5))


def sampler(name="HMC", **options):
    usual = {"warmup_steps": WARMUP, "num_samples": DRAWS, "compile": "traced"}
    return dataclasses.replace(cases.ENGINES[name](build()), **{**usual, **options})


def fit(engine, seed=1):
    pyro.set_rng_seed(seed)
    return engine.fit((X, Y))


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Write after every block, and begin a shard after a few draws."""
    running = "zoo.inference.mcmc.running"
    monkeypatch.setattr(f"{running}.blocks.BLOCK", BLOCK)
    monkeypatch.setattr(f"{running}.checkpoint.SHARE", torch.inf)
    monkeypatch.setattr(f"{running}.sharded_store.SHARD", 400)
    monkeypatch.setattr(f"{running}.results.warn_of_faults", lambda *run: None)


@pytest.fixture(scope="module")
def whole():
    return {}


def uninterrupted(kept, name, **options):
    """Return a run of one file, which is made once for each sampler."""
    key = (name, *options.items())
    if key not in kept:
        kept[key] = fit(sampler(name, **options))
    return kept[key]


@pytest.fixture
def folder(whole, tmp_path, tmp_path_factory):
    """A copy of the folder of a complete run, which is made once."""
    if "folder" not in whole:
        whole["folder"] = tmp_path_factory.mktemp("made") / "run"
        fit(sampler(checkpoint=whole["folder"]))

    return shutil.copytree(whole["folder"], tmp_path / "complete")


def fail_in(monkeypatch, blocks, after=lambda run: None):
    """Let a run be killed in its n-th block, after the first draw of the block."""
    original, left = ChainRun.advance, [blocks]

    def advance(self, stop):
        if left[0] == 0:
            self.kernel.draw(1, lambda *_: None, adapting=self.done < WARMUP)
            after(self)
            raise SystemExit("the power failed")
        left[0] -= 1
        original(self, stop)

    monkeypatch.setattr(ChainRun, "advance", advance)


def assert_equal_runs(one, other):
    for name, value in other.draws.items():
        assert torch.equal(one.draws[name], value), name
    for name in ("acceptance_rate", "diverging", "n_steps", "lp", "step_size"):
        assert torch.equal(getattr(one.info, name), getattr(other.info, name)), name
    assert one.info.num_gradients == other.info.num_gradients


@pytest.mark.parametrize("name", ["HMC", "NUTS", "MCLMC"])
def test_a_killed_run_equals_an_uninterrupted_one(name, whole, tmp_path, monkeypatch):
    """It fails in warm-up, in sampling, and between a shard and the state."""
    folder = tmp_path / "run"
    kills = [(1, lambda run: None), (2, lambda run: None), (3, lambda run: torn(run))]

    def torn(run):
        run.store.add(run.kernel.draw(3, lambda *_: None))
        assert run.store.flush()

    for blocks, after in kills:
        with monkeypatch.context() as patch:
            fail_in(patch, blocks, after)
            with pytest.raises(SystemExit, match="the power failed"):
                fit(sampler(name, checkpoint=folder), seed=1 if blocks == 1 else 99)

    resumed = fit(sampler(name, checkpoint=folder), seed=99)
    assert_equal_runs(resumed, uninterrupted(whole, name))
    assert len(shard_files(folder)) > 1


def test_draws_are_read_shard_by_shard(folder, whole, tmp_path):
    expected = uninterrupted(whole, "HMC")
    posterior = zoo.load(folder, build())

    assert posterior.num_samples == expected.num_samples
    assert posterior.num_chains == expected.num_chains
    assert f"draws in {folder}" in repr(posterior)
    for number in (None, 7):
        few, same = posterior.sample(number), expected.sample(number)
        for name, value in same.items():
            assert torch.equal(few[name], value), name

    x = torch.randn(5, 2)
    outputs = posterior.predict(x, 9).outputs
    torch.testing.assert_close(outputs, expected.predict(x, 9).outputs)
    for name, value in expected.means().items():
        torch.testing.assert_close(posterior.means()[name], value)
    with pytest.raises(ValueError, match="num_samples must be 1 to"):
        posterior.sample(posterior.num_samples + 1)

    file = tmp_path / "all.safetensors"
    posterior.save(file)
    assert_equal_runs(zoo.load(file, build()), expected)


def test_predictions_hold_the_noise_of_their_draws(tmp_path):
    model = build()
    likelihood = likelihoods.Gaussian(dist.HalfNormal(1.0))
    model = zoo.BayesianNetwork(model.network, model.prior, likelihood)
    engine = dataclasses.replace(sampler(), model=model)
    expected = fit(engine)
    again = fit(dataclasses.replace(engine, checkpoint=tmp_path / "run"))
    y = torch.randn(6, 1)
    log_prob = again.predict(X).log_prob(y)
    torch.testing.assert_close(log_prob, expected.predict(X).log_prob(y))


def test_a_run_is_read_while_it_goes_on(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    seen = []

    def look(run):
        seen.append(zoo.load(folder, build()))
        seen.append(json.loads((folder / "progress.json").read_text()))

    monkeypatch.setattr("zoo.inference.mcmc.running.shown.EVERY", 0.0)
    fail_in(monkeypatch, 2 + 3, look)
    with pytest.raises(SystemExit):
        fit(sampler(checkpoint=folder))

    posterior, progress = seen
    assert posterior.info.lp.shape == (posterior.num_chains, 3 * BLOCK)
    assert posterior.info.seconds > 0
    assert progress["draws"] == WARMUP + 3 * BLOCK
    assert progress["of"] == WARMUP + DRAWS
    assert 0 < progress["acceptance"] <= 1
    expected = posterior.info.acceptance_rate.double().mean()
    assert progress["acceptance"] == pytest.approx(float(expected), abs=1e-4)
    lp = posterior.info.lp.double()
    ratio = lp.mean(1).var() / lp.var(1).mean()
    rhat = float(((3 * BLOCK - 1) / (3 * BLOCK) + ratio).sqrt())
    assert progress["rhat of log density"] == pytest.approx(rhat, abs=1e-4)


def test_the_first_draws_of_a_longer_run(folder, whole):
    fewer = fit(sampler(checkpoint=folder, num_samples=9), seed=99)
    expected = uninterrupted(whole, "HMC", num_samples=9)
    for name, value in expected.draws.items():
        assert torch.equal(fewer.draws[name], value), name
    assert torch.equal(fewer.info.lp, expected.info.lp)
    torch.testing.assert_close(fewer.info.bfmi, expected.info.bfmi)
    longer = fit(sampler(checkpoint=folder, num_samples=DRAWS + 9), seed=99)
    assert_equal_runs(longer, uninterrupted(whole, "HMC", num_samples=DRAWS + 9))


def test_memory_holds_one_shard(folder, monkeypatch):
    sizes = []
    original = ChainRun.advance

    def advance(self, stop):
        original(self, stop)
        parts = self.store._parts
        sizes.append(sum(value.nbytes for part in parts for value in part.values()))

    monkeypatch.setattr(ChainRun, "advance", advance)
    fit(sampler(checkpoint=folder, num_samples=2 * DRAWS))
    in_all = sum(path.stat().st_size for path in shard_files(folder).values())
    assert max(sizes) < 400 + 1000 < in_all / 3


@pytest.mark.parametrize(("name", "limit"), [("HMC", 20.0), ("NUTS", 60.0)])
def test_a_time_limit_ends_a_run_that_goes_on_later(
    name, limit, whole, tmp_path, monkeypatch
):
    """Time is played: every look at the clock takes a second."""
    folder = tmp_path / "run"
    now = [0.0]

    def clock(self):
        now[0] += 1.0
        return now[0]

    with monkeypatch.context() as patch:
        patch.setattr("zoo.inference.time_limit.TimeLimit.seconds", property(clock))
        short = fit(sampler(name, checkpoint=folder, time_limit=limit))

    assert short.info.stopped.startswith(f"ended by its time limit of {limit:g} s")
    assert short.info.error is None
    assert 0 < short.num_samples < DRAWS * short.num_chains
    resumed = fit(sampler(name, checkpoint=folder), seed=99)
    assert_equal_runs(resumed, uninterrupted(whole, name))
    assert resumed.info.stopped == ""


def test_time_that_is_up_in_warm_up_leaves_no_draw_in_the_folder(whole, tmp_path):
    folder = tmp_path / "run"
    with pytest.warns(UserWarning, match="in warm-up"):
        short = fit(sampler(checkpoint=folder, time_limit=1e-9))
    assert short.num_samples == short.num_chains
    with pytest.raises(ValueError, match="has no draws yet"):
        zoo.load(folder, build())
    resumed = fit(sampler(checkpoint=folder), seed=99)
    assert_equal_runs(resumed, uninterrupted(whole, "HMC"))


def test_a_lost_shard_is_told(folder):
    posterior = zoo.load(folder, build())
    second = list(shard_files(folder).values())[1]
    kept = second.read_bytes()
    second.unlink()
    with pytest.raises(DamagedFile, match="the next shard begins after"):
        zoo.load(folder, build())

    second.write_bytes(kept)
    first, *_, last = shard_files(folder).values()
    last.unlink()
    with pytest.raises(DamagedFile, match="end after draw"):
        fit(sampler(checkpoint=folder, num_samples=DRAWS + 9))
    first.write_bytes(first.read_bytes()[:-9])
    with pytest.raises(DamagedFile, match="is damaged"):
        posterior.sample()


def test_draws_without_their_state_are_not_removed(folder):
    (folder / "state.safetensors").unlink()
    with pytest.raises(ValueError, match="the state of their run"):
        fit(sampler(checkpoint=folder))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"max_draws": 4}, "without max_draws"),
        ({"functions_at": X}, "without functions_at"),
        ({"time_limit": 0}, "time_limit must be a number of seconds"),
        ({"time_limit": "1h"}, "time_limit must be a number of seconds"),
    ],
)
def test_what_a_folder_does_not_take_is_refused(options, sentence, tmp_path):
    with pytest.raises(ValueError, match=sentence):
        fit(sampler(checkpoint=tmp_path, **options))


def test_what_needs_a_file_has_one_under_a_name_without_ending(tmp_path):
    def program(x, y):
        w = pyro.sample("w", dist.Normal(0.0, 1.0))
        pyro.sample("y", dist.Normal(w * x, 1.0).to_event(x.dim()), obs=y)

    options = {"num_chains": 2, "warmup_steps": 5, "num_samples": 5, "progress": False}
    file = tmp_path / "run"
    engine = inference.HMC(program, compile=False, checkpoint=file, **options)
    first = engine.fit((X, X))
    assert file.is_file()
    assert torch.equal(engine.fit((X, X)).draws["w"], first.draws["w"])

    fit(sampler(checkpoint=tmp_path / "few", max_draws=4))
    assert (tmp_path / "few").is_file()
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match="not of another Pyro program"):
        inference.HMC(program, checkpoint=empty, **options).fit((X, X))


def test_another_run_is_refused(folder):
    other = inference.HMC(build(2.0), num_chains=2, checkpoint=folder)
    with pytest.raises(ValueError, match="is of another run"):
        fit(other)
    with pytest.raises(ValueError, match="another model"):
        zoo.load(
            folder,
            zoo.BayesianNetwork(
                networks.MLP(2, 1, hidden=[3]),
                priors.WeightPrior(dist.Normal(0.0, 1.0)),
                likelihoods.Gaussian(0.5),
            ),
        )
