"""What the toys say to a size or a noise that makes no data."""


def refuse_bad_sizes(**sizes: int) -> None:
    """Refuse a number of points or inputs below 1."""
    for name, value in sizes.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} is {value!r}; write an integer of at least 1.")


def refuse_bad_scales(**scales: float) -> None:
    """Refuse a standard deviation that is not positive and finite."""
    for name, value in scales.items():
        if not 0.0 < value < float("inf"):
            raise ValueError(
                f"{name} is {value!r}; write a standard deviation above zero."
            )
