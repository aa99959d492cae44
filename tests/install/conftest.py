"""A virtual environment with the package installed in it as the README says."""

import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [
    "setup.cfg",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "docs",
    "zoo",
    "guides",
]


class Installed:
    """A clone in a folder called `zoo`, installed in a virtual environment next to it.

    Arguments:
        folder: Where the clone and the environment lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clone = folder / "zoo"
        self.bin = folder / "venv" / "bin"
        self.clone.mkdir()
        for name in SOURCES:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, self.clone / name)
        venv.create(folder / "venv", with_pip=False)
        # the packages we depend on come from the environment that runs the tests
        site_packages = next((folder / "venv").glob("lib/python*/site-packages"))
        (site_packages / "tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
        options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
        editable = ["--config-settings", "editable_mode=compat", "-e", "."]
        self.run(
            "python", "-m", "pip", "install", *options, *editable, folder=self.clone
        )

    def run(self, program: str, *arguments: str, folder: Path | None = None) -> str:
        """Run a program of the environment, by default in the clone's parent; return output."""
        command = [str(self.bin / program), *arguments]
        ended = subprocess.run(
            command,
            cwd=folder or self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, (
            f"{' '.join(command)}\n{ended.stdout}{ended.stderr}"
        )
        return ended.stdout


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install a clone once for all tests of a session."""
    return Installed(tmp_path_factory.mktemp("installed"))
