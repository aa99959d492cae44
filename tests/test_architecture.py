"""The shape of the source: who imports whom, how the tree is cut, what a public name promises."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*(ROOT / "zoo").rglob("*.py"), *(ROOT / "guides").rglob("*.py")])
MENUS = [
    "zoo.networks",
    "zoo.priors",
    "zoo.likelihoods",
    "guides",
    "zoo.inference",
    "zoo.datasets",
]
PACKAGES = [
    *MENUS,
    "zoo",
    "zoo.acquisition",
    "zoo.diagnostics",
    "zoo.experiments",
    "zoo.explore",
    "zoo.hub",
    "zoo.landscape",
    "zoo.metrics",
    "zoo.people",
    "zoo.plots",
    "zoo.posterior",
    "zoo.pruning",
    "zoo.references",
    "zoo.streams",
    "zoo.stress",
]
INTERFACES = {"Engine", "Guide", "Likelihood", "Prior"}
PARTS = {
    "Dataset",
    "FilterResponseNorm",
    "Split",
    "Units",
    "toy",
}  # of members, no members
WITHOUT_REFERENCES = {
    "all_but_normalisation",
    "by_depth",
    "by_name",
    "by_type",
    "last_layer",
    "Split",
    "Units",
    *INTERFACES,
}

# From the bottom up. A module imports from its own layer and from those below it; `zoo` itself
# names its parts without importing them.
LAYERS = [
    ["zoo", "zoo.runtime", "zoo.experiments.running.record", "zoo.reports.table"],
    ["zoo.tracing"],
    ["zoo.networks", "zoo.metrics", "zoo.datasets", "zoo.plots", "guides"],
    ["zoo.priors", "zoo.likelihoods"],
    ["zoo.reports.summary", "zoo.predictive", "zoo.acquisition"],
    ["zoo.model"],
    ["zoo.data"],
    ["zoo.posterior"],
    ["zoo.inference", "zoo.inference.ivon", "zoo.inference.swag", "zoo.diagnostics"],
    ["zoo.references"],
    ["zoo.reports", "zoo.pruning", "zoo.stress", "zoo.streams", "zoo.people"],
    ["zoo.landscape", "zoo.explore", "zoo.sweeps"],
    ["zoo.experiments"],
    ["zoo.hub"],
    ["zoo.command", "zoo.course"],
    ["zoo.__main__"],
]
MEETING = {  # where zoo and guides meet: the command line, and engines with guides of their own
    "zoo.inference.ivon",
    "zoo.inference.swag",
    "zoo.experiments",
    "zoo.hub",
    "zoo.command",
    "zoo.__main__",
}
ALONE = {  # what these may import of ours, besides themselves
    "guides": set(),
    "zoo.runtime": set(),
    "zoo.tracing": {"zoo.runtime"},
    "zoo.networks": {"zoo.runtime"},
    "zoo.metrics": {"zoo.runtime"},
    "zoo.datasets": {"zoo.runtime"},
    "zoo.plots": {"zoo.runtime"},
    "zoo.priors": {"zoo.runtime"},
    "zoo.likelihoods": {"zoo.runtime"},
}
LONGEST_FILE = 300
LONGEST_BODY = 40
LOOSE_FILES = 6


def module_name(path: Path) -> str:
    """Return the dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {module_name(path): ast.parse(path.read_text()) for path in SOURCES}


def layer_of(name: str) -> str:
    """Return the part of the layers that a module belongs to, the longest name that fits."""
    names = {part for layer in LAYERS for part in layer}
    while name not in names:
        assert "." in name, f"{name} stands in no layer"
        name = name.rpartition(".")[0]
    return name


def imported(node: ast.AST) -> set[str]:
    """Return the modules of ours that one import statement names."""
    found = set()
    if isinstance(node, ast.Import):
        found = {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        for alias in node.names:
            name = f"{node.module}.{alias.name}"
            found.add(name if name in TREES else node.module)
    return {name for name in found if name.partition(".")[0] in {"zoo", "guides"}}


def imports(name: str) -> set[str]:
    """Return the modules of ours that a module imports anywhere, TYPE_CHECKING included."""
    found: set[str] = set()
    for node in ast.walk(TREES[name]):
        found |= imported(node)
    return found - {name}


GRAPH = {name: imports(name) for name in TREES if name != "zoo"}
HEIGHT = {part: number for number, layer in enumerate(LAYERS) for part in layer}


def test_imports_go_downwards():
    wrong = []
    for name, others in GRAPH.items():
        own = layer_of(name)
        for other in others:
            part = layer_of(other)
            if part == own:
                continue
            if HEIGHT[part] > HEIGHT[own]:
                wrong.append(f"{name} imports {other}, which stands above it")
            if own in ALONE and part not in ALONE[own]:
                wrong.append(
                    f"{name} imports {other}; it may import {sorted(ALONE[own])}"
                )
            packages = {own.partition(".")[0], part.partition(".")[0]}
            if own not in MEETING and packages == {"zoo", "guides"}:
                wrong.append(
                    f"{name} imports {other}; zoo and guides do not know each other"
                )
    assert not wrong, "\n".join(wrong)


def test_no_import_goes_in_a_circle():
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join([*path, name])
        if name not in done:
            for other in sorted(GRAPH.get(name, ())):
                visit(other, (*path, name))
            done.add(name)

    for name in GRAPH:
        visit(name, ())


def test_a_circle_is_found(monkeypatch):
    monkeypatch.setitem(GRAPH, "zoo.model", {"zoo.data"})
    with pytest.raises(AssertionError, match=r"zoo\.model -> zoo\.data"):
        test_no_import_goes_in_a_circle()


def test_a_module_has_a_subject_a_sentence_and_a_size():
    wrong = []
    for path in SOURCES:
        name = module_name(path)
        if path.stem in {"utils", "helpers", "common", "misc", "tools"}:
            wrong.append(f"{name} is named for nothing")
        num_lines = path.read_text().count("\n")
        if num_lines > LONGEST_FILE:
            wrong.append(f"{name} has {num_lines} lines, more than {LONGEST_FILE}")
        sentence = (ast.get_docstring(TREES[name]) or "").split("\n\n")[0].strip()
        if not re.search(r"[.!?)]$", sentence):
            wrong.append(f"{name} opens with no sentence")
    assert not wrong, "\n".join(wrong)


def test_a_function_fits_on_a_screen():
    long = []
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            body = node.body[1:] if ast.get_docstring(node) else node.body
            size = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            if size > LONGEST_BODY:
                long.append(f"{name}.{node.name} has a body of {size} lines")
    assert not long, "\n".join(long)


def test_few_files_lie_loose_at_the_top():
    loose = [path.name for path in (ROOT / "zoo").glob("*.py")]
    assert len(loose) <= LOOSE_FILES, loose
    own = {
        "cases.py",
        "exact.py",
        "monte_carlo.py",
        "other_device.py",
        "conftest.py",
        "test_architecture.py",
    }
    assert {path.name for path in (ROOT / "tests").glob("*.py")} <= own


def test_no_two_public_classes_have_one_name():
    places = defaultdict(list)
    for name, tree in TREES.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(name)
    twice = {name: modules for name, modules in places.items() if len(modules) > 1}
    assert not twice, twice


def test_a_private_name_is_used_in_its_own_file_alone():
    wrong = []
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module in TREES:
                for alias in node.names:
                    if alias.name.startswith("_"):
                        wrong.append(f"{name} imports {alias.name} of {node.module}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", PACKAGES)
def test_dir_shows_the_public_names_and_they_are_there(package):
    module = importlib.import_module(package)
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert hasattr(module, name), name
    assert sorted(dir(module)) == sorted(module.__all__)


def members(menu: str) -> dict[str, object]:
    """Return the members of a menu by name; a module among them brings its own."""
    module = importlib.import_module(menu)
    found = {}
    for name in module.__all__:
        member = getattr(module, name)
        if inspect.ismodule(member):
            for own in member.__all__:
                if own[0].islower():
                    found[f"{name}.{own}"] = getattr(member, own)
        else:
            found[name] = member
    return found


ALL = {(menu, name): member for menu in MENUS for name, member in members(menu).items()}


def test_a_member_of_a_menu_says_what_it_is_and_from_where():
    wrong = []
    for (menu, name), member in ALL.items():
        text = inspect.getdoc(member) or ""
        sentence = text.split("\n\n")[0]
        if not re.search(r"[.:]$", sentence):
            wrong.append(f"{menu}.{name} has no first sentence: {sentence!r}")
        if name not in WITHOUT_REFERENCES and "References:\n" not in text:
            wrong.append(f"{menu}.{name} has no References")
    assert not wrong, "\n".join(wrong)


def test_a_member_of_a_menu_documents_its_arguments():
    wrong = []
    for (menu, name), member in ALL.items():
        if name in INTERFACES:
            continue
        bases = inspect.getmro(member) if inspect.isclass(member) else [member]
        # a base class may say it for all its members
        text = "\n".join(inspect.getdoc(base) or "" for base in bases)
        for parameter in inspect.signature(member).parameters.values():
            is_packed = parameter.kind in {
                parameter.VAR_POSITIONAL,
                parameter.VAR_KEYWORD,
            }
            said = re.search(rf"^\s+{parameter.name}: ", text, re.MULTILINE)
            if not is_packed and not said:
                wrong.append(f"{menu}.{name} does not document {parameter.name}")
    assert not wrong, "\n".join(wrong)


def test_a_member_of_a_menu_stands_in_the_table_of_cases():
    text = (ROOT / "tests" / "cases.py").read_text()
    names = [name for _, name in ALL if name not in PARTS | INTERFACES]
    missing = [name for name in names if not re.search(rf"\b{re.escape(name)}\b", text)]
    assert not missing, f"tests/cases.py has no row for {missing}"


def test_the_page_of_menus_is_the_generated_one():
    from zoo.command.listing import markdown

    page = (ROOT / "docs" / "menus.md").read_text()
    assert page == markdown(), "write it anew: zoo list --markdown > docs/menus.md"


def test_a_guide_stands_in_the_table_of_exactness():
    text = (ROOT / "benchmarks" / "exactness.py").read_text()
    guides = importlib.import_module("guides").__all__
    names = [name for name in guides if name not in ("Guide", "mixture_entropy")]
    missing = [name for name in names if not re.search(rf"\bguides\.{name}\b", text)]
    assert not missing, f"benchmarks/exactness.py has no row for {missing}"
