"""The results of the experiments in one table, with the published numbers.

    python -m benchmarks.experiments

`python -m zoo reproduce NAME --out benchmarks/results` makes each result; results are
committed unchanged. Those of an earlier version are in `benchmarks/results/0.5.0`. The table
has them beside the present ones, and alone where an experiment was not run again.
`docs/experiments.md` has this table, in Markdown. The bound is that of the posterior on the
training data, in nats per datum at temperature 1, beside the error of the same fit.
"""

from __future__ import annotations

import re
from pathlib import Path

from zoo.command.choices import EXPERIMENTS
from zoo.experiments import Result, read
from zoo.experiments.running.bounds import bound_of
from zoo.reports.bounds import NO_BOUND

RESULTS = Path(__file__).parent / "results"
EARLIER_VERSION = "0.5.0"
EARLIER = RESULTS / EARLIER_VERSION


def results(folder: Path) -> dict[str, Result]:
    """Read the results of a folder, in the order of their names."""
    found = {}
    for name in sorted(EXPERIMENTS):
        path = folder / f"{name}.json"
        if path.is_file():
            found[name] = read(path)

    return found


def rows(result: Result | None, earlier: Result | None) -> list[str]:
    """Return the rows of one experiment: its question, its paper, and its headlines.

    Arguments:
        result: The present result; None if the experiment was not run again.
        earlier: The result of the earlier version, if it is another one.
    """
    either = result or earlier
    if either is None:
        return []

    experiment = EXPERIMENTS[either.name]
    budget = either.settings["minutes"]
    minutes = f"{budget:g} min" if isinstance(budget, (int, float)) else budget
    name = f"`{either.name}`, {minutes}"
    question = f"*{experiment.question}* {experiment.reference}"

    ours = numbers(result)
    theirs = numbers(earlier)

    found = [f"| {name} | {question} | | | | |"]
    for finding in either.findings:
        if finding.headline:
            what = finding.what
            cells = (
                ours.get(what, "-"),
                bound_beside(result, what),
                theirs.get(what, "-"),
                cell(finding.published),
            )
            found.append(f"| | {what} | {' | '.join(cells)} |")

    return found


def numbers(result: Result | None) -> dict[str, str]:
    """Return the numbers of a result as text, by what they are."""
    findings = [] if result is None else result.findings
    return {finding.what: str(finding.ours) for finding in findings}


def bound_beside(result: Result | None, what: str) -> str:
    """Return the bound of the fit that an error is of, in nats per datum, and its kind.

    Arguments:
        result: The result; None if the experiment was not run again.
        what: What a finding is, e.g. "error of Gaussian, %".
    """
    is_of_one_fit = "error" in what and "minus" not in what
    if result is None or not is_of_one_fit:
        return "-"

    names = [name for name in result.fits if re.search(rf"\b{re.escape(name)}\b", what)]
    if not names:
        return "-"

    record = result.fits[max(names, key=len)]
    bound = bound_of(record)
    kind = record.get("kind of fit", "")
    if bound is None:
        return NO_BOUND if "no bound because" in record else "-"

    return f"{bound}, {kind}" if kind else str(bound)


def cell(published: float | str | None) -> str:
    """Return a published number as a cell."""
    if published is None:
        return "-"
    if isinstance(published, (int, float)):
        return f"{published:g}"
    return published


def markdown() -> str:
    """Return the table in Markdown."""
    lines = [
        f"| experiment, budget | finding | ours | bound | {EARLIER_VERSION} | published |",
        "|---|---|---|---|---|---|",
    ]
    present = results(RESULTS)
    earlier = results(EARLIER)
    for name in sorted(EXPERIMENTS):
        lines += rows(present.get(name), earlier.get(name))

    known = present.keys() | earlier.keys()
    missing = [f"`{name}`" for name in sorted(EXPERIMENTS) if name not in known]
    if missing:
        names = ", ".join(missing)
        lines.append(f"| {names} | no result is committed yet | | | | |")

    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown())
