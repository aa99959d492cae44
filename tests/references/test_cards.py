"""The names of references, and the card that says what each is and how it is known."""

import pytest

from zoo import references
from zoo.references.how_made import samplers_of
from zoo.references.names import PROBLEMS


def test_the_names_are_those_that_can_be_loaded():
    names = references.names()
    assert {"linear", "sinusoid", "moons"} <= set(names)
    assert references.load(names[0]).name == names[0]


def test_who_asks_for_a_list_is_told_the_name():
    with pytest.raises(AttributeError, match=r"write references\.names\(\)"):
        references.list()


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_card_says_what_is_known(name):
    text = references.card(name)
    problem = PROBLEMS[name]()
    assert text.startswith(f"# {name}\n")
    assert ".. math" not in text
    assert "References:\n\n- " in text
    assert repr(problem.model.prior) in text
    assert f"| source and licence | {problem.source} |" in text
    assert problem.source
    assert f"python -m zoo reference {name}" in text
    has_file = name in references.names()
    made = references.load(name).made if has_file else {}
    for run in made.get("samplers", problem.runs):
        assert f"- {run}: `" in text
    assert ("| between |" in text) == has_file
    assert ("does not ship" in text) == (not has_file)


def test_a_card_of_a_reference_is_that_of_its_name():
    assert references.card(references.load("linear")) == references.card("linear")


def test_the_options_of_a_sampler_are_those_that_are_no_defaults():
    described = samplers_of(references.linear())
    assert described["NUTS"] == "NUTS(num_samples=1000, full_mass=True)"
    assert described["exact"].startswith("independent draws in closed form")


def test_the_file_says_how_it_was_made(tmp_path):
    reference = references.load("linear")
    made = {"command": "mine", "samplers": {"one": "NUTS()"}, "versions": {"zoo": "9"}}
    other = references.Reference(
        reference.problem, reference.runs, reference.weights, reference.evidence, made
    )
    path = other.save(tmp_path / "linear.safetensors")
    again = references.load("linear", path)
    assert again.made == made
    text = references.card(again)
    assert "- command: `mine`" in text
    assert "- versions: zoo 9" in text
