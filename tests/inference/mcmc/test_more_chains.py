"""More chains than the file of a run has: its chains are kept, and new ones are made."""

from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch

from zoo import inference

torch.manual_seed(0)
X, Y = torch.randn(6, 1), torch.randn(6, 1)
KINDS = {
    "HMC": partial(inference.HMC, num_steps=3),
    "NUTS": inference.NUTS,
    "MCLMC": partial(inference.MCLMC, num_steps=3),
}


def line(x, y):
    slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
    scale = pyro.sample("scale", dist.HalfNormal(1.0))
    pyro.sample("y", dist.Normal(slope * x, scale).to_event(2), obs=y)


def fit(path, kind=inference.NUTS, seed=1, **options):
    usual = {"num_chains": 2, "warmup_steps": 10, "num_samples": 6, "init": "prior"}
    engine = kind(
        line, compile="traced", progress=False, checkpoint=path, **{**usual, **options}
    )
    pyro.set_rng_seed(seed)
    return engine.fit((X, Y))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_chains_of_the_file_are_kept_and_new_ones_are_others(tmp_path, kind):
    path = tmp_path / "run.safetensors"
    first = fit(path, kind)
    file = path.read_bytes()
    more = fit(path, kind, num_chains=4)  # with the same seed
    assert more.num_chains == 4
    assert torch.equal(more.draws["slope"][:2], first.draws["slope"])
    # the wrong answer: the same random numbers again
    for new in more.draws["slope"][2:]:
        assert not any(torch.equal(new, old) for old in first.draws["slope"])
    assert path.read_bytes() == file
    assert more.info.step_size.shape == (4,)

    again = fit(path, kind, num_chains=4, seed=7)
    assert torch.equal(again.draws["slope"], more.draws["slope"])
    assert sorted(part.name for part in tmp_path.glob("*.safetensors")) == [
        "run.chains-3.safetensors",
        "run.safetensors",
    ]


def test_all_chains_get_more_draws_and_a_third_file_more_chains(tmp_path):
    path = tmp_path / "run.safetensors"
    fit(path)
    four = fit(path, num_chains=4)
    longer = fit(path, num_chains=5, num_samples=8)
    assert longer.draws["slope"].shape == (5, 8)
    assert torch.equal(longer.draws["slope"][:4, :6], four.draws["slope"])
    fewer = fit(path, num_chains=5, num_samples=3)
    assert torch.equal(fewer.draws["slope"], longer.draws["slope"][:, :3])


def test_more_chains_with_another_setting_are_refused(tmp_path):
    path = tmp_path / "run.safetensors"
    fit(path)
    with pytest.raises(ValueError, match=r"max_tree_depth \(then 10, now 4\)"):
        fit(path, num_chains=4, max_tree_depth=4)
    with pytest.raises(ValueError, match=r"num_chains \(then 2, now 1\)"):
        fit(path, num_chains=1)
    assert [part.name for part in tmp_path.glob("*.safetensors")] == [path.name]


@pytest.mark.parametrize("seed", [5, 6])
def test_the_callers_random_numbers_are_as_before(tmp_path, seed):
    path = tmp_path / "run.safetensors"
    fit(path)
    for options in ({}, {"num_chains": 4}, {"num_samples": 8}):
        fit(path, seed=seed, **options)
        drawn = torch.rand(3)
        torch.manual_seed(seed)
        assert torch.equal(drawn, torch.rand(3)), options


def test_new_chains_that_were_interrupted_are_left_out_for_now(tmp_path, monkeypatch):
    path = tmp_path / "run.safetensors"
    first = fit(path)
    transition = inference.mcmc.nuts.NoUTurn.draw

    def interrupted(self, num_draws, tick, adapting):
        raise KeyboardInterrupt

    monkeypatch.setattr(inference.mcmc.nuts.NoUTurn, "draw", interrupted)
    with pytest.warns(UserWarning, match="interrupted in warm-up"):
        stopped = fit(path, num_chains=3)
    assert torch.equal(stopped.draws["slope"], first.draws["slope"])
    assert "run.chains-3.safetensors were interrupted" in stopped.info.stopped
    monkeypatch.setattr(inference.mcmc.nuts.NoUTurn, "draw", transition)
    assert fit(path, num_chains=3).num_chains == 3
