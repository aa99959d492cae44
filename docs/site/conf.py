"""Configuration of the site, which Sphinx makes of the repository: `make docs`.

The source folder is the repository itself, so that the pages are the files that a reader of the
repository sees, and links between them are the same. The site needs no network, neither to be
built nor to be read.
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(HERE)]
# a lesson that is run while the site is built runs shortly, and without bars of progress
os.environ["SMOKE"] = "1"
os.environ["TQDM_DISABLE"] = "1"
os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"

import zoo  # noqa: E402

project = "The zoo"
author = "the authors of the zoo"
version = release = zoo.__version__
language = "en"

# ---- pages
root_doc = "docs/index"
include_patterns = [
    "docs/*.md",
    "docs/api/*.rst",
    "tutorials/*.py",
    "tutorials/answers/*.py",
    "benchmarks/*.md",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "zoo/datasets/uci.md",
]
exclude_patterns = [
    "docs/package.md",  # the description of the package on an index
    "docs/site",
    ".*",
    "build",
    "tests",
    "guides",
]
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "docstrings",
    "links",
    "mathml",
    "pages",
    "spaces",
]
templates_path = [str(HERE / "templates")]

# ---- Markdown and lessons
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
nb_custom_formats = {".py": "lessons.read"}
nb_execution_mode = "cache"
nb_execution_cache_path = str(ROOT / "build" / "lessons")
nb_execution_timeout = 300
nb_execution_in_temp = True  # files that a lesson writes do not stay here
nb_execution_raise_on_error = True
nb_merge_streams = True

# ---- reference
autosummary_generate = True
autosummary_generate_overwrite = True
autosummary_ignore_module_all = False
autosummary_imported_members = True
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
default_role = "py:obj"

# ---- looks
html_theme = "furo"
html_title = f"The zoo {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_additional_pages = {"index": "redirect.html"}  # the first page lies in a folder
html_copy_source = False
html_show_search_summary = False  # a page that is a file may not read other files
html_show_copyright = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
