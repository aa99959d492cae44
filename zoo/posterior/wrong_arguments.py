"""Errors for arguments of a wrong name; they say what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def answer(
    **instead: str,
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Make a function refuse arguments of a wrong name and say what to write instead.

    Arguments:
        instead: What to write, by the wrong name.

    Example:
        >>> from zoo.posterior.wrong_arguments import answer
        >>> @answer(count="num_samples=10")
        ... def draw(num_samples=1): ...
        >>> draw(count=3)
        Traceback (most recent call last):
        TypeError: draw has no argument 'count'; write num_samples=10
    """

    def decorate(
        function: Callable[Arguments, Result],
    ) -> Callable[Arguments, Result]:
        @wraps(function)
        def answering(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            for name, advice in instead.items():
                if name in kwargs:
                    raise TypeError(
                        f"{function.__name__} has no argument {name!r}; write {advice}"
                    )

            return function(*args, **kwargs)

        return answering

    return decorate
