"""The check of an argument that counts something: steps, draws, chains."""

from __future__ import annotations


def check_count(name: str, value: int, minimum: int = 1) -> None:
    """Check that a number is not below a minimum.

    Raises:
        ValueError: The number is smaller.
    """
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, not {value}")
