"""The statistics of a fit in the words of a card: losses, a bound, R-hat, and what it cost."""

from __future__ import annotations

from zoo.datasets import Dataset
from zoo.diagnostics.convergence import convergence
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.posterior import Posterior

_BOUNDS = {  # for the flag of a guide, where no bound was estimated
    "True": "the loss is one, up to its noise",
    "False": "none: the loss of this fit is no bound on the evidence",
    "None": "none is known",
}


def evidence(
    posterior: Posterior,
    data: Dataset | None,
    batch_size: int | None = None,
    minutes: float | None = None,
) -> dict[str, str]:
    """Return the statistics of the run, and of chains whether their functions agree.

    Arguments:
        posterior: The posterior.
        data: The data set, None if it is not known.
        batch_size: Number of data in a batch, None if a step takes all.
        minutes: What the fit took in minutes of one core; by default its wall time.

    Example:
        >>> from zoo.hub.evidence import evidence
        >>> evidence(posterior, data, batch_size=20)["cost"]
        '5 steps of 20 data, less than a minute'
    """
    found = _of_run(posterior, batch_size, minutes)
    is_sampled = isinstance(posterior, DrawsPosterior) and data is not None
    if not is_sampled or posterior.guide is not None:
        return found

    try:
        agree = convergence(posterior, data.test.x)
    except ValueError:  # a single chain, or too few draws
        return found

    return found | {
        "R-hat": f"at most {float(agree.rhat.max()):.3f} of function values"
    }


def _of_run(
    posterior: Posterior, batch_size: int | None, minutes: float | None
) -> dict[str, str]:
    """Return the statistics of the run, with its cost in the place of seconds."""
    info = posterior.info
    if info is None:
        return {}

    found = dict(info.summary())
    found.pop("seconds", None)
    if "bound" in found:
        found["bound"] = _BOUNDS.get(found["bound"], found["bound"])

    parts = []
    num_steps = getattr(info, "num_steps", None)
    if num_steps is not None:
        of_batch = "" if batch_size is None else f" of {batch_size:,} data"
        parts.append(f"{num_steps:,} steps{of_batch}")

    is_of_a_core = minutes is not None
    spent = _in_minutes(minutes if minutes is not None else info.seconds / 60)
    parts.append(f"{spent} of one core" if is_of_a_core else spent)

    return found | {"cost": ", ".join(parts)}


def _in_minutes(minutes: float) -> str:
    """Return a time as text, rounded to minutes."""
    if minutes < 0.5:
        return "less than a minute"

    number = round(minutes)
    return "about a minute" if number == 1 else f"about {number} minutes"
