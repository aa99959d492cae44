"""Result files: what was found, and the machine and versions it was found with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from zoo.experiments.record import about


def write(out: Path, facts: Mapping[str, object], device: str = "cpu") -> None:
    """Write facts to a file, its folder made if need be."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({**facts, **about(device)}, indent=1) + "\n")
