"""Say what is wrong with an answer to an exercise, and not the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

Exercise = Callable[[Any], str | None]


def check(exercise: Exercise, answer: Any) -> None:
    """Print whether an answer is right, or what is wrong with it.

    Arguments:
        exercise: An exercise of a lesson, such as `uncertainty.coin`.
        answer: A number, a tensor or a function, as the exercise asks; `...` is no answer.

    Example:
        >>> from zoo.course import check, uncertainty
        >>> check(uncertainty.lowest_nll, 1.0)
        not yet: one bit, but the NLL is in nats
    """
    if answer is ...:
        print("no answer yet")
        return

    try:
        mistake = exercise(answer)
    except Exception as error:  # of the student's function, whatever it is
        mistake = f"your answer raised {type(error).__name__}: {error}"

    print("right" if mistake is None else f"not yet: {mistake}")


def compared(
    answer: Any,
    right: Any,
    mistakes: Mapping[str, Any],
    otherwise: str,
    rtol: float = 1e-3,
) -> str | None:
    """Return the sentence of a known mistake, another one if it is unknown, None if right.

    Arguments:
        answer: A number or a tensor.
        right: The right answer.
        mistakes: Wrong answers by what is said of them.
        otherwise: What is said of any other wrong answer.
        rtol: Largest relative difference from the right answer.
    """
    if is_near(answer, right, rtol):
        return None
    for sentence, wrong in mistakes.items():
        if is_near(answer, wrong, rtol):
            return sentence

    return otherwise


def is_near(answer: Any, value: Any, rtol: float = 1e-3) -> bool:
    """Return whether two numbers or tensors have one shape and nearly equal values."""
    ours = torch.as_tensor(answer).detach().double()
    theirs = torch.as_tensor(value).detach().double()
    if ours.shape != theirs.shape:
        return False

    return torch.allclose(ours, theirs, rtol=rtol, atol=1e-5)
