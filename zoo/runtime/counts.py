"""The check of an argument that counts something: steps, draws, chains."""

from __future__ import annotations


def check_count(name: str, value: int, minimum: int = 1) -> None:
    """Check that a number is whole and not below a minimum.

    Raises:
        ValueError: It is not.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not float(value).is_integer():
        raise ValueError(f"{name} must be a whole number, not {value!r}")

    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, not {value}")
