"""Exercises of the lessons, by lesson: each says what is wrong with an answer.

`check(uncertainty.coin, my_answer)` prints it. The answers are in `tutorials/answers/`.
"""

from zoo.course import bound, modes, softmax, uncertainty
from zoo.course.check import check

__all__ = ["bound", "check", "modes", "softmax", "uncertainty"]
