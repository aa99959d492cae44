"""Tables of words and numbers, as text for a terminal and as HTML for a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """Rows under headings: numbers are right-aligned, words are not, a missing cell is a dash.

    Arguments:
        columns: Headings.
        rows: A sequence of cells per row.
        digits: Decimal places of columns of floats, by heading; 3 by default.

    Example:
        >>> print(Table(("guide", "rmse"), [("MeanField", 0.0812)]))
        guide       rmse
        MeanField  0.081
    """

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]
    digits: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> list[Cell]:
        """Return the cells of one column."""
        index = self.columns.index(name)

        return [row[index] for row in self.rows]

    def to_dicts(self) -> list[dict[str, Cell]]:
        """Return a dictionary per row, ready for JSON."""
        dicts = []
        for row in self.rows:
            cells = zip(self.columns, row, strict=True)
            dicts.append(dict(cells))

        return dicts

    def __str__(self) -> str:
        lines = [list(self.columns), *self._texts()]
        columns = []
        for index, cells in enumerate(zip(*lines, strict=True)):
            columns.append(_aligned(cells, to_right=self._is_number(index)))

        printed = []
        for cells in zip(*columns, strict=True):
            line = "  ".join(cells)
            printed.append(line.rstrip())

        return "\n".join(printed)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = _html_row(self.columns, "th")
        body = ""
        for cells in self._texts():
            body += _html_row(cells, "td")

        return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"

    def _texts(self) -> list[list[str]]:
        """Return the cells of every row as text."""
        texts = []
        for row in self.rows:
            cells = zip(self.columns, row, strict=True)
            texts.append([self._text(name, cell) for name, cell in cells])

        return texts

    def _text(self, column: str, cell: Cell) -> str:
        """Return one cell as text."""
        if cell is None:
            return "-"

        if isinstance(cell, float):
            digits = self.digits.get(column, 3)
            return f"{cell:.{digits}f}"

        if isinstance(cell, int):
            return f"{cell:,}"

        return str(cell)

    def _is_number(self, index: int) -> bool:
        """Return whether a column holds numbers only."""
        is_number = [
            isinstance(row[index], (int, float))
            for row in self.rows
            if row[index] is not None
        ]

        return bool(is_number) and all(is_number)


class Tabled:
    """A result that is shown as its table, in a terminal and in a notebook."""

    if TYPE_CHECKING:  # a field or a property

        @property
        def table(self) -> Table:
            """The table."""

    def __str__(self) -> str:
        return str(self.table)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


def _aligned(cells: Sequence[str], *, to_right: bool) -> list[str]:
    """Return the cells of a column, filled up to one width."""
    width = max(map(len, cells))
    fill = str.rjust if to_right else str.ljust

    return [fill(cell, width) for cell in cells]


def _html_row(cells: Sequence[str], tag: str) -> str:
    """Return a row of an HTML table, its text escaped."""
    inner = ""
    for cell in cells:
        inner += f"<{tag}>{escape(cell)}</{tag}>"

    return f"<tr>{inner}</tr>"
