"""Checks of the sizes and noise scales of the toys."""


def check_sizes(**sizes: int) -> None:
    """Refuse a number of points or inputs below 1."""
    for name, value in sizes.items():
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        if not is_integer or value < 1:
            raise ValueError(f"{name} is {value!r}; write an integer of at least 1")


def check_scales(**scales: float) -> None:
    """Refuse a standard deviation that is not positive and finite."""
    for name, value in scales.items():
        if not 0.0 < value < float("inf"):
            raise ValueError(
                f"{name} is {value!r}; write a standard deviation above zero"
            )
