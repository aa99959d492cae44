"""The statistics of a run print as a few lines, not as all of their values."""

import re

import pytest
import torch

from zoo.posterior.info import LaplaceInfo, MCMCInfo, SVIInfo

LOSSES = torch.linspace(3.0, 0.5, 2000)
ENDED = {
    "seconds": 2.0,
    "stopped": "interrupted after 3 of 10 steps",
    "temperature": 0.5,
    "likelihood_temperature": 2.0,
}


def svi(**changes):
    known = {"losses": LOSSES, "bound": True, "num_steps": 2000, "num_parameters": 1234}
    return SVIInfo(**{**known, "seconds": 2.0, **changes})


def mcmc(**changes):
    draws = torch.linspace(0.6, 0.8, 4000).reshape(4, 1000)
    diverging = torch.zeros(4, 1000).bool()
    diverging[0, :3] = True
    return MCMCInfo(
        acceptance_rate=draws,
        diverging=diverging,
        n_steps=draws,
        lp=draws,
        step_size=torch.tensor([0.1, 0.2, 0.3, 0.4]),
        num_gradients=50_000,
        seconds_warmup=1.0,
        compiled="traced",
        energy=draws,
        **{"seconds": 2.0, **changes},
    )


def laplace(**changes):
    return LaplaceInfo(
        losses=LOSSES,
        log_marginal_likelihood=-12.5,
        prior_precision=torch.ones(5000),
        structure="kron",
        layers="all",
        num_parameters=5000,
        num_steps=2000,
        **{"seconds": 2.0, **changes},
    )


@pytest.mark.parametrize("make", [svi, mcmc, laplace])
def test_the_text_of_the_statistics_has_at_most_ten_lines(make):
    for info in (make(), make(**ENDED)):
        lines = repr(info).splitlines()
        assert lines[0] == type(info).__name__
        assert len(lines) <= 10
        assert max(map(len, lines)) <= 99
        for line in lines[1:]:
            assert hasattr(info, line.split()[0]), line


@pytest.mark.parametrize("make", [svi, mcmc, laplace])
def test_the_text_says_why_a_run_ended_and_at_which_temperature(make):
    text = repr(make(**ENDED))
    assert "interrupted after 3 of 10 steps" in text
    assert re.search("likelihood_temperature +2", text)
    assert "temperature" not in repr(make())
    assert "stopped" not in repr(make())


def test_tensors_are_summarised():
    assert "3 -> 0.5 nats per datum in 2,000 steps" in repr(svi())
    assert "3 -> 0.5 nats per datum in 2,000 steps" in repr(laplace())
    assert "mean 0.7, from 0.6 to 0.8, shape (4, 1000)" in repr(mcmc())
    assert "3 of 4000 draws" in repr(mcmc())
    assert "1.5 after 2 checks" in repr(svi(held_out=[2.0, 1.5]))


def test_a_run_without_a_step_has_a_text():
    assert "none, no step was taken" in repr(svi(losses=torch.zeros(0)))


@pytest.mark.parametrize("make", [svi, mcmc, laplace])
def test_a_notebook_shows_a_table(make):
    info = make(stopped="<early>")
    html = info._repr_html_()
    assert html.count("<tr>") == len(repr(info).splitlines()) - 1
    assert "&lt;early&gt;" in html
