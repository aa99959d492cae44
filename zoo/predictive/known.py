"""Known quantities of each datum, such as a noise scale, as a user gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from zoo.likelihoods.likelihood import Likelihood
from zoo.runtime.as_tensors import as_tensors
from zoo.runtime.rows import moved


def refuse_unknown(likelihood: Likelihood, call: str, given: Mapping[str, Any]) -> None:
    """Refuse known quantities that a likelihood does not ask for.

    Arguments:
        likelihood: The likelihood.
        call: The call that they are arguments of, for the message.
        given: Known quantities by name.

    Raises:
        TypeError: There are some; the message names those that it asks for.
    """
    for name in given:
        if name not in likelihood.given:
            listed = ", ".join(likelihood.given) or "nothing"
            raise TypeError(
                f"{call} has no argument {name!r}; besides its own arguments it takes what the "
                f"likelihood asks for of each datum, and {likelihood!r} asks for {listed}"
            )


def place_known(given: Mapping[str, Any], like: Tensor) -> dict[str, Tensor] | None:
    """Return known quantities as tensors of a device and dtype, None if there are none.

    Arguments:
        given: Known quantities (N, ...) by name.
        like: A tensor with the device and the dtype.
    """
    values = {name: as_tensors(value, name) for name, value in given.items()}

    return moved(values, like) or None
