"""Checks of the argument `width` that several networks have."""


def check_channels(width: int) -> None:
    """Refuse a number of channels below 1."""
    if width < 1:
        raise ValueError(f"width must be a number of channels, at least 1, not {width}")


def check_sixths(width: int) -> None:
    """Refuse a width of which one half and five sixths are not whole numbers of channels."""
    if width < 6 or width % 6:
        raise ValueError(
            "width must be a multiple of 6, because some layers have 1/2 and 5/6 of it, "
            f"not {width}"
        )
