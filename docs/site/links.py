"""Links between pages: to folders, from code to the reference, and those of the sidebar."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

_INSTEAD = {"tutorials": "docs/lessons"}  # folders that have a page
_PREFIXES = ("", "zoo.")
_SIDEBARS: dict[tuple[tuple[str, object], ...], str] = {}  # of members, by options
_BEFORE_THE_SIDEBAR = 100
_BEFORE_THE_THEME = 400  # asks for the sidebar


def setup(app: Sphinx) -> dict[str, bool]:
    """Resolve the links that Sphinx does not."""
    app.connect("doctree-read", _resolve_folders)
    app.connect("missing-reference", _to_a_short_name)
    app.connect("doctree-resolved", _link_code)
    app.connect("doctree-read", _shorten_sidebar, priority=_BEFORE_THE_SIDEBAR)
    app.connect("builder-inited", lambda _app: _SIDEBARS.clear())
    app.connect("html-page-context", _share_sidebar, priority=_BEFORE_THE_THEME)

    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _shorten_sidebar(_app: Sphinx, doctree: nodes.document) -> None:
    """Keep packages in the sidebar, without their four hundred members."""
    for toctree in list(doctree.findall(addnodes.toctree)):
        entries = toctree["entries"]
        kept = [entry for entry in entries if not _is_member(entry[1])]
        if len(kept) < len(entries):
            toctree["entries"] = kept
            toctree["includefiles"] = [page for _, page in kept]


def _share_sidebar(
    _app: Sphinx,
    page: str,
    _template: str,
    context: dict[str, Any],
    _doctree: nodes.document | None,
) -> None:
    """Make the sidebar of members once: it has none of them, so theirs are equal."""
    if _is_member(page):
        make = context["toctree"]
        context["toctree"] = lambda **options: _sidebar(make, **options)


def _sidebar(make: Callable[..., str], **options: object) -> str:
    """Return the sidebar of a member's page with these options."""
    key = tuple(sorted(options.items()))
    if key not in _SIDEBARS:
        _SIDEBARS[key] = make(**options)

    return _SIDEBARS[key]


def _is_member(page: str) -> bool:
    """Return whether a page is that of a class or a function."""
    folder, _, name = page.rpartition("/")
    if folder != "docs/api" or "." not in name:
        return False

    package, _, public = name.rpartition(".")
    member = getattr(import_module(package), public)
    return not isinstance(member, ModuleType)


def _resolve_folders(app: Sphinx, doctree: nodes.document) -> None:
    """Link to the page of a folder; the name of a folder without a page is text."""
    page = app.env.current_document.docname
    folder = Path(app.env.doc2path(page)).parent
    root = Path(app.srcdir).resolve()

    for link in list(doctree.findall(addnodes.pending_xref)):
        path = (folder / link["reftarget"]).resolve()
        is_folder = link["reftype"] == "myst" and path.is_dir()
        if not is_folder or not path.is_relative_to(root):
            continue

        instead = _INSTEAD.get(str(path.relative_to(root)))
        if instead is None:
            link.replace_self(link.children)
        else:
            link["refdomain"], link["reftype"] = "std", "doc"
            link["reftarget"], link["refexplicit"] = f"/{instead}", True
            link["refdoc"] = page


def _to_a_short_name(
    app: Sphinx, env: BuildEnvironment, node: nodes.Element, content: nodes.Element
) -> nodes.Node | None:
    """Link `inference.SVI` to `zoo.inference.SVI`."""
    if node.get("refdomain") != "py":
        return None

    address = _address(app, env, node["refdoc"], node["reftarget"])
    if address is None:
        return None
    return nodes.reference("", "", content, refuri=address, internal=True)


def _link_code(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Link code in a page, such as `guides.MeanField(model)`, to the object's page."""
    if page.startswith("docs/api/"):
        return

    menu = ""
    for literal in list(doctree.findall(nodes.literal)):
        if isinstance(literal.parent, (nodes.reference, nodes.title)):
            continue

        text = literal.astext().partition("(")[0]
        if text == "guides" or text.startswith("zoo."):
            menu = f"{text}."
        address = _address(app, app.env, page, text)
        if address is None and page == "docs/menus":
            address = _address(app, app.env, page, menu + text)
        if address is not None:
            link = nodes.reference("", "", refuri=address, internal=True)
            literal.replace_self(link)
            link.append(literal)


def _address(app: Sphinx, env: BuildEnvironment, page: str, name: str) -> str | None:
    """Return the address of a documented object, None for a name that is not one."""
    objects = env.domains.python_domain.objects
    for prefix in _PREFIXES:
        found = objects.get(prefix + name)
        if found is not None and "." in prefix + name:
            start = app.builder.get_relative_uri(page, found.docname)
            return f"{start}#{found.node_id}"

    return None
