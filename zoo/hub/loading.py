"""Entries of a hub: their names, their posteriors, their cards."""

from __future__ import annotations

from pathlib import Path

from zoo import references
from zoo.hub.entry import CARD, PACKAGED, POSTERIOR, Entry, find_entry
from zoo.hub.index import entries_in, read_index
from zoo.hub.recipe import build_guide, build_model
from zoo.model import BayesianNetwork
from zoo.posterior.file_format import read_posterior
from zoo.posterior.loading import load as load_file
from zoo.posterior.posterior import Posterior
from zoo.runtime.programs import PyroProgram


def names(path: str | Path | None = None) -> list[str]:
    """Return the names of the entries of a hub, which `load` and `card` take.

    Arguments:
        path: The hub's folder; by default that of the package.

    Raises:
        FileNotFoundError: The folder is no hub.

    Example:
        >>> from zoo import hub
        >>> "digits-mlp-mean-field" in hub.list()
        True
    """
    folder = PACKAGED if path is None else Path(path)
    return entries_in(read_index(folder))


def load(
    name: str,
    path: str | Path | None = None,
    model: BayesianNetwork | PyroProgram | None = None,
    guide: PyroProgram | None = None,
    *,
    revision: str | None = None,
) -> Posterior:
    """Load the posterior of an entry, with the model and the guide that its file describes.

    Every file is compared with the sha256 in the index. Nothing of a file is executed: the
    model and the guide are public classes of zoo, guides, `torch.nn` and
    `pyro.distributions`, by name.

    Arguments:
        name: One of `hub.list()`; or OWNER/NAME, a repository of Hugging Face.
        path: The hub's folder; by default that of the package.
        model: The model, for an entry that does not describe its own.
        guide: A fresh guide of that model, after variational inference.
        revision: A commit, a tag or a branch of the repository.

    Raises:
        FileNotFoundError: The folder is no hub.
        ValueError: There is no such entry, a file is not the one of the index, or the entry
            does not describe its model.
        ImportError: A repository, and huggingface_hub is not installed.

    Example:
        >>> from zoo import hub
        >>> hub.load("digits-mlp-mean-field")
        Posterior over 2,260 parameters at 4 sites: MeanField guide
    """
    entry = find_entry(name, path, revision)
    recipe = entry.recipe()
    if "reference" in recipe:
        return references.load(str(recipe["reference"])).weight_posterior

    file = entry.checked(POSTERIOR)
    header, tensors = read_posterior(file)
    if model is None:
        text = recipe.get("model")
        if text is None:
            raise ValueError(_missing(entry, "model", recipe.get("why", "")))
        model = build_model(text, tensors)

    if guide is None and header["guide"] is not None:
        text = recipe.get("guide")
        if text is None or not isinstance(model, BayesianNetwork):
            raise ValueError(_missing(entry, "guide", recipe.get("why", "")))
        guide = build_guide(text, model)

    return load_file(file, model, guide)


def card(
    name: str, path: str | Path | None = None, *, revision: str | None = None
) -> str:
    """Return the card of an entry: Markdown after a head in YAML, as Hugging Face expects.

    It says what the model, the prior, the guide or engine and the data are, with licence and
    split; the seed, the versions and the command; evidence and scores with their standard
    errors; what it is for, and what it gets wrong.

    Arguments:
        name: One of `hub.list()`; or OWNER/NAME, a repository of Hugging Face.
        path: The hub's folder; by default that of the package.
        revision: A commit, a tag or a branch of the repository.

    Raises:
        FileNotFoundError: The folder is no hub.
        ValueError: There is no such entry, or the card is not the one of the index.

    Example:
        >>> from zoo import hub
        >>> hub.card("digits-mlp-mean-field")[:3]
        '---'
    """
    path_of_card = find_entry(name, path, revision).checked(CARD)
    return path_of_card.read_text(encoding="utf-8")


def _missing(entry: Entry, what: str, why: object) -> str:
    """Return the message about an entry that does not describe its model or its guide."""
    because = f" ({why})" if why else ""
    return (
        f"the entry {entry.name!r} does not describe its {what}{because}; write "
        f"zoo.hub.load({entry.name!r}, ..., {what}=...), as you would give it to zoo.load"
    )
