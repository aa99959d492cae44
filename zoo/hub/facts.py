"""What a card says: facts of a posterior, of its data and of how it was made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from zoo.datasets import Dataset
from zoo.experiments.running.record import about
from zoo.hub.evidence import evidence
from zoo.hub.in_words import call_text, engine_text
from zoo.hub.scores import Scored
from zoo.posterior.posterior import Posterior

NOT_STATED = "not stated"


@dataclass(frozen=True, kw_only=True)
class Story:
    """What nobody but the maker of a posterior knows; every part may be left out.

    Arguments:
        about: A sentence or two on what it is.
        engine: The engine that was used, whose options the card lists.
        seed: Seed of the fit.
        command: The command that made it.
        split: What the training and the test part are.
        batch_size: Number of data in a batch, None if a step takes all.
        minutes: What the fit took, in minutes of one core; by default its wall time.
        data_licence: Licence of the data, where the data set does not state it.
        licence: Licence of the posterior's file, as Hugging Face abbreviates it.
        fidelity: How far it is from the true posterior, where that is known.
        use: What it is for.
        limits: What it gets wrong.
        notice: A text that has to go with the file, such as the licence of the weights that
            the fit began with.
    """

    about: str = ""
    engine: object | None = None
    seed: int | None = None
    command: str = ""
    split: str = ""
    batch_size: int | None = None
    minutes: float | None = None
    data_licence: str = ""
    licence: str = "other"
    fidelity: str = ""
    use: str = ""
    limits: str = ""
    notice: str = ""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the card of one entry says.

    Arguments:
        name: Name of the entry.
        table: Texts of the first table by their heading.
        evidence: Statistics of the run by name.
        scored: The scores and the prediction; None without data.
        num_samples: Number of draws of the scores, at most.
        story: What the maker says.
        data_name: Name of the data set, "" without data.
    """

    name: str
    table: dict[str, str]
    evidence: dict[str, str]
    scored: Scored | None
    num_samples: int
    story: Story
    data_name: str = ""
    versions: dict[str, str] = field(default_factory=dict)


def facts_of(
    name: str,
    posterior: Posterior,
    recipe: dict[str, Any],
    data: Dataset | None,
    scored: Scored | None,
    num_samples: int,
    story: Story,
) -> Facts:
    """Collect what the card of an entry says.

    Arguments:
        name: Name of the entry.
        posterior: The posterior.
        recipe: The JSON of its model and guide, None where there is none.
        data: The data set, None if it is not known.
        scored: Its scores.
        num_samples: Number of draws of the scores, at most.
        story: What the maker says.
    """
    table = _of_model(posterior, recipe)
    if story.engine is not None:
        table["engine"] = f"`{engine_text(story.engine)}`"
    table["data"] = NOT_STATED if data is None else f"`{data!r}`"
    table["split"] = story.split or NOT_STATED
    own = "" if data is None else data.licence
    table["licence of the data"] = story.data_licence or own or NOT_STATED
    table["seed"] = NOT_STATED if story.seed is None else str(story.seed)
    table["command"] = f"`{story.command}`" if story.command else NOT_STATED
    versions = about("cpu")["versions"]
    table["versions"] = ", ".join(f"{key} {each}" for key, each in versions.items())

    return Facts(
        name=name,
        table=table,
        evidence=evidence(posterior, data, story.batch_size, story.minutes),
        scored=scored,
        num_samples=num_samples,
        story=story,
        data_name="" if data is None else data.name,
    )


def _of_model(posterior: Posterior, recipe: dict[str, Any]) -> dict[str, str]:
    """Return network, prior, likelihood and guide in words."""
    model = posterior.model
    if not posterior.has_network:
        return {"model": type(model).__name__}

    text = recipe.get("model")
    size = sum(prior.shape().numel() for prior in model.latents.values())
    network = (
        type(model.network).__name__ if text is None else call_text(text["network"])
    )
    table = {
        "network": f"`{network}`",
        "prior": f"`{model.prior!r}`",
        "likelihood": f"`{model.likelihood!r}`",
        "random numbers": f"{size:,}",
    }
    if posterior.guide is not None:
        text = recipe.get("guide")
        family = type(posterior.guide).__name__ if text is None else call_text(text)
        table["guide"] = f"`{family}`"

    return table
