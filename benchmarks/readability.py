"""How dense the code is: `python -m benchmarks.readability [FOLDER ...]`, a row for each folder.

Lines, functions and syntax nodes are counted with `ast`. A body is what follows a
function's signature and docstring; nested functions count with the function that holds
them. Files named `__init__.py` are left out. Name the folder of another package, such
as `site-packages/zuko`, to see it in the same table.
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
LONGEST_LINE = 99
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass
class Figures:
    """What was counted in one folder."""

    files: list[int] = field(default_factory=list)
    bodies: list[int] = field(default_factory=list)
    nodes: int = 0
    statements: int = 0
    comprehensions: int = 0
    long_lines: int = 0
    exported: int = 0

    def add(self, path: Path) -> None:
        """Count one file."""
        text = path.read_text()
        tree = ast.parse(text)
        self.exported += exported_names(tree)
        if path.name == "__init__.py":
            return
        lines = text.splitlines()
        self.files.append(len(lines))
        self.long_lines += sum(len(line) > LONGEST_LINE for line in lines)
        self.comprehensions += sum(
            isinstance(node, COMPREHENSIONS) for node in ast.walk(tree)
        )
        for function in outer_functions(tree):
            self.add_function(function)

    def add_function(self, function: ast.FunctionDef) -> None:
        """Count the body of one function."""
        body = without_docstring(function.body)
        if not body:
            return
        self.bodies.append(body[-1].end_lineno - body[0].lineno + 1)
        for statement in body:
            for node in ast.walk(statement):
                self.nodes += 1
                self.statements += isinstance(node, ast.stmt)

    def row(self) -> dict[str, str]:
        """Return the figures as the cells of a table."""
        lines = sum(self.files)
        return {
            "files": str(len(self.files)),
            "lines": str(lines),
            "file median/p90/max": spread(self.files) + f"/{max(self.files)}",
            "body p50/p90/max": spread(self.bodies) + f"/{max(self.bodies)}",
            "nodes a body line": f"{self.nodes / sum(self.bodies):.1f}",
            "nodes a statement": f"{self.nodes / self.statements:.1f}",
            "comprehensions a 1000 lines": f"{1000 * self.comprehensions / lines:.1f}",
            f"lines over {LONGEST_LINE}": f"{100 * self.long_lines / lines:.1f} %",
            "exported": str(self.exported),
        }


def outer_functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    """Give the functions and methods that stand in no other function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, FUNCTIONS):
            yield node
        else:
            yield from outer_functions(node)


def without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return the statements of a body that are code."""
    first = body[0]
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return body[1:] if is_text and isinstance(first.value.value, str) else body


def exported_names(tree: ast.Module) -> int:
    """Count the names in `__all__`."""
    for node in tree.body:
        is_assignment = isinstance(node, ast.Assign) and isinstance(
            node.targets[0], ast.Name
        )
        if (
            is_assignment
            and node.targets[0].id == "__all__"
            and isinstance(node.value, ast.List)
        ):
            return len(node.value.elts)
    return 0


def spread(values: list[int]) -> str:
    """Return median and ninetieth percentile."""
    return (
        f"{statistics.median(values):.0f}/{statistics.quantiles(values, n=10)[-1]:.0f}"
    )


def main(folders: list[str]) -> None:
    """Print the table."""
    rows = {}
    for folder in folders or ["zoo", "guides"]:
        figures = Figures()
        for path in sorted((ROOT / folder).rglob("*.py")):
            figures.add(path)
        rows[folder] = figures.row()
    for name in next(iter(rows.values())):
        cells = "  ".join(f"{row[name]:>14}" for row in rows.values())
        print(f"{name:28}{cells}")


if __name__ == "__main__":
    main(sys.argv[1:])
