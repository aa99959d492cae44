"""Exercises of the lessons, by lesson: each says what is wrong with an answer.

`check(uncertainty.coin, my_answer)` prints it. The answers are in `tutorials/answers/`.
"""

from zoo.course import (
    bound,
    calibration,
    correlations,
    distances,
    exact,
    methods,
    model_choice,
    modes,
    one_file,
    sampling,
    softmax,
    strange_inputs,
    uncertainty,
    weight_priors,
)
from zoo.course.check import check

__all__ = [
    "bound",
    "calibration",
    "check",
    "correlations",
    "distances",
    "exact",
    "methods",
    "model_choice",
    "modes",
    "one_file",
    "sampling",
    "softmax",
    "strange_inputs",
    "uncertainty",
    "weight_priors",
]
