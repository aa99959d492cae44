"""The error of a file that is not as it was written."""


class DamagedFile(ValueError):
    """A file that is not as it was written: torn, changed, or of another kind."""
