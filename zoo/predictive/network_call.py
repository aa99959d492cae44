"""How a network is called with inputs of any structure, and what is taken of its output."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor, nn

from zoo.runtime.caller import stack_level
from zoo.runtime.rows import Rows, num_rows


def call_arguments(
    network: nn.Module, x: Rows
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the positional and the keyword arguments of a network for its inputs.

    A tensor is the only argument, a tuple holds positional ones, a mapping keyword ones.
    If a mapping has one entry, which is no parameter of `forward`, it is the only argument.

    Arguments:
        network: The network.
        x: Inputs.
    """
    if isinstance(x, (tuple, list)):
        return tuple(x), {}

    if not isinstance(x, Mapping):
        return (x,), {}

    if len(x) == 1 and not is_taken(network, next(iter(x))):
        return tuple(x.values()), {}

    return (), dict(x)


def is_taken(network: nn.Module, name: str) -> bool:
    """Return whether `forward` takes an argument by its name."""
    parameters = inspect.signature(network.forward).parameters
    takes_any = any(part.kind is part.VAR_KEYWORD for part in parameters.values())

    return takes_any or name in parameters


def in_rows(output: Tensor, x: Rows) -> Tensor:
    """Return an output with a row for each datum, where the network squeezed that of one datum.

    Arguments:
        output: Output of the network, (B, ...), or (...) of one datum.
        x: Inputs (B, ...).
    """
    has_one_row = output.dim() > 0 and len(output) == 1
    if has_one_row or num_rows(x) != 1:
        return output

    return output.unsqueeze(0)


class OutputChoice:
    """Takes the output (N, ...) of what a network returns.

    Arguments:
        network: The network.
        choose: Takes it; None takes the first tensor, and warns once.

    Raises:
        TypeError: `choose` is not a function.
    """

    def __init__(
        self, network: nn.Module, choose: Callable[[Any], Tensor] | None
    ) -> None:
        if choose is not None and not callable(choose):
            raise TypeError(
                f"output must be a function, such as lambda o: o.logits, not {choose!r}"
            )

        self.network = type(network).__name__
        self.choose = choose
        self._has_warned = False

    def __call__(self, returned: Any) -> Tensor:
        """Return the output of what the network returned.

        Raises:
            TypeError: It is no tensor.
        """
        if self.choose is not None:
            return self._chosen(self.choose, returned)

        if isinstance(returned, Tensor):
            return returned

        source, output = first_tensor(returned, self.network)
        if not self._has_warned:
            self._has_warned = True
            family = type(returned).__name__
            warnings.warn(
                f"the forward of {self.network} returns {family}, of which the first tensor is "
                f"the output; to choose it, write zoo.BayesianNetwork(..., {source})",
                stacklevel=stack_level(),
            )

        return output

    def _chosen(self, choose: Callable[[Any], Tensor], returned: Any) -> Tensor:
        """Return what the user's function takes."""
        family = type(returned).__name__
        try:
            output = choose(returned)
        except (AttributeError, KeyError, IndexError, TypeError) as error:
            raise TypeError(
                f"output={choose!r} fails on what the forward of {self.network} returns, "
                f"{family}: {type(error).__name__}: {error}"
            ) from error

        if not isinstance(output, Tensor):
            raise TypeError(
                f"output={choose!r} must take a tensor of what the forward of {self.network} "
                f"returns, {family}, not {type(output).__name__}"
            )

        return output


def first_tensor(output: Any, network: str) -> tuple[str, Tensor]:
    """Return the first tensor of an output that is no tensor, and the source that takes it.

    Arguments:
        output: A tuple, list, mapping or dataclass.
        network: Name of the network, for the error message.

    Raises:
        TypeError: There is no tensor.
    """
    for place, value in _entries(output):
        if isinstance(value, Tensor):
            return f"output=lambda o: o{place}", value

    family = type(output).__name__
    raise TypeError(
        f"the forward of {network} must return a tensor, not {family}; write "
        "zoo.BayesianNetwork(..., output=lambda o: ...) that takes one"
    )


def _entries(output: Any) -> Iterator[tuple[str, Any]]:
    """Give the entries of an output, each with the source that takes it."""
    if isinstance(output, Mapping):
        for key, value in output.items():
            yield f"[{key!r}]", value

    elif isinstance(output, (tuple, list)):
        names = getattr(output, "_fields", ())
        for number, value in enumerate(output):
            yield f".{names[number]}" if names else f"[{number}]", value

    elif is_dataclass(output):
        for part in fields(output):
            yield f".{part.name}", getattr(output, part.name)
