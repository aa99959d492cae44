"""The shape of the source: who imports whom, what a menu promises, where everything is listed."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
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
SELECTIONS = {"all_but_normalisation", "by_depth", "by_name", "by_type", "last_layer"}
PARTS = {"Prior", "Engine", "Likelihood", "Guide", 
    "Dataset",
    "FilterResponseNorm",
    "Split",
    "Units",
    "toy",
}  # what members are made of, no members

# From the ground up: a layer imports its own, and what is below it.
LAYERS = [
    [
        "zoo.runtime.subnormals",
        "zoo.runtime.distributions",
        "zoo.experiments.record",
        "zoo.reports.table",
        "zoo.runtime.threads",
        "zoo.posterior.thinning",
        "zoo.runtime.torchvision_shim",
    ],
    ["zoo.posterior.info", "zoo.runtime.effects"],
    ["zoo.runtime.progress"],
    ["zoo.networks", "zoo.metrics", "zoo.datasets", "zoo.plots", "guides"],
    ["zoo.priors", "zoo.likelihoods"],
    ["zoo.runtime.memory_format"],
    ["zoo.reports.summary", "zoo.predictive.prediction", "zoo.predictive.evaluate"],
    ["zoo.model"],
    ["zoo.runtime.param_scope", "zoo.data"],
    ["zoo.posterior.posterior"],
    ["zoo.posterior.storage"],
    ["zoo.inference", "zoo.diagnostics"],
    ["zoo.references"],
    ["zoo.reports.comparison", "zoo.reports.explanation", "zoo.pruning", "zoo.stress"],
    ["zoo"],
    ["zoo.experiments"],
    ["zoo.command"],
    ["zoo.__main__"],
]
COMMAND_LINE = {"zoo.experiments", "zoo.command", "zoo.__main__"}  # where p and q meet
ALONE = {  # what these may import of ours, besides themselves
    "guides": set(),
    "zoo.networks": {"zoo.runtime.torchvision_shim"},
    "zoo.metrics": {"zoo.runtime.torchvision_shim"},
    "zoo.datasets": {"zoo.runtime.torchvision_shim"},
    "zoo.plots": {"zoo.runtime.torchvision_shim"},
    "zoo.priors": {"zoo.runtime.distributions"},
    "zoo.likelihoods": {"zoo.runtime.distributions"},
}
UPWARDS = {
    ("zoo.posterior.posterior", "zoo.diagnostics"),
    ("zoo.posterior.posterior", "zoo.posterior.storage"),
}  # methods for convenience
BIGGEST = 300


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


def is_type_checking(node: ast.AST) -> bool:
    """Tell whether a statement is `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"


def imported(node: ast.AST) -> set[str]:
    """Return the modules of ours that one import statement names."""
    found = set()
    if isinstance(node, ast.Import):
        found = {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        whole = {f"{node.module}.{alias.name}" for alias in node.names}
        found = {name if name in TREES else node.module for name in whole}
    return {name for name in found if name.partition(".")[0] in {"zoo", "guides"}}


def imports(name: str, inside: bool = False) -> set[str]:
    """Return the modules of ours that a module imports at its top, or anywhere inside its functions."""
    top = [node for node in TREES[name].body if not is_type_checking(node)]
    if not inside:
        return set().union(*map(imported, top))
    functions = [
        node
        for node in ast.walk(TREES[name])
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    return set().union(
        *(imported(node) for function in functions for node in ast.walk(function))
    )


@pytest.mark.parametrize("name", TREES)
def test_imports_go_downwards(name):
    height = {part: number for number, layer in enumerate(LAYERS) for part in layer}
    own = layer_of(name)
    for other in imports(name):
        assert height[layer_of(other)] <= height[own], (
            f"{name} imports {other}, which stands above it"
        )
        if own in ALONE and layer_of(other) != own:
            assert other in ALONE[own], (
                f"{name} imports {other}; it may import {sorted(ALONE[own]) or 'nothing of ours'}"
            )
        if layer_of(other) != own and own not in COMMAND_LINE:
            assert {own.partition(".")[0], other.partition(".")[0]} != {
                "zoo",
                "guides",
            }, f"{name} imports {other}"


@pytest.mark.parametrize("name", TREES)
def test_imports_inside_functions_are_for_others(name):
    for other in imports(name, inside=True):
        pair = (name, layer_of(other))
        allowed = (
            pair in UPWARDS or layer_of(name) in COMMAND_LINE or other == "zoo.plots"
        )
        assert allowed or layer_of(other) == layer_of(name), (
            f"{name} imports {other} inside a function"
        )


def test_no_import_goes_in_a_circle():
    graph = {name: imports(name) - {name} for name in TREES}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join([*path, name])
        if name not in done:
            for other in sorted(graph.get(name, ())):
                visit(other, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_a_module_has_a_subject_a_sentence_and_a_size(path):
    assert path.stem not in {"utils", "helpers", "common", "misc", "tools"}
    text = path.read_text()
    assert text.count("\n") <= BIGGEST, f"{path} has more than {BIGGEST} lines"
    sentence = (ast.get_docstring(TREES[module_name(path)]) or "").split("\n\n")[0]
    assert re.search(r"[.!?)]$", sentence.strip()), f"{path} opens with no sentence"


def members(menu: str) -> list[tuple[str, object]]:
    """Return the members of a menu; a module among them brings its own."""
    module = importlib.import_module(menu)
    found = []
    for name in module.__all__:
        member = getattr(module, name)
        if inspect.ismodule(member):
            found += [
                (f"{name}.{own}", getattr(member, own))
                for own in member.__all__
                if own[0].islower()
            ]
        else:
            found.append((name, member))
    return found


ALL = [(menu, name) for menu in MENUS for name, _ in members(menu)]
BY_NAME = pytest.mark.parametrize(
    ("menu", "name"), ALL, ids=[f"{menu}.{name}" for menu, name in ALL]
)


@pytest.mark.parametrize("menu", MENUS)
def test_a_table_of_contents_is_in_order_and_names_what_is_there(menu):
    module = importlib.import_module(menu)
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert hasattr(module, name), name


@BY_NAME
def test_a_member_of_a_menu_says_what_it_is_and_from_where(menu, name):
    text = inspect.getdoc(dict(members(menu))[name])
    sentence = (text or "").split("\n\n")[0]
    assert re.search(r"[.:]$", sentence), f"{name} has no first sentence: {sentence!r}"
    if name not in SELECTIONS | {"Split", "Units"}:
        assert "References:\n" in text, f"{name} has no References"


@BY_NAME
def test_a_member_of_a_menu_documents_its_arguments(menu, name):
    member = dict(members(menu))[name]
    arguments = [
        parameter.name
        for parameter in inspect.signature(member).parameters.values()
        if parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
    ]
    bases = inspect.getmro(member) if inspect.isclass(member) else [member]
    text = "\n".join(
        inspect.getdoc(base) or "" for base in bases
    )  # a base class may say it for all its members
    for argument in arguments:
        assert re.search(rf"^\s+{argument}: ", text, re.MULTILINE), (
            f"{name} does not document {argument}"
        )


@BY_NAME
def test_a_member_of_a_menu_stands_in_the_table_of_cases(menu, name):
    if name in PARTS or name in {"Dataset", "Split", "Units"}:
        return
    text = (ROOT / "tests" / "cases.py").read_text()
    assert re.search(rf"\b{re.escape(name)}\b", text), (
        f"tests/cases.py has no row for {name}"
    )


@BY_NAME
def test_a_member_of_a_menu_stands_in_the_readme(menu, name):
    if name in PARTS:
        return
    text = (ROOT / "README.md").read_text()
    assert re.search(rf"\b{re.escape(name)}\b", text), (
        f"README.md has no row for {name}"
    )


@pytest.mark.parametrize("name", importlib.import_module("guides").__all__)
def test_a_guide_stands_in_the_table_of_exactness(name):
    text = (ROOT / "benchmarks" / "exactness.py").read_text()
    assert re.search(rf"\bguides\.{name}\b", text), (
        f"benchmarks/exactness.py has no row for {name}"
    )
