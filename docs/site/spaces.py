"""Numbers with their errors, such as 124.0 ± 7.5, stay on one line."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, bool]:
    """Change the text of pages after they are read."""
    app.connect("doctree-read", _keep_together)

    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _keep_together(_app: Sphinx, doctree: nodes.document) -> None:
    """Put spaces that do not break around the sign of an error."""
    for text in list(doctree.findall(nodes.Text)):
        is_code = isinstance(text.parent, (nodes.literal, nodes.literal_block))
        if " ± " in text and not is_code:
            text.parent.replace(text, nodes.Text(text.replace(" ± ", "\u00a0±\u00a0")))
