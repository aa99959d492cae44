"""Lessons as pages: the scripts in `tutorials/`, with the output of their committed runs."""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

RUNS = Path(__file__).resolve().parents[2] / "tutorials" / "runs"
_SHORT = """```{note}
The code of this lesson was run with shortened loops while the site was built, so its numbers and
pictures are not those of a full run. `make notebooks` runs it in full.
```"""
_FULL = """```{{note}}
What you see below the code is a full run with version {version}, {minutes:.1f} minutes on
{cores} cores.
```"""


def read(text: str) -> NotebookNode:
    """Return a lesson as a notebook, with the output of its full run if its code is the same.

    A lesson whose code has changed since is run with shortened loops, and says so.

    Arguments:
        text: A script with `# %%` cells.
    """
    lesson = jupytext.reads(text, fmt="py:percent")
    lesson.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    lesson.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    run = full_run(lesson)

    if run is None:
        said = _SHORT
    else:
        for ours, theirs in zip(_code(lesson), _code(run), strict=True):
            ours.outputs = theirs.outputs
            ours.execution_count = theirs.execution_count
        lesson.metadata["mystnb"] = {"execution_mode": "off"}
        said = _FULL.format(**run.metadata["run"])

    first = lesson.cells[0]
    title, _, rest = first.source.partition("\n")
    first.source = f"{title}\n\n{said}\n{rest}"

    return lesson


def full_run(lesson: NotebookNode) -> NotebookNode | None:
    """Return the committed run of the same code, None if there is none."""
    code = [cell.source for cell in _code(lesson)]
    for path in sorted(RUNS.glob("*.ipynb")):
        run = nbformat.read(path, as_version=4)
        if [cell.source for cell in _code(run)] == code:
            return run

    return None


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the cells of code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]
