"""Where the repository lies, for links that open a lesson in a browser: Binder and Colab.

`ADDRESS` is the one place to change. While it is empty, lessons have no such links.
"""

from __future__ import annotations

from urllib.parse import quote

ADDRESS = ""  # for example "https://github.com/name/zoo"
BRANCH = "main"

_GITHUB = "https://github.com/"
_CPU_WHEELS = "https://download.pytorch.org/whl/cpu"


def links(lesson: str, has_run: bool) -> str:
    """Return a line of Markdown that opens a lesson where nothing is installed.

    Binder opens the script as a notebook; Colab opens notebooks only, so it takes the
    committed run.

    Arguments:
        lesson: Name of the lesson, such as "00_one_file_bnn".
        has_run: Whether the run of this lesson is committed.
    """
    name = _name()
    if not name:
        return ""

    script = quote(f"lab/tree/tutorials/{lesson}.py", safe="")
    binder = f"https://mybinder.org/v2/gh/{name}/{BRANCH}?urlpath={script}"
    found = [f"[Binder]({binder})"]
    if has_run:
        notebook = f"{name}/blob/{BRANCH}/tutorials/runs/{lesson}.ipynb"
        found.append(f"[Colab](https://colab.research.google.com/github/{notebook})")

    return f"Run it in a browser, without an installation: {' or '.join(found)}."


def installation() -> str:
    """Return the cell that installs the package where it is absent, such as on Colab.

    It takes the CPU build of PyTorch, unless PyTorch is there already.
    """
    if not _name():
        return ""

    lines = [
        "# for Colab: installs the package where it is absent",
        "import importlib.util",
        "",
        'if importlib.util.find_spec("zoo") is None:',
        f"    %pip install --quiet torch torchvision --index-url {_CPU_WHEELS}",
        f"    %pip install --quiet git+{ADDRESS}@{BRANCH}",
    ]
    return "\n".join(lines)


def _name() -> str:
    """Return the owner and the name of the repository; empty if there is no address."""
    if ADDRESS and not ADDRESS.startswith(_GITHUB):
        raise ValueError(
            f"ADDRESS is {ADDRESS!r}, but Binder and Colab are linked for repositories of "
            f"{_GITHUB} only; write such an address, or leave it empty"
        )

    return ADDRESS.removeprefix(_GITHUB).removesuffix(".git").strip("/")
