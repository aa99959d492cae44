"""The results of the experiments in one table, with the published numbers.

    python -m benchmarks.experiments

`python -m zoo reproduce NAME --out benchmarks/results` makes each result; results are
committed unchanged. The README has this table, in Markdown.
"""

from __future__ import annotations

from pathlib import Path

from zoo.command.choices import EXPERIMENTS
from zoo.experiments import Result, read

RESULTS = Path(__file__).parent / "results"


def results() -> list[Result]:
    """Read the results that exist, in the order of their names."""
    found = []
    for name in sorted(EXPERIMENTS):
        path = RESULTS / f"{name}.json"
        if path.is_file():
            found.append(read(path))

    return found


def rows(result: Result) -> list[str]:
    """Return the rows of one experiment: its question, its paper, and its headlines."""
    experiment = EXPERIMENTS[result.name]
    budget = result.settings["minutes"]
    minutes = f"{budget:g} min" if isinstance(budget, (int, float)) else budget
    name = f"`{result.name}`, {minutes}"
    question = f"*{experiment.question}* {experiment.reference}"

    found = [f"| {name} | {question} | | |"]
    for finding in result.findings:
        if finding.headline:
            published = cell(finding.published)
            found.append(f"| | {finding.what} | {finding.ours} | {published} |")

    return found


def cell(published: float | str | None) -> str:
    """Return a published number as a cell."""
    if published is None:
        return "-"
    if isinstance(published, (int, float)):
        return f"{published:g}"
    return published


def markdown() -> str:
    """Return the table in Markdown."""
    lines = ["| experiment, budget | finding | ours | published |", "|---|---|---|---|"]
    known = set()
    for result in results():
        known.add(result.name)
        lines += rows(result)

    missing = [f"`{name}`" for name in sorted(EXPERIMENTS) if name not in known]
    if missing:
        names = ", ".join(missing)
        lines.append(f"| {names} | no result is committed yet | | |")

    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown())
