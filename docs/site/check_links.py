"""Check that each link inside a built site leads to a file, and to a place in it.

    python docs/site/check_links.py build/site

Sphinx checks what it resolves itself; this reads the pages as a browser does. Addresses of
other sites are not visited.
"""

from __future__ import annotations

import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """The links and the places of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep addresses and names."""
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.add(value)
            elif name == "id" and value:
                self.places.add(value)


@cache
def read(path: Path) -> _Page:
    """Read a page once."""
    return _Page(path.read_text(encoding="utf-8"))


def broken(site: Path) -> list[str]:
    """Return a line for each link that leads nowhere.

    Arguments:
        site: Folder of the site.
    """
    found = []
    for page in sorted(site.rglob("*.html")):
        for link in sorted(read(page).links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue

            target = page
            if parts.path:
                target = (page.parent / unquote(parts.path)).resolve()
            place = unquote(parts.fragment) if target.suffix == ".html" else ""

            if not target.is_file():
                found.append(f"{page.relative_to(site)}: {link} is no file")
            elif place and place not in read(target).places:
                found.append(f"{page.relative_to(site)}: {link} has no such place")

    return found


if __name__ == "__main__":
    lines = broken(Path(sys.argv[1]).resolve())
    print("\n".join(lines) or "all links inside the site lead somewhere")
    sys.exit(bool(lines))
