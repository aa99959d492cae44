"""What a sampler samples, as text by name: the model, its temperatures and the data."""

from __future__ import annotations

from collections.abc import Mapping

from zoo.inference.fingerprint import describe_tree
from zoo.inference.mcmc.density.potential import Potential
from zoo.model import BayesianNetwork
from zoo.posterior.model_description import describe_model
from zoo.runtime.description.objects import describe_value
from zoo.runtime.programs import PyroProgram


def describe_target(
    model: BayesianNetwork | PyroProgram,
    potential: Potential,
    described: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return what the target of a sampler is. Chains of equal targets may stand side by side.

    Arguments:
        model: The model as the user gave it.
        potential: Its potential energy.
        described: The data as text by name, if those of the potential are one batch.
    """
    tempering = potential.tempering
    words = {
        "temperature": str(tempering.whole),
        "likelihood_temperature": str(tempering.likelihood),
    }

    data = potential.program.data
    if isinstance(model, BayesianNetwork):
        words |= describe_model(model)
        if described is not None:
            return words | dict(described)

        x, y, *said = data
        words |= describe_tree("number of data", said)
        return words | describe_tree("inputs", x) | describe_tree("targets", y)

    words["model"] = describe_value(model)
    for name, prior in potential.program.latents.items():
        words[f"prior of {name}"] = f"{describe_value(prior)} {tuple(prior.shape())}"

    return words | describe_tree("argument ", data)
