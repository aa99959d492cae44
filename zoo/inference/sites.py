"""How the sites of a guide differ from those of a model."""

from __future__ import annotations

from collections.abc import Mapping

from pyro import poutine
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.runtime.distributions import support_of
from zoo.runtime.programs import PyroProgram
from zoo.runtime.sites import stochastic


def sites_differ(
    priors: Mapping[str, TorchDistributionMixin],
    guide: PyroProgram,
    reference: Tensor,
    inits: Mapping[str, Tensor] | None = None,
) -> str:
    """Return a list of the differences between a guide and a model, "" if there are none.

    Arguments:
        priors: The prior of every latent site of the model.
        guide: The guide.
        reference: A tensor with the device and dtype of the model.
        inits: Initial values, whose sites have their devices and dtypes.
    """
    values = _values_of(guide)
    differences = []
    for name in sorted(values.keys() | priors.keys()):
        prior = priors.get(name)
        value = values.get(name)
        like = (inits or {}).get(name, reference)
        difference = _difference(prior, value, like)
        if difference:
            differences.append(f"{name} ({difference})")
    return ", ".join(differences)


def _values_of(guide: PyroProgram) -> dict[str, Tensor]:
    """Run a guide once and return the value of each latent site."""
    trace = poutine.trace(guide).get_trace()
    values = {}
    for name, site in stochastic(trace).items():
        is_auxiliary = site["infer"].get("is_auxiliary")
        if not is_auxiliary:
            values[name] = site["value"].detach()
    return values


def _difference(
    prior: TorchDistributionMixin | None, value: Tensor | None, reference: Tensor
) -> str:
    """Return how one site of the guide differs from the model, "" if it does not."""
    wanted = "none" if prior is None else tuple(prior.shape())
    given = "none" if value is None else tuple(value.shape)
    if prior is None or value is None or wanted != given:
        return f"model {wanted}, guide {given}"

    same_dtype = value.dtype == reference.dtype
    same_device = value.device == reference.device
    if not same_dtype or not same_device:
        in_model = f"{reference.dtype} on {reference.device}"
        in_guide = f"{value.dtype} on {value.device}"
        return f"model {in_model}, guide {in_guide}; move one of them by .to(...)"

    support = support_of(prior)
    is_inside = support.check(value.clone())
    if not bool(is_inside.all()):
        return f"the guide draws values outside the support {prior.support}"
    return ""
