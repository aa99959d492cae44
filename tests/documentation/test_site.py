"""The site: its pages, its reference and its converters. `make docs` builds it."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

import guides
import zoo
from zoo.__main__ import main
from zoo.command.listing import MENUS

ROOT = Path(__file__).parents[2]
SITE = ROOT / "docs" / "site"
INDEX = (ROOT / "docs" / "index.md").read_text()


def part(name):
    """Import a program of the site that needs no Sphinx, or skip without what it needs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SITE))
        try:
            return importlib.import_module(name)
        except ImportError as error:
            pytest.skip(f"{error.name} is not installed: the site's extra `docs`")


def pages_of_the_index():
    trees = re.findall(r"```{toctree}\n(.*?)```", INDEX, re.DOTALL)
    lines = [line for tree in trees for line in tree.splitlines()]
    lines = [re.sub(r".*<(.+)>", r"\1", line) for line in lines]  # of a title
    names = [line for line in lines if line and not line.startswith(":")]
    return [(ROOT / "docs" / f"{name}.md").resolve() for name in names]


def test_every_page_is_in_the_contents():
    left_out = {"index.md", "package.md"}  # the first page; the description on an index
    pages = {path for path in (ROOT / "docs").glob("*.md") if path.name not in left_out}
    listed = pages_of_the_index()
    assert pages <= set(listed), f"docs/index.md lacks {pages - set(listed)}"
    assert len(set(listed)) == len(listed)
    assert all(path.is_file() for path in listed)


def test_the_reference_has_every_public_name():
    # the page of a package lists the names in its __all__, and so do those of its packages
    page = (ROOT / "docs" / "api.md").read_text()
    roots = re.findall(r"^   (\w+)$", page, re.MULTILINE)
    found, waiting = set(), list(roots)
    while waiting:
        name = waiting.pop()
        module = importlib.import_module(name)
        found.add(name)
        for public in module.__all__:
            member = getattr(module, public)
            full = f"{name}.{public}"
            if inspect.ismodule(member):
                waiting.append(full)
            found.add(full)

    for module in (zoo, guides, *MENUS.values()):
        names = {f"{module.__name__}.{public}" for public in module.__all__}
        assert names <= found


def test_references_of_a_docstring_become_a_list_and_bars_are_text():
    text = """One sentence with |w| and x_ and `a_b_`.

    .. math:: |x|_2

References:
    A title that is so long that it goes on
    in a second line (Neal, 1996)
    Another (MacKay, 1992)

Example:
    >>> a * b
"""
    lines = part("docstrings").converted(text.splitlines())
    assert lines[0] == r"One sentence with \|w\| and x\_ and `a_b_`."
    assert "    .. math:: |x|_2" in lines
    assert "    * A title that is so long that it goes on" in lines
    assert "      in a second line (Neal, 1996)" in lines
    assert "    * Another (MacKay, 1992)" in lines
    assert "    >>> a * b" in lines


def test_a_class_that_checks_names_shows_its_arguments():
    text = part("docstrings").signature_of(zoo.inference.NUTS)
    assert text.startswith("(model, *, num_chains=4, init='map', ")
    assert "max_tree_depth=10" in text
    assert part("docstrings").signature_of(None) == ""


def test_the_table_of_other_libraries_names_public_objects():
    page = (ROOT / "docs" / "peers.md").read_text()
    names = re.findall(r"^\| `((?:guides|priors|inference|zoo)\.[\w.]+)`", page, re.M)
    assert len(names) > 20
    for name in names:
        head, _, rest = name.partition(".")
        found = {"guides": guides, "zoo": zoo}.get(head) or getattr(zoo, head)
        for public in rest.split("."):
            assert public in found.__all__, name
            found = getattr(found, public)


def test_a_broken_link_is_found(tmp_path):
    good = '<a href="b.html#there">b</a> <a href="https://example.org/none">c</a>'
    (tmp_path / "a.html").write_text(good)
    (tmp_path / "b.html").write_text('<p id="there"><a href="a.html">a</a></p>')
    broken = part("check_links").broken
    assert broken(tmp_path) == []

    (tmp_path / "c.html").write_text('<a href="b.html#else">b</a> <img src="d.png">')
    assert broken(tmp_path) == [
        "c.html: b.html#else has no such place",
        "c.html: d.png is no file",
    ]


def test_the_command_says_where_the_site_is(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(zoo, "__file__", str(tmp_path / "zoo" / "__init__.py"))
    assert main(["docs"]) == 2
    assert "write `make docs`" in capsys.readouterr().err

    page = tmp_path / "build" / "site" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("the site")
    assert main(["docs", "--print"]) == 0
    assert capsys.readouterr().out.strip() == page.as_uri()


LESSON = "# %% [markdown]\n# # A title\n#\n# *A question?*\n\n# %%\nprint(1)\n"


@pytest.fixture
def lessons(tmp_path, monkeypatch):
    """Return the module, with one lesson in a folder of its own, and its run."""
    pytest.importorskip("jupytext")
    lessons = part("lessons")
    monkeypatch.setattr(lessons, "LESSONS", tmp_path)
    monkeypatch.setattr(lessons, "RUNS", tmp_path / "runs")
    (tmp_path / "07_a_title.py").write_text(LESSON)

    run = lessons.jupytext.reads(LESSON, fmt="py:percent")
    run.metadata["run"] = {"version": "1.0", "minutes": 2.0, "cores": 2}
    output = lessons.nbformat.v4.new_output("stream", name="stdout", text="1\n")
    run.cells[1].outputs = [output]
    (tmp_path / "runs").mkdir()
    lessons.nbformat.write(run, tmp_path / "runs" / "07_a_title.ipynb")
    return lessons


def test_a_lesson_has_the_output_of_its_run_only_if_its_code_is_the_same(lessons):
    full = lessons.read(LESSON.replace("question", "better question"))
    assert "2.0 minutes" in full.cells[0].source
    assert full.metadata["mystnb"] == {"execution_mode": "off"}
    assert full.cells[1].outputs[0].text == "1\n"

    changed = lessons.read(LESSON.replace("print(1)", "print(2)"))
    assert "shortened loops" in changed.cells[0].source
    assert "mystnb" not in changed.metadata  # it is run


def test_answers_are_a_page_that_is_not_run(lessons, tmp_path):
    text = '"""Answers to the exercises of *A title*."""\n\n# 1. One.\ncoin = 1\n'
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "07_a_title.py").write_text(text)
    page = lessons.read(text)
    said, code = page.cells
    assert said.source.startswith(
        "# Answers 07\n\nAnswers to the exercises of *A title*."
    )
    assert "(../07_a_title.py)" in said.source
    assert code.source == "# 1. One.\ncoin = 1"
    assert page.metadata["mystnb"] == {"execution_mode": "off"}


@pytest.mark.parametrize("path", sorted((ROOT / "tutorials/answers").glob("*.py")))
def test_answers_say_whose_they_are(path):
    assert re.match(r'"""Answers to .*\*.+\*', path.read_text())


def test_without_an_address_a_lesson_has_no_links_to_binder_and_colab(lessons):
    assert "browser" not in lessons.read(LESSON).cells[0].source
    run = lessons.jupytext.reads(LESSON, fmt="py:percent")
    lessons.add_installation(run)
    assert len(run.cells) == 2


def test_an_address_gives_links_and_a_first_cell_that_is_no_code_of_the_lesson(
    lessons, tmp_path, monkeypatch
):
    address = "https://github.com/someone/zoo"
    monkeypatch.setattr(lessons.repository, "ADDRESS", address)
    said = lessons.read(LESSON).cells[0].source
    binder = "https://mybinder.org/v2/gh/someone/zoo/main?urlpath="
    assert f"({binder}lab%2Ftree%2Ftutorials%2F07_a_title.py)" in said
    colab = "https://colab.research.google.com/github/someone/zoo/blob/main"
    assert f"({colab}/tutorials/runs/07_a_title.ipynb)" in said
    assert said.startswith("# 07 · A title\n")

    path = tmp_path / "runs" / "07_a_title.ipynb"
    run = lessons.nbformat.read(path, as_version=4)
    lessons.add_installation(run)
    lessons.nbformat.write(run, path)
    assert "whl/cpu" in run.cells[0].source
    assert f"git+{address}@main" in run.cells[0].source
    assert lessons.read(LESSON).cells[1].outputs[0].text == "1\n"

    monkeypatch.setattr(lessons.repository, "ADDRESS", "https://example.org/zoo")
    with pytest.raises(ValueError, match="leave it empty"):
        lessons.read(LESSON)
