"""`zoo docs`: open the site with the documentation, where it is built."""

from __future__ import annotations

import argparse
import webbrowser
from pathlib import Path

import zoo

SITE = Path("build", "site", "index.html")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Open the documentation in a browser. `make docs` in a clone of the repository "
        "builds it."
    )
    parser.add_argument(
        "--print", action="store_true", dest="only_print", help="print its address only"
    )


def run(arguments: argparse.Namespace) -> None:
    """Print the address of the site, and open it."""
    address = find_site().as_uri()
    print(address)
    if not arguments.only_print:
        webbrowser.open(address)


def find_site() -> Path:
    """Return the first page of the site, in this folder or in the clone of the package.

    Raises:
        FileNotFoundError: The site is not built.
    """
    clone = Path(zoo.__file__).parents[1]
    for folder in (Path.cwd(), clone):
        page = folder / SITE
        if page.is_file():
            return page

    raise FileNotFoundError(
        f"the documentation must be built first, and {clone / SITE} is not there; write "
        "`make docs` in a clone of the repository, or read its folder docs/"
    )
