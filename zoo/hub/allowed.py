"""The only names that a file may have built: public members of zoo and guides, layers, laws."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from pyro.infer.reparam.reparam import Reparam
from torch import nn
from torch.distributions import Distribution

_OWN = (  # all public classes and functions of these
    "zoo.networks",
    "zoo.priors",
    "zoo.likelihoods",
    "guides",
    "guides.mixture_entropy",
)
_OTHERS: dict[str, type] = {  # of these the subclasses of a class
    "torch.nn": nn.Module,
    "pyro.distributions": Distribution,
    "pyro.infer.reparam": Reparam,
}


def allowed(name: str) -> Any:
    """Return the class or function of a dotted name, if a file may have it built.

    Nothing is imported but the modules of the list, and no attribute of an attribute is
    looked up.

    Arguments:
        name: Such as "zoo.networks.MLP" or "torch.nn.Tanh".

    Raises:
        ValueError: Any other name.
    """
    module, _, member = str(name).rpartition(".")
    if module in _OWN or module in _OTHERS:
        value = _members(module).get(member)
        if value is not None:
            return value

    listed = ", ".join([*_OWN, *_OTHERS])
    raise ValueError(
        f"a file asks for {name!r}, which may not be built from a file; only public classes of "
        f"{listed} may"
    )


def name_of(value: Any) -> str | None:
    """Return the dotted name of an allowed class or function, None of any other object."""
    member = getattr(value, "__name__", "")
    for module in [*_OWN, *_OTHERS]:
        if _members(module).get(member) is value:
            return f"{module}.{member}"

    return None


def _members(module: str) -> dict[str, Any]:
    """Return the classes and functions of a module that a file may name."""
    imported = importlib.import_module(module)
    base = _OTHERS.get(module)
    names = imported.__all__ if base is None else vars(imported)

    found = {}
    for name in names:
        value = vars(imported).get(name)
        is_class = inspect.isclass(value)
        is_of_base = is_class and (base is None or issubclass(value, base))
        is_own_function = base is None and inspect.isfunction(value)
        if name[0] != "_" and (is_of_base or is_own_function):
            found[name] = value

    return found
