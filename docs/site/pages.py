"""Pages that are HTML already, such as that of `zoo explore`: a link opens them."""

from __future__ import annotations

import shutil
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

_FOLDER = "docs"
_BEFORE_DOWNLOADS = 400  # are collected


def setup(app: Sphinx) -> dict[str, bool]:
    """Link such pages, and copy them."""
    app.connect("doctree-read", _open, priority=_BEFORE_DOWNLOADS)
    app.connect("build-finished", _copy)

    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _open(_app: Sphinx, doctree: nodes.document) -> None:
    """Let a link open a page instead of downloading it."""
    for link in list(doctree.findall(addnodes.download_reference)):
        if link["reftarget"].endswith(".html"):
            opened = nodes.reference("", "", refuri=link["reftarget"], internal=True)
            opened += link.children
            link.replace_self(opened)


def _copy(app: Sphinx, error: Exception | None) -> None:
    """Copy the pages to the folder where they are linked."""
    if error is None:
        for page in Path(app.srcdir, _FOLDER).glob("*.html"):
            shutil.copy(page, Path(app.outdir, _FOLDER, page.name))
