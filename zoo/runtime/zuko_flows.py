"""The flows of zuko, imported so that torch's distributions keep their settings."""

from __future__ import annotations

from types import ModuleType

from torch.distributions import Distribution

_GLOBAL_SETTINGS = ("_validate_args", "arg_constraints")  # that importing zuko changes


def zuko_flows(name: str) -> ModuleType:
    """Import zuko's flows, and restore the settings of torch's distributions that zuko changes.

    Arguments:
        name: The name of what needs them, for the message.

    Raises:
        ImportError: zuko is not installed.
    """
    before = {setting: vars(Distribution)[setting] for setting in _GLOBAL_SETTINGS}
    try:
        import zuko.flows
    except ImportError as error:
        raise ImportError(
            f"{name} needs zuko; write pip install 'bnn-zoo[flows]'"
        ) from error
    finally:
        for setting, value in before.items():
            setattr(Distribution, setting, value)

    return zuko.flows
