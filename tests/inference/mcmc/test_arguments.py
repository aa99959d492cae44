"""Names of arguments from other libraries are answered with the names here."""

import copy
import dataclasses
import inspect
import pickle
import re

import pyro
import pyro.distributions as dist
import pytest

from zoo import inference

SAMPLERS = [
    inference.HMC,
    inference.NUTS,
    inference.ChEES,
    inference.MCLMC,
    inference.MAMS,
]


def model():
    pyro.sample("z", dist.Normal(0.0, 1.0))


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("num_warmup", "write warmup_steps=..."),
        ("warmup", "write warmup_steps=..."),
        ("tune", "write warmup_steps=..."),
        ("burn_in", "write warmup_steps=..."),
        ("draws", "write num_samples=..."),
        ("num_results", "write num_samples=..."),
        ("chains", "write num_chains=..."),
        ("dense_mass", "write full_mass=True"),
        ("target_accept", "write target_accept_prob=..."),
        ("adapt_delta", "write target_accept_prob=..."),
        ("start", "write init=..."),
        ("thin", "write thinning=..."),
        ("random_seed", "call pyro.set_rng_seed(...) before fit"),
        ("progressbar", "write progress=..."),
    ],
)
def test_a_name_of_another_library_is_answered_with_the_name_here(
    sampler, name, remedy
):
    sentence = f"{sampler.__name__} has no argument '{name}'; {remedy}"
    with pytest.raises(TypeError, match=f"^{re.escape(sentence)}$"):
        sampler(model, **{name: 100})


def test_a_remedy_is_an_argument_of_the_same_sampler():
    sentence = "NUTS has no argument 'max_treedepth'; write max_tree_depth=..."
    with pytest.raises(TypeError, match=re.escape(sentence)):
        inference.NUTS(model, max_treedepth=5)
    with pytest.raises(TypeError, match=r"HMC.__init__.* unexpected .*'max_treedepth'"):
        inference.HMC(model, max_treedepth=5)
    with pytest.raises(
        TypeError,
        match=r"HMC has no argument 'path_length'; write trajectory_length=\.\.\.",
    ):
        inference.HMC(model, path_length=1.0)


def test_an_unknown_name_is_refused_by_python():
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        inference.NUTS(model, colour="red")


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda kind: kind.__name__)
def test_the_signature_is_that_of_the_dataclass(sampler):
    parameters = inspect.signature(sampler).parameters
    assert list(parameters) == [part.name for part in dataclasses.fields(sampler)]


def test_a_sampler_can_be_copied():
    engine = inference.NUTS(model, num_chains=3)
    for same in (
        copy.copy(engine),
        dataclasses.replace(engine),
        pickle.loads(pickle.dumps(engine)),
    ):
        assert same.num_chains == 3
