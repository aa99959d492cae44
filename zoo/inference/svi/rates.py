"""The learning rate of each parameter: one for means and one for scales."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase

from pyro.optim import PyroOptim

from zoo.runtime.programs import PyroProgram

RateOf = Callable[[str], float]
"""Takes the name of a parameter and returns its learning rate."""

_TIMES_THE_RATE = 10.0
_LARGEST_DEFAULT = 0.1  # a step of Adam at this rate changes a scale by a tenth


def scales_of(guide: PyroProgram, names: Iterable[str]) -> list[str]:
    """Return the names of the parameters that a guide declares to be scales.

    Arguments:
        guide: Any guide; those of `guides` have patterns in `scale_parameters`.
        names: Names of parameters.
    """
    patterns = getattr(guide, "scale_parameters", None) or ()
    found = []
    for name in names:
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            found.append(name)

    return found


def rates_of(
    guide: PyroProgram,
    names: Iterable[str],
    lr: float,
    scale_lr: float | RateOf | None,
    is_default_higher: bool,
) -> dict[str, float]:
    """Return the learning rate of each parameter by name.

    Arguments:
        guide: The guide.
        names: Names of its parameters and of point estimates.
        lr: Learning rate.
        scale_lr: Learning rate of the guide's scales; a function of a name that returns
            the rate of that parameter; or None for the default.
        is_default_higher: Whether the default is ten times `lr` (and at most 0.1), not
            `lr`.

    Raises:
        ValueError: A rate that is not positive; a guide that does not say which of its
            parameters are scales.
    """
    names = list(names)
    if callable(scale_lr):
        return {name: _checked(scale_lr(name), name) for name in names}

    if scale_lr is not None:
        _check_declares_scales(guide, names)
    elif is_default_higher:
        scale_lr = max(lr, min(_TIMES_THE_RATE * lr, _LARGEST_DEFAULT))
    else:
        scale_lr = lr

    scales = scales_of(guide, names)
    return {name: scale_lr if name in scales else lr for name in names}


def check_scale_rate(scale_lr: object, optimizer: object) -> None:
    """Check that an argument is None, a function of a name, or a learning rate.

    Raises:
        ValueError: It is not, or the optimiser is one of Pyro, which has its own rates.
    """
    if scale_lr is None:
        return

    if isinstance(optimizer, PyroOptim):
        raise ValueError(
            "an optimiser of pyro.optim has its own rates; omit scale_lr, or write "
            "optimizer=torch.optim.Adam"
        )

    if not callable(scale_lr) and not _is_rate(scale_lr):
        raise ValueError(
            "scale_lr must be a positive learning rate of the guide's scales, not "
            f"{scale_lr!r}; write scale_lr=0.1, or a function that takes the name of a "
            "parameter and returns its rate"
        )


def _check_declares_scales(guide: PyroProgram, names: Iterable[str]) -> None:
    """Refuse a rate of scales for a guide that does not say which parameters are scales.

    Raises:
        ValueError: The guide is not one of `guides`, or a family that declares nothing.
    """
    if getattr(guide, "scale_parameters", None) is not None:
        return

    family = getattr(guide, "__name__", type(guide).__name__)
    parameters = ", ".join(names)
    raise ValueError(
        f"{family} does not declare which of its parameters {parameters} are scales; write "
        "scale_lr=lambda name: ... with the rate of each, or omit scale_lr"
    )


def _checked(rate: object, name: str) -> float:
    if _is_rate(rate):
        return float(rate)  # type: ignore[arg-type]

    raise ValueError(
        f"scale_lr must return a positive learning rate for {name!r}, not {rate!r}"
    )


def _is_rate(value: object) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and value > 0 and math.isfinite(value)  # type: ignore[operator]
