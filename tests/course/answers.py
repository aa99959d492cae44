"""The answers to the exercises of a lesson, which are programs in `tutorials/answers/`."""

import runpy
from pathlib import Path
from types import SimpleNamespace

FOLDER = Path(__file__).parents[2] / "tutorials" / "answers"


def answers_of(lesson):
    """Run the answers of a lesson, such as "10_which_uncertainty", and return its names."""
    return SimpleNamespace(**runpy.run_path(str(FOLDER / f"{lesson}.py")))


def said_of(exercise, answer, capsys):
    """Check an answer, and return what is printed."""
    from zoo.course import check

    capsys.readouterr()
    check(exercise, answer)
    return capsys.readouterr().out.strip()
