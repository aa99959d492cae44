"""Equations as MathML, which browsers show without a script and without a network."""

from __future__ import annotations

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml, pick_math_environment
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

_LOG = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer of equations."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))

    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(writer: HTML5Translator, node: nodes.math) -> None:
    """Write an equation inside a sentence."""
    writer.body.append(_mathml(node, as_block=False))
    raise nodes.SkipNode


def _block(writer: HTML5Translator, node: nodes.math_block) -> None:
    """Write an equation with a line of its own."""
    writer.body.append(f'<div class="math">{_mathml(node, as_block=True)}</div>')
    raise nodes.SkipNode


def _mathml(node: nodes.Element, as_block: bool) -> str:
    """Return an equation as MathML; one that docutils cannot read is a warning."""
    source = node.astext()
    if as_block:
        environment = pick_math_environment(source)
        source = rf"\begin{{{environment}}}{source}\end{{{environment}}}"

    try:
        return latex2mathml.tex2mathml(source, as_block=as_block)
    except (MathError, AttributeError, IndexError) as error:
        _LOG.warning("%s is no equation: %s", source, error, location=node)
        return f"<code>{source}</code>"
