"""Lessons and their answers as pages: scripts in `tutorials/`, with their committed runs."""

from __future__ import annotations

import ast
from pathlib import Path

import jupytext
import nbformat
import repository
from nbformat import NotebookNode

LESSONS = Path(__file__).resolve().parents[2] / "tutorials"
RUNS = LESSONS / "runs"
_SHORT = """```{note}
The code of this lesson was run with shortened loops while the site was built, so its numbers and
pictures are not those of a full run. `make notebooks` runs it in full.
```"""
_FULL = """```{{note}}
What you see below the code is a full run with version {version}, {minutes:.1f} minutes on
{cores} cores.
```"""
_ANSWERS = '"""Answers to'  # the beginning of a file of answers
_INSTALLATION = "installation"  # the tag of a cell that is in a run and in no lesson


def read(text: str) -> NotebookNode:
    """Return a lesson, or the answers to its exercises, as a notebook.

    Arguments:
        text: A script with `# %%` cells, or a file of answers.
    """
    notebook = _answers(text) if text.startswith(_ANSWERS) else _lesson(text)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    notebook.metadata["language_info"] = {
        "name": "python",
        "pygments_lexer": "ipython3",
    }
    return notebook


def full_run(lesson: NotebookNode) -> NotebookNode | None:
    """Return the committed run of the same code, None if there is none."""
    code = [cell.source for cell in _code(lesson)]
    for path in sorted(RUNS.glob("*.ipynb")):
        run = nbformat.read(path, as_version=4)
        if [cell.source for cell in _code(run)] == code:
            return run

    return None


def take_outputs(lesson: NotebookNode, run: NotebookNode) -> None:
    """Give a lesson the outputs of a run of the same code, and what is known of that run."""
    for ours, theirs in zip(_code(lesson), _code(run), strict=True):
        ours.outputs = theirs.outputs
        ours.execution_count = theirs.execution_count
    lesson.metadata["run"] = run.metadata["run"]


def add_installation(lesson: NotebookNode) -> None:
    """Let a lesson begin with the cell that installs the package, if there is one."""
    source = repository.installation()
    if source:
        tags = {"tags": [_INSTALLATION]}
        lesson.cells.insert(0, nbformat.v4.new_code_cell(source, metadata=tags))


def _lesson(text: str) -> NotebookNode:
    """Return a lesson with the output of its full run if its code is the same.

    A lesson whose code has changed since is run with shortened loops, and says so.
    """
    lesson = jupytext.reads(text, fmt="py:percent")
    run = full_run(lesson)

    if run is None:
        said = _SHORT
    else:
        take_outputs(lesson, run)
        lesson.metadata["mystnb"] = {"execution_mode": "off"}
        said = _FULL.format(**run.metadata["run"])

    first = lesson.cells[0]
    title, _, rest = first.source.partition("\n")
    name = _name(text)
    if name:
        title = title.replace("# ", f"# {name[:2]} · ", 1)
    links = repository.links(name, has_run=run is not None)
    parts = [title, said, links, rest.strip("\n")]
    first.source = "\n\n".join(part for part in parts if part)

    return lesson


def _answers(text: str) -> NotebookNode:
    """Return a page that shows a file of answers: its first sentence, and its code."""
    module = ast.parse(text)
    sentence = ast.get_docstring(module) or ""
    _, _, code = text.partition(f'"""{sentence}"""')
    lesson = _name(text)
    title = f"# Answers {lesson[:2]}".strip()
    back = f"[The lesson](../{lesson}.py)" if lesson else ""

    page = nbformat.v4.new_notebook()
    page.metadata["orphan"] = True  # not in the sidebar: the lesson leads here
    page.metadata["mystnb"] = {"execution_mode": "off"}
    page.cells = [
        nbformat.v4.new_markdown_cell(f"{title}\n\n{sentence} {back}"),
        nbformat.v4.new_code_cell(code.strip()),
    ]
    return page


def _name(text: str) -> str:
    """Return the name of the file in `tutorials/` that has this text, empty if none has."""
    for path in sorted(LESSONS.rglob("*.py")):
        if path.read_text(encoding="utf-8") == text:
            return path.stem

    return ""


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the cells of code that a lesson has."""
    return [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and not _is_installation(cell)
    ]


def _is_installation(cell: NotebookNode) -> bool:
    """Return whether a cell installs the package."""
    return _INSTALLATION in cell.metadata.get("tags", [])
