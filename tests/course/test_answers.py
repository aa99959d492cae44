"""Every exercise of every lesson has an answer, and it is right."""

from types import FunctionType

import pytest
from course.answers import FOLDER, answers_of, said_of

from zoo import course

LESSONS = {
    "00_one_file_bnn": course.one_file,
    "01_softmax_confidence": course.softmax,
    "02_weight_priors": course.weight_priors,
    "03_exact_posterior": course.exact,
    "04_how_hmc_works": course.sampling,
    "05_the_bound": course.bound,
    "06_lost_correlations": course.correlations,
    "07_how_close_is_your_guide": course.distances,
    "08_is_it_bayesian": course.methods,
    "09_calibration": course.calibration,
    "10_which_uncertainty": course.uncertainty,
    "11_strange_inputs": course.strange_inputs,
    "12_which_model": course.model_choice,
    "13_the_landscape": course.modes,
}


def exercises_of(module):
    """Return the names of the exercises of a lesson: its public functions."""
    names = []
    for name, value in vars(module).items():
        is_own = isinstance(value, FunctionType) and value.__module__ == module.__name__
        if is_own and not name.startswith("_"):
            names.append(name)
    return names


PAIRS = [
    (lesson, name)
    for lesson, module in LESSONS.items()
    for name in exercises_of(module)
]


@pytest.mark.parametrize(("lesson", "name"), PAIRS)
def test_the_answer_is_right(lesson, name, capsys):
    exercise = getattr(LESSONS[lesson], name)
    answer = getattr(answers_of(lesson), name)
    assert said_of(exercise, answer, capsys) == "right"


def test_every_lesson_is_here():
    assert {path.stem for path in FOLDER.glob("*.py")} == set(LESSONS)
    modules = {getattr(course, name) for name in course.__all__ if name != "check"}
    assert modules == set(LESSONS.values())
