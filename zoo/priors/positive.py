"""A check of arguments that must be positive."""


def check_positive(**arguments: float) -> None:
    """Refuse an argument that is not above zero, by its name."""
    for name, value in arguments.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, not {value}")
