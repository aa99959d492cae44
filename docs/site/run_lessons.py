"""Run the lessons in full and keep them with their output in `tutorials/runs/`.

    python docs/site/run_lessons.py            # those whose code has changed since their run
    python docs/site/run_lessons.py 04 05      # these only, again

A run that is kept gets the text and the first cell that it would have now.
"""

from __future__ import annotations

import base64
import io
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import jupytext
import nbformat
from lessons import LESSONS, RUNS, add_installation, full_run, take_outputs
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

import zoo


def main(chosen: list[str]) -> None:
    """Run the lessons whose names begin with one of the words, or those without a run."""
    RUNS.mkdir(exist_ok=True)
    for path in sorted(LESSONS.glob("*.py")):
        lesson = jupytext.read(path, fmt="py:percent")
        is_chosen = path.stem.startswith(tuple(chosen))
        run = full_run(lesson)

        if is_chosen or (not chosen and run is None):
            execute(lesson)
            print(path.stem, f"{lesson.metadata['run']['minutes']:.1f} minutes")
        elif run is not None:
            take_outputs(lesson, run)
        else:
            continue
        keep(lesson, RUNS / f"{path.stem}.ipynb")


def keep(lesson: NotebookNode, path: Path) -> None:
    """Write a lesson with its output; what is the same is written the same again."""
    lesson.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    lesson.metadata.pop("language_info", None)  # which a lesson that is not run lacks
    add_installation(lesson)
    for number, cell in enumerate(lesson.cells):
        cell.id = f"cell-{number}"
    nbformat.write(lesson, path)


def execute(lesson: NotebookNode) -> None:
    """Run all cells in an empty folder, and note the version, the minutes and the cores."""
    os.environ.pop("SMOKE", None)
    os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"
    start = time.monotonic()

    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        NotebookClient(lesson, timeout=None, resources=resources).execute()

    for cell in lesson.cells:
        cell.metadata.pop("execution", None)  # its times would differ in every run
        for output in cell.get("outputs", []):
            tidy(output)

    minutes = (time.monotonic() - start) / 60
    lesson.metadata["run"] = {
        "version": zoo.__version__,
        "minutes": round(minutes, 1),
        "cores": os.cpu_count(),
    }


def tidy(output: NotebookNode) -> None:
    """Make a picture small, and keep the names of this computer's folders out of warnings."""
    data = output.get("data", {})
    if "image/png" in data:
        data["image/png"] = with_a_palette(data["image/png"])
    if output.get("name") == "stderr":
        output["text"] = re.sub(r"(?<!\S)/\S*/", "", output["text"])


def with_a_palette(png: str) -> str:
    """Return a picture, in base64, with at most 256 colours: a third of the bytes."""
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    file = io.BytesIO()
    picture.quantize(256).save(file, "png", optimize=True)

    return base64.b64encode(file.getvalue()).decode()


if __name__ == "__main__":
    main(sys.argv[1:])
