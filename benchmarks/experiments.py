"""The experiments' results in one table: what was found, beside what was published.

    python -m benchmarks.experiments

Each result is made by `python -m zoo reproduce NAME --out benchmarks/results`, and is
committed as it came out. The README has this table, in Markdown.
"""

from __future__ import annotations

from pathlib import Path

from zoo.command.choices import EXPERIMENTS
from zoo.experiments import Result, read

RESULTS = Path(__file__).parent / "results"


def results() -> list[Result]:
    """Read what there is, in the order of names."""
    paths = [RESULTS / f"{name}.json" for name in sorted(EXPERIMENTS)]
    return [read(path) for path in paths if path.is_file()]


def rows(result: Result) -> list[str]:
    """Return the rows of one experiment: what it asks, of which paper, and its headlines."""
    budget, experiment = result.settings["minutes"], EXPERIMENTS[result.name]
    minutes = f"{budget:g} min" if isinstance(budget, (int, float)) else budget
    head = f"| `{result.name}`, {minutes} | *{experiment.question}* {experiment.reference} | | |"
    headlines = (found for found in result.findings if found.headline)
    return [
        head,
        *(
            f"| | {found.what} | {found.ours} | {said(found.published)} |"
            for found in headlines
        ),
    ]


def said(published: float | str | None) -> str:
    """Return what was published as a cell."""
    return (
        "-"
        if published is None
        else f"{published:g}"
        if isinstance(published, (int, float))
        else published
    )


def markdown() -> str:
    """Return the table."""
    head = ["| experiment, budget | finding | ours | published |", "|---|---|---|---|"]
    known = results()
    missing = sorted(set(EXPERIMENTS) - {result.name for result in known})
    last = (
        [
            f"| {', '.join(f'`{name}`' for name in missing)} | no result is committed yet | | |"
        ]
        if missing
        else []
    )
    return "\n".join([*head, *(row for result in known for row in rows(result)), *last])


if __name__ == "__main__":
    print(markdown())
