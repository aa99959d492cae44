"""What a card says of a fit: a bound or none in words, and its cost without seconds."""

from types import SimpleNamespace

import pytest
import torch

from zoo.hub.evidence import evidence
from zoo.posterior.info import LaplaceInfo, SVIInfo


def fitted(**changed):
    known = {"losses": torch.ones(4690), "num_steps": 4690, "num_parameters": 10}
    info = SVIInfo(**{**known, "bound": True, "seconds": 610.0, **changed})
    return SimpleNamespace(info=info, guide="a guide")


@pytest.mark.parametrize(
    ("flag", "word"), [(False, "no bound"), (True, "loss is one"), (None, "known")]
)
def test_a_flag_is_told_in_words(flag, word):
    told = evidence(fitted(bound=flag), None)["bound"]
    assert word in told
    assert str(flag) not in told


def test_a_bound_that_was_estimated_stays_a_number():
    posterior = fitted(bound_nats=0.5, bound_error=0.01)
    assert evidence(posterior, None)["bound"] == "0.5 ± 0.01 nats per datum"


@pytest.mark.parametrize(
    ("minutes", "told"),
    [
        (None, "about 10 minutes"),  # those of the clock
        (2.6, "about 3 minutes of one core"),
        (1.2, "about a minute of one core"),
        (0.2, "less than a minute of one core"),
    ],
)
def test_the_cost_is_in_steps_and_minutes(minutes, told):
    found = evidence(fitted(), None, batch_size=128, minutes=minutes)
    assert found["cost"] == f"4,690 steps of 128 data, {told}"
    assert "seconds" not in found


def test_steps_of_all_data_have_no_batch():
    found = evidence(fitted(), None, minutes=2.0)
    assert found["cost"] == "4,690 steps, about 2 minutes of one core"


def test_other_engines_have_a_cost_too():
    info = LaplaceInfo(
        losses=torch.ones(3),
        log_marginal_likelihood=-1.0,
        prior_precision=torch.ones(1),
        structure="diag",
        layers="all",
        num_parameters=10,
        num_steps=3,
        seconds=5.0,
    )
    found = evidence(SimpleNamespace(info=info, guide=None), None)
    assert found["cost"] == "3 steps, less than a minute"
    assert "bound" not in found


def test_nothing_is_known_of_a_posterior_without_information():
    assert evidence(SimpleNamespace(info=None, guide=None), None) == {}
