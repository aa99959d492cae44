"""Reparameterised tensors: the auxiliary sites in their place, and their values given those."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pyro
from pyro import poutine
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.infer.reparam.reparam import Reparam
from pyro.poutine.messenger import Messenger
from torch import Tensor

from zoo.runtime.distributions import describe


class AuxiliarySite(NamedTuple):
    """The distribution of an auxiliary site, and the value that belongs to an initial one."""

    prior: TorchDistributionMixin
    init: Tensor


def auxiliary_sites(
    name: str, reparam: Reparam, prior: TorchDistributionMixin, init: Tensor
) -> dict[str, AuxiliarySite]:
    """Return the sites that are sampled in the place of a tensor, by name.

    Arguments:
        name: Name of the tensor.
        reparam: Pyro's reparameterisation.
        prior: Distribution of the tensor.
        init: Initial value of the tensor.

    Raises:
        ValueError: The reparameterisation does not fit the distribution.
    """
    found: dict[str, AuxiliarySite] = {}
    try:
        with poutine.block(), _Record(found):
            _apply(name, reparam, prior, init)
    except (AssertionError, AttributeError, NotImplementedError, TypeError) as error:
        kind = type(reparam).__name__
        raise ValueError(
            f"{kind} does not fit site {name!r}, {describe(prior)}; take LocScaleReparam(0.0) "
            "for a distribution with loc and scale, and TransformReparam() for a transformed one"
        ) from error

    return found


def original_value(
    name: str,
    reparam: Reparam,
    prior: TorchDistributionMixin,
    values: Mapping[str, Tensor],
) -> Tensor:
    """Return the value of a tensor given those of its auxiliary sites.

    Arguments:
        name: Name of the tensor.
        reparam: Pyro's reparameterisation.
        prior: Distribution of the tensor, of which the values may have a batch.
        values: Values of the auxiliary sites by name, (*S, *shape).
    """
    with poutine.block(), pyro.validation_enabled(False), _Give(values):
        return _apply(name, reparam, prior, None)


def _apply(
    name: str, reparam: Reparam, prior: TorchDistributionMixin, value: Tensor | None
) -> Tensor:
    message: Any = {"name": name, "fn": prior, "value": value, "is_observed": False}
    applied: Any = reparam.apply(message)

    return applied["value"]


class _Record(Messenger):
    """Records the sample statements of a reparameterisation."""

    def __init__(self, found: dict[str, AuxiliarySite]) -> None:
        super().__init__()
        self.found = found

    def _pyro_sample(self, msg: Any) -> None:
        if msg["value"] is None:
            raise NotImplementedError("the initial value has no auxiliary value")

        self.found[msg["name"]] = AuxiliarySite(msg["fn"], msg["value"].detach())


class _Give(Messenger):
    """Gives values to the sample statements of a reparameterisation."""

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.values = values

    def _pyro_sample(self, msg: Any) -> None:
        msg["value"] = self.values[msg["name"]]
        msg["done"] = True
