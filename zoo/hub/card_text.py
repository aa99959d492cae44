"""The card of an entry as text: a head in YAML, as Hugging Face expects, then Markdown."""

from __future__ import annotations

import json
from typing import Any

from zoo.experiments.running.scores import Number
from zoo.hub.entry import PICTURE
from zoo.hub.facts import NOT_STATED, Facts

_TAGS = ("bayesian-neural-network", "uncertainty", "pyro", "pytorch")


def card_text(facts: Facts) -> str:
    """Return the card of an entry.

    Arguments:
        facts: What it says.
    """
    story = facts.story
    parts = [head(facts), f"# {facts.name}"]
    if story.about:
        parts.append(story.about)

    parts += ["## What it is", two_columns(facts.table)]
    parts += ["## Evidence", two_columns(facts.evidence) or f"{NOT_STATED}."]
    parts += ["## Scores on test data", scores_text(facts)]
    if story.fidelity:
        parts += ["## Distance from the true posterior", story.fidelity]
    parts += ["## What it is for", story.use or f"{NOT_STATED}."]
    parts += ["## What it gets wrong", story.limits or f"{NOT_STATED}."]
    parts += ["## How to load it", program(facts.name)]
    if story.notice:
        parts += ["## Licence of what it began with", story.notice]

    return "\n\n".join(parts) + "\n"


def head(facts: Facts) -> str:
    """Return the head of a card: licence, tags and scores in YAML, each value as JSON."""
    values: dict[str, Any] = {
        "license": facts.story.licence,
        "library_name": "bnn-zoo",
        "tags": list(_TAGS),
    }
    if facts.scored is not None:
        values["model-index"] = [_results(facts)]

    lines = [f"{key}: {json.dumps(value)}" for key, value in values.items()]
    return "\n".join(["---", *lines, "---"])


def _results(facts: Facts) -> dict[str, Any]:
    """Return the scores as the `model-index` of Hugging Face has them."""
    metrics = []
    for name, number in _numbers(facts).items():
        metrics.append(
            {"type": name, "value": round(number.value, 6), "name": str(number)}
        )

    dataset = {"name": facts.data_name, "type": facts.data_name, "split": "test"}
    result = {"task": {"type": "other"}, "dataset": dataset, "metrics": metrics}
    return {"name": facts.name, "results": [result]}


def _numbers(facts: Facts) -> dict[str, Number]:
    return {} if facts.scored is None else facts.scored.scores


def scores_text(facts: Facts) -> str:
    """Return the scores with their standard errors, and the picture."""
    if facts.scored is None:
        return "no scores: it was pushed without data."

    rows = {name: str(number) for name, number in _numbers(facts).items()}
    number, meaning = facts.scored.num_draws, facts.scored.meaning
    return "\n\n".join(
        [
            f"The scores are {meaning}, from {number} draws.",
            two_columns(rows),
            f"![Calibration on the test part]({PICTURE})",
        ]
    )


def two_columns(rows: dict[str, str]) -> str:
    """Return a table of Markdown, "" without rows."""
    if not rows:
        return ""

    lines = ["| | |", "|---|---|"]
    for name, text in rows.items():
        cell = " ".join(text.split()).replace("|", "\\|")
        lines.append(f"| {name} | {cell} |")

    return "\n".join(lines)


def program(name: str) -> str:
    """Return the program that loads an entry."""
    return f"""```python
from zoo import hub

# path=FOLDER, if it is not in the package
posterior = hub.load("{name}")
posterior.predict(x)
```"""
