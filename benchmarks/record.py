"""Result files: the results, and the machine and the versions that they were measured with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from zoo.experiments.running.record import about


def write(out: Path, results: Mapping[str, object], device: str = "cpu") -> None:
    """Write results to a JSON file, and make its folder if it does not exist."""
    out.parent.mkdir(parents=True, exist_ok=True)
    contents = {**results, **about(device)}
    text = json.dumps(contents, indent=1)
    out.write_text(f"{text}\n")
