"""The result of an experiment: settings, fits, scores, and findings next to published numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from zoo.experiments.running.record import about
from zoo.experiments.running.scores import Number
from zoo.reports.table import Table
from zoo.runtime.files.atomic import write_text


@dataclass(frozen=True)
class Finding:
    """A number of ours next to the published number.

    Arguments:
        what: What the number is, with its unit.
        ours: Our number, with its standard error.
        published: The published number, or what was published in words, e.g. "above 0";
            None if nothing was published.
        headline: Whether the finding is in the table of all experiments in the README.
    """

    what: str
    ours: Number
    published: float | str | None = None
    headline: bool = False

    @property
    def difference(self) -> float | None:
        """Our number minus the published number; None if no number was published."""
        if isinstance(self.published, int | float):
            return self.ours.value - self.published

        return None


@dataclass
class Result:
    """What a run of an experiment has found, as its file holds it.

    Arguments:
        name: The name of the experiment.
        settings: Budget, seed, device, and the sizes of the data sets.
        fits: The plan and the info of each fit, by its name.
        kept: The seconds of the processor of each kept result that is no fit.
        scores: The scores of each prediction: error, NLL and ECE by its name.
        findings: Numbers next to published numbers.
        tables: Other measurements, e.g. curves: a list of rows for each name.
        notes: Remarks on the result, one sentence each.

    Example:
        >>> found = Result("mine", settings={"minutes": 5.0}, notes=["Nothing was published."])
        >>> found.write(folder / "mine.json")
        >>> read(folder / "mine.json").notes
        ['Nothing was published.']
    """

    name: str
    settings: dict[str, object] = field(default_factory=dict)
    fits: dict[str, dict[str, Any]] = field(default_factory=dict)
    kept: dict[str, float] = field(default_factory=dict)
    scores: dict[str, dict[str, Number]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    tables: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write the file. An interrupted call leaves the old file as it was."""
        content = asdict(self)

        for row, finding in zip(content["findings"], self.findings, strict=True):
            row["difference"] = finding.difference

        device = str(self.settings.get("device", "cpu"))
        content |= about(device)
        text = json.dumps(content, indent=1) + "\n"

        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)

    def add_up_seconds(self) -> None:
        """Record the seconds of the processor of all fits, with their trials, and the rest."""
        total = sum(self.kept.values())
        for record in self.fits.values():
            plan = record.get("plan", {})
            total += plan.get("seconds", 0.0) + record.get("seconds of processor", 0.0)

        self.settings["seconds of processor"] = round(total, 1)

    @property
    def table(self) -> Table:
        """The findings as a table, one row each."""
        rows = []
        for finding in self.findings:
            ours = str(finding.ours)
            published = None
            if finding.published is not None:
                published = str(finding.published)

            rows.append((finding.what, ours, published, finding.difference))

        return Table(("finding", "ours", "published", "difference"), rows)


def read(path: Path) -> Result:
    """Read the file of a result.

    Raises:
        ValueError: The file is damaged.

    Example:
        >>> Result("mine", settings={"minutes": 5.0}).write(folder / "mine.json")
        >>> read(folder / "mine.json").settings
        {'minutes': 5.0}
    """
    try:
        content = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(
            f"{path} is damaged ({error}); run the experiment again to write it anew"
        ) from error

    scores: dict[str, dict[str, Number]] = {}
    for name, row in content["scores"].items():
        scores[name] = {}
        for score, number in row.items():
            scores[name][score] = Number(**number)

    findings = [_read_finding(row) for row in content["findings"]]

    return Result(
        name=content["name"],
        settings=content["settings"],
        fits=content["fits"],
        kept=content.get("kept", {}),  # results of before have none
        scores=scores,
        findings=findings,
        tables=content["tables"],
        notes=content["notes"],
    )


def _read_finding(row: Mapping[str, Any]) -> Finding:
    """Return the finding that a row of the file holds."""
    ours = Number(**row["ours"])
    headline = row.get("headline", False)

    return Finding(row["what"], ours, row["published"], headline)
