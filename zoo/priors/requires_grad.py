"""Parameters that the user has frozen by `requires_grad_(False)`, or that cannot change at all."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from torch import Tensor, nn

from zoo.priors.treatment import Decision, Frozen, Rule, Treatment, decide
from zoo.runtime.caller import stack_level


def treat_parameters(rule: Rule, network: nn.Module) -> dict[str, Treatment]:
    """Apply a rule to the parameters of a network, and keep those frozen that the user froze.

    A parameter with `requires_grad=False` is frozen, unless the rule has its own name. A
    parameter of integers, or without elements, is always frozen.

    Arguments:
        rule: The rule.
        network: The network.

    Raises:
        ValueError: The rule names a parameter that is no floating-point tensor.
    """
    parameters = dict(network.named_parameters())
    decisions = decide(rule, network, parameters)

    treatments = {}
    named = []
    for name, decision in decisions.items():
        treatments[name] = decision.treatment
        if _is_free(name, parameters[name], decision):
            continue

        if decision.is_named and parameters[name].numel() > 0:
            named.append(name)
        else:
            treatments[name] = Frozen()

    if named:
        _warn_of_named(named, network)

    return treatments


def frozen_by_user(network: nn.Module) -> list[str]:
    """Return the names of the parameters with `requires_grad=False`."""
    frozen = []
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            frozen.append(name)

    return frozen


def warn_of_changed(network: nn.Module, built: Sequence[str]) -> None:
    """Warn of parameters that were frozen, or no longer are, since a model was built.

    Arguments:
        network: The network.
        built: The names of the parameters with `requires_grad=False` at that time.
    """
    changed = sorted(set(frozen_by_user(network)) ^ set(built))
    if not changed:
        return

    first = changed[0]
    more = f" and of {len(changed) - 1} more" if len(changed) > 1 else ""
    was = "False" if first in built else "True"
    warnings.warn(
        f"requires_grad of {first}{more} has changed since the model was built (then {was}); the "
        "model keeps what was said then; build it and its guide again to heed the change",
        stacklevel=stack_level(),
    )


def _is_free(name: str, parameter: Tensor, decision: Decision) -> bool:
    """Return whether a parameter takes the treatment that its rule gives it."""
    if isinstance(decision.treatment, Frozen):
        return True

    is_number = parameter.is_floating_point() or parameter.is_complex()
    if decision.is_named and not is_number:
        raise ValueError(
            f"the parameter {name} has the dtype {parameter.dtype} and can neither be random "
            "nor trained; write priors.Frozen() for it"
        )

    return parameter.requires_grad and parameter.numel() > 0


def _warn_of_named(named: Sequence[str], network: nn.Module) -> None:
    """Say that the prior decides about parameters with `requires_grad=False`."""
    more = ", ..." if len(named) > 3 else ""
    names = ", ".join(named[:3]) + more
    warnings.warn(
        f"the prior names {names} of {type(network).__name__}, so that requires_grad=False does "
        "not freeze them; take them out of the prior, or write priors.Frozen(), to keep them "
        "frozen",
        stacklevel=stack_level(),
    )
