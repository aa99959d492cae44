"""The report of a run: its findings, remarks, tables and figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import numpy as np

from zoo.experiments.running.panels import Share, panels
from zoo.experiments.running.result import Finding, Result
from zoo.experiments.running.scores import Number
from zoo.experiments.running.side_files import written
from zoo.runtime.files.output_path import check_output_path


class Report:
    """What a run has found, in the files NAME.json and NAME.png.

    Arguments:
        result: The result, which grows.
        out: The folder of the files.
    """

    def __init__(self, result: Result, out: Path) -> None:
        self.result = result
        self._path = out / f"{result.name}.json"
        self._figure_path = out / f"{result.name}.png"
        self._can_write = True

    def check(self) -> None:
        """Check that the files can be written.

        Raises:
            ValueError: One of them cannot.
        """
        check_output_path(self._path, "result")
        check_output_path(self._figure_path, "figure")

    def find(
        self,
        what: str,
        ours: Number | float,
        published: float | str | None = None,
        *,
        headline: bool = False,
    ) -> None:
        """Add a finding, and write the result as it is so far.

        Arguments:
            what: What the number is, with its unit.
            ours: Our number.
            published: The published number, or what was published in words.
            headline: Whether the finding is in the table of all experiments.
        """
        if not isinstance(ours, Number):
            ours = Number(float(ours))

        finding = Finding(what, ours, published, headline)
        self.result.findings.append(finding)
        self.write()

    def note(self, sentence: str) -> None:
        """Add a remark on the result."""
        self.result.notes.append(sentence)

    def tabulate(self, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Add a table of other measurements, or replace the table of this name."""
        self.result.tables[name] = [dict(row) for row in rows]

    def panels(
        self, rows: int = 1, columns: int = 1, title: str = "", share: Share = "none"
    ) -> AbstractContextManager[np.ndarray]:
        """Return a context with axes (rows, columns) to draw on, which writes the figure.

        Arguments:
            rows: Number of rows of panels.
            columns: Number of panels in a row.
            title: The title of the figure.
            share: "row" if the panels of a row share one vertical axis, else "none".
        """
        return panels(
            self._figure_path, rows=rows, columns=columns, title=title, share=share
        )

    def write(self) -> None:
        """Write the file of the result; if that fails, the run goes on, and writes it later."""
        write = partial(self.result.write, self._path)
        self._can_write = written(self._path, write, quiet=not self._can_write)
