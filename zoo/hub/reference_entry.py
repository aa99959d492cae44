"""Entries whose posterior is a reference of the package: a card, and no file of their own."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from zoo import references
from zoo.hub.card_text import head, program, scores_text
from zoo.hub.entry import CARD, PICTURE, RECIPE
from zoo.hub.facts import Facts, Story
from zoo.hub.index import FORMAT
from zoo.hub.picture import calibration
from zoo.hub.pushing import DPI, moved
from zoo.hub.scores import score
from zoo.plots.saving import save_figure
from zoo.references.reference import Reference
from zoo.runtime.files.atomic import write_text

REFERENCES = {  # the reference of an entry
    "reference-concrete-50": "concrete-50",
    "reference-digits-mlp": "digits-mlp",
    "reference-moons": "moons",
    "reference-sinusoid": "sinusoid",
}
_REMARKS = {
    "reference-sinusoid": "The test part is the true function without noise, on a grid that "
    "reaches beyond the data: away from them the prior decides. "
}
_LIMITS = (
    "It is the truth only for its own model and data. The few weights that are stored predict at "
    "any input, with more Monte-Carlo error than the function values of "
    "`zoo.references.load({name!r}).posterior`, which are known at its inputs alone."
)


def make_reference(name: str, hub: Path) -> Path:
    """Write the entry of a reference: its card and its scores.

    Arguments:
        name: One of `REFERENCES`.
        hub: The hub's folder.
    """
    reference = references.load(REFERENCES[name])
    posterior, data = reference.weight_posterior, reference.data
    scored = score(posterior, data)
    facts = Facts(
        name=name,
        table={},
        evidence={},
        scored=scored,
        num_samples=100,
        story=Story(licence="apache-2.0"),
        data_name=data.name,
    )
    scores = {key: asdict(number) for key, number in scored.scores.items()}
    recipe = {"format": FORMAT, "reference": reference.name, "scores": scores}
    recipe |= {"data": data.name, "num_samples": facts.num_samples}

    with tempfile.TemporaryDirectory() as scratch:
        new = Path(scratch)
        write_text(new / RECIPE, json.dumps(recipe, indent=1) + "\n")
        write_text(new / CARD, _card(facts, reference))
        save_figure(calibration(scored, data), new / PICTURE, DPI)
        return moved(new, hub, name)


def _card(facts: Facts, reference: Reference) -> str:
    """Return the card of the reference with a head, the scores and what it gets wrong."""
    text = references.card(reference).replace(
        f"# {reference.name}", f"# {facts.name}", 1
    )
    parts = [
        head(facts),
        text.strip(),
        "## Scores on test data",
        scores_text(facts),
        "## What it is for",
        "The truth that a guide or an engine is compared with: `zoo.fidelity`.",
        "## What it gets wrong",
        _REMARKS.get(facts.name, "") + _LIMITS.format(name=reference.name),
        "## How to load it",
        program(facts.name),
    ]

    return "\n\n".join(parts) + "\n"
