"""A page of quick fits, made once for the tests of this folder."""

import json
import re
import warnings

import pytest

from zoo.__main__ import main
from zoo.command import explore


class Bar:
    """A bar that counts its steps."""

    def __init__(self, total, _text, _enabled):
        self.total, self.steps = total, []

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        pass

    def update(self, number=1):
        self.steps.append(number)


def made(path, seed=0):
    """Make a page, and return its text."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of samplers that are far too short
        words = ["explore", "--quick", "--no-progress", "--seed", str(seed)]
        assert main([*words, "--out", str(path)]) == 0

    return path.read_text()


def data_of(text):
    """Return the data that a page holds."""
    pattern = r'<script type="application/json" id="data">(.*?)</script>'
    return json.loads(re.search(pattern, text, re.DOTALL).group(1))


@pytest.fixture(scope="session")
def page_and_bar(tmp_path_factory):
    path = tmp_path_factory.mktemp("explore") / "page.html"
    bars = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            explore, "bar", lambda *given: bars.append(Bar(*given)) or bars[0]
        )
        made(path)
    return path, bars[0]


@pytest.fixture(scope="session")
def page_path(page_and_bar):
    return page_and_bar[0]


@pytest.fixture(scope="session")
def page_text(page_path):
    return page_path.read_text()


@pytest.fixture(scope="session")
def page_data(page_text):
    return data_of(page_text)
