"""Check that each link inside a built site leads to a file, and to a place in it.

    python docs/site/check_links.py build/site

Sphinx checks what it resolves itself; this reads the pages as they were written, where an
attribute stands in double quotes. Addresses of other sites are not visited.
"""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from html import unescape
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

_CODE = re.compile(r"<(script|style)\b[^>]*>.*?</\1>", re.DOTALL)
_TAG = re.compile(r"<[a-zA-Z][^>]*>")
_ATTRIBUTE = re.compile(r'\s(href|src|id)="([^"]*)"')


class _Page(NamedTuple):
    """The links and the places of a page."""

    links: set[str]
    places: set[str]


@cache
def read(path: str) -> _Page:
    """Read a page once."""
    text = Path(path).read_text(encoding="utf-8")
    page = _Page(set(), set())
    for tag in _TAG.findall(_CODE.sub(_first_tag, text)):
        for name, value in _ATTRIBUTE.findall(tag):
            found = page.places if name == "id" else page.links
            found.add(unescape(value))

    return page


def _first_tag(code: re.Match[str]) -> str:
    """Return the tag that begins code, which may have an address, without the code."""
    tag, _, _ = code[0].partition(">")

    return f"{tag}>"


@cache
def is_file(path: str) -> bool:
    """Return whether there is a file."""
    return os.path.isfile(path)


def broken(site: Path) -> list[str]:
    """Return a line for each link that leads nowhere.

    Arguments:
        site: Folder of the site.
    """
    found = []
    for page in sorted(site.rglob("*.html")):
        for link in sorted(read(str(page)).links):
            fault = _fault(page, link)
            if fault:
                found.append(f"{page.relative_to(site)}: {link} {fault}")

    return found


def _fault(page: Path, link: str) -> str:
    """Return what is wrong with a link of a page, nothing if it leads somewhere."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc or not link:
        return ""

    target = str(page)
    if parts.path:
        target = os.path.normpath(os.path.join(page.parent, unquote(parts.path)))
    if not is_file(target):
        return "is no file"

    place = unquote(parts.fragment) if target.endswith(".html") else ""
    if place and place not in read(target).places:
        return "has no such place"

    return ""


if __name__ == "__main__":
    lines = broken(Path(sys.argv[1]).resolve())
    print("\n".join(lines) or "all links inside the site lead somewhere")
    sys.exit(bool(lines))
