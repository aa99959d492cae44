"""The result of an experiment: settings, fits, scores, and what was found beside what was published."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from zoo.experiments.record import about
from zoo.experiments.scores import Number
from zoo.reports.table import Table


@dataclass(frozen=True)
class Finding:
    """A number of ours beside the published one.

    Arguments:
        what: What the number is, with its unit.
        ours: Our number, with its standard error.
        published: The published one, or its range in words; None where nothing was
            published.
        headline: Whether it stands in the table of all experiments.
    """

    what: str
    ours: Number
    published: float | str | None = None
    headline: bool = False

    @property
    def difference(self) -> float | None:
        """Ours minus published, where that is a number."""
        return (
            self.ours.value - self.published
            if isinstance(self.published, (int, float))
            else None
        )


@dataclass
class Result:
    """What a run of an experiment came to, as its file holds it.

    Arguments:
        name: The experiment.
        settings: Budget, seed, device and sizes of the data.
        fits: What is known of each fit by name: rate, epochs, seconds and more.
        scores: Scores by contestant and by name.
        findings: Numbers beside published ones.
        tables: Whatever else was measured, such as curves, by name: a list of rows
            each.
        notes: What must be said about it, a sentence each.
    """

    name: str
    settings: dict[str, object] = field(default_factory=dict)
    fits: dict[str, dict[str, object]] = field(default_factory=dict)
    scores: dict[str, dict[str, Number]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    tables: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write the file; one that dies meanwhile leaves the old one."""
        facts = asdict(self)
        for found, finding in zip(facts["findings"], self.findings, strict=True):
            found["difference"] = finding.difference
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".part")
        fresh.write_text(
            json.dumps(facts | about(str(self.settings.get("device", "cpu"))), indent=1)
            + "\n"
        )
        fresh.replace(path)

    @property
    def table(self) -> Table:
        """The findings, a row each."""
        rows = [
            (
                found.what,
                str(found.ours),
                None if found.published is None else str(found.published),
                found.difference,
            )
            for found in self.findings
        ]
        return Table(("finding", "ours", "published", "difference"), rows)


def read(path: Path) -> Result:
    """Read the file of a result."""
    facts = json.loads(path.read_text())
    kept = {
        name: facts[name] for name in ("name", "settings", "fits", "tables", "notes")
    }
    scores = {
        one: {name: Number(**value) for name, value in of.items()}
        for one, of in facts["scores"].items()
    }
    findings = [
        Finding(
            found["what"],
            Number(**found["ours"]),
            found["published"],
            found.get("headline", False),
        )
        for found in facts["findings"]
    ]
    return Result(**kept, scores=scores, findings=findings)
