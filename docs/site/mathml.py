"""Equations as MathML, which browsers show without a script and without a network."""

from __future__ import annotations

import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

_LOG = logging.getLogger(__name__)
_UNKNOWN = re.compile(
    r">(\\\w+)<"
)  # the converter passes on a command that it does not know


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer of equations."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))

    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(writer: HTML5Translator, node: nodes.math) -> None:
    """Write an equation inside a sentence."""
    writer.body.append(_mathml(node, "inline"))
    raise nodes.SkipNode


def _block(writer: HTML5Translator, node: nodes.math_block) -> None:
    """Write an equation with a line of its own."""
    writer.body.append(f'<div class="math">{_mathml(node, "block")}</div>')
    raise nodes.SkipNode


def _mathml(node: nodes.Element, display: str) -> str:
    """Return an equation as MathML; an unknown command is a warning."""
    source = re.sub(r"\\arg\\(max|min)", r"\\operatorname{arg\1}", node.astext())
    mathml = convert(source, display=display)
    for command in _UNKNOWN.findall(mathml):
        _LOG.warning("no MathML for %s", command, location=node)

    return mathml
