"""A table of words and numbers that a terminal prints and a notebook renders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """Rows under headings; numbers to the right, words to the left, what is missing as a dash.

    Arguments:
        columns: Headings.
        rows: A sequence of cells per row.
        digits: Decimal places of each column of floats, by heading; 3 where nothing is
            said.

    Example:
        >>> print(Table(("guide", "rmse"), [("MeanField", 0.0812)]))
        guide       rmse
        MeanField  0.081
    """

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]
    digits: dict[str, int] = field(default_factory=dict)

    def column(self, name: str) -> list[Cell]:
        """Return the cells of one column."""
        return [row[self.columns.index(name)] for row in self.rows]

    def to_dicts(self) -> list[dict[str, Cell]]:
        """Return a dictionary per row, ready for JSON."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def __str__(self) -> str:
        grid = [
            list(self.columns),
            *([self._text(i, cell) for i, cell in enumerate(row)] for row in self.rows),
        ]
        widths = [max(len(line[i]) for line in grid) for i in range(len(self.columns))]
        right = [self._is_number(i) for i in range(len(self.columns))]
        lines = (
            "  ".join(
                cell.rjust(width) if number else cell.ljust(width)
                for cell, width, number in zip(line, widths, right, strict=True)
            ).rstrip()
            for line in grid
        )
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        body = "".join(
            "<tr>"
            + "".join(
                f"<td>{escape(self._text(i, cell))}</td>" for i, cell in enumerate(row)
            )
            + "</tr>"
            for row in self.rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _text(self, index: int, cell: Cell) -> str:
        if cell is None:
            return "-"
        if isinstance(cell, float):
            return f"{cell:.{self.digits.get(self.columns[index], 3)}f}"
        return f"{cell:,}" if isinstance(cell, int) else cell

    def _is_number(self, index: int) -> bool:
        cells = [row[index] for row in self.rows if row[index] is not None]
        return bool(cells) and all(isinstance(cell, (int, float)) for cell in cells)


class Tabled:
    """What is shown as its table, in a terminal and in a notebook."""

    table: Table

    def __str__(self) -> str:
        return str(self.table)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table._repr_html_()
