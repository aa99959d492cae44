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
        by_line = self.nodes / sum(self.bodies)
        by_statement = self.nodes / self.statements
        comprehensions = 1000 * self.comprehensions / lines
        long_lines = 100 * self.long_lines / lines

        return {
            "files": str(len(self.files)),
            "lines": str(lines),
            "file median/p90/max": spread(self.files) + f"/{max(self.files)}",
            "body p50/p90/max": spread(self.bodies) + f"/{max(self.bodies)}",
            "nodes a body line": f"{by_line:.1f}",
            "nodes a statement": f"{by_statement:.1f}",
            "comprehensions a 1000 lines": f"{comprehensions:.1f}",
            f"lines over {LONGEST_LINE}": f"{long_lines:.1f} %",
            "exported": str(self.exported),
        }


def outer_functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    """Yield the functions and methods that are not inside another function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, FUNCTIONS):
            yield node
        else:
            yield from outer_functions(node)


def without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return the statements of a body that are code."""
    first = body[0]
    if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Constant):
        return body

    is_docstring = isinstance(first.value.value, str)
    return body[1:] if is_docstring else body


def exported_names(tree: ast.Module) -> int:
    """Count the names in `__all__`."""
    for node in tree.body:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.List):
            continue

        target = node.targets[0]
        if isinstance(target, ast.Name) and target.id == "__all__":
            return len(node.value.elts)

    return 0


def spread(values: list[int]) -> str:
    """Return median and ninetieth percentile."""
    median = statistics.median(values)
    ninetieth = statistics.quantiles(values, n=10)[-1]
    return f"{median:.0f}/{ninetieth:.0f}"


def main(folders: list[str]) -> None:
    """Print the table."""
    rows = {}
    for folder in folders or ["zoo", "guides"]:
        figures = Figures()
        for path in sorted((ROOT / folder).rglob("*.py")):
            figures.add(path)
        rows[folder] = figures.row()

    for name in next(iter(rows.values())):
        cells = [f"{row[name]:>14}" for row in rows.values()]
        line = "  ".join(cells)
        print(f"{name:28}{line}")


if __name__ == "__main__":
    main(sys.argv[1:])
