"""Results of a run that are no posteriors, e.g. grids and curves, in files of their own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from zoo.experiments.running.side_files import read_whole, written
from zoo.inference.fingerprint import differences
from zoo.inference.run_files import listed
from zoo.posterior.damaged_file import DamagedFile
from zoo.posterior.posterior import Posterior
from zoo.posterior.storage import read_file, write_file
from zoo.runtime.description.objects import describe_value

_KEY = "kept"  # of the header
_TENSOR = "tensor"  # the key under which the name of a tensor stands in place of it
_CONTENT = {"values", "of", "seconds"}


def kept(
    path: Path, make: Callable[[], Mapping[str, Any]], of: Mapping[str, object]
) -> tuple[dict[str, Any], float]:
    """Return a result and the seconds of the processor that it took, from a file if it is there.

    Arguments:
        path: The file.
        make: Computes the result: tensors, numbers, texts, and lists and dictionaries of them.
        of: What the result is computed from, by name.

    Raises:
        ValueError: The file is of another computation; the message names in what.
        TypeError: A value of another kind.
    """
    words = {name: _describe(value) for name, value in of.items()}
    found = read_whole(path, partial(_read, words=words))
    if found is None:
        start = time.process_time()
        values = dict(make())
        seconds = round(time.process_time() - start, 1)

        tensors: dict[str, Tensor] = {}
        content = {"values": _without_tensors(values, tensors), "of": words}
        header = {_KEY: json.dumps(content | {"seconds": seconds})}
        written(path, lambda: write_file(path, tensors, header))
        found = _with_tensors(content["values"], tensors), seconds

    return found


def _read(path: Path, words: Mapping[str, str]) -> tuple[dict[str, Any], float]:
    """Read the file of a result.

    Raises:
        DamagedFile: The file holds something else.
        ValueError: It is of another computation.
    """
    content, tensors = read_file(path, _KEY)
    if content.keys() != _CONTENT:
        raise DamagedFile(f"{path} is damaged: it holds {', '.join(content) or 'none'}")

    found = differences(content["of"], words)
    if found:
        raise ValueError(
            f"{path} is of another computation: they differ in {listed(found)}; write another "
            "--out, or delete that folder"
        )

    return _with_tensors(content["values"], tensors), content["seconds"]


def _describe(value: object) -> str:
    """Return a text that is equal for equal values, also of a posterior that was read again."""
    if isinstance(value, Posterior):
        tensors = value.tensors() | value.state
        plain = {name: tensors[name].detach() for name in sorted(tensors)}
        return describe_value(plain)

    return describe_value(value)


def _without_tensors(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Return a value as JSON has it, with names in place of tensors, which it collects."""
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu()
        return {_TENSOR: name}

    if isinstance(value, Mapping):
        return {key: _without_tensors(part, tensors) for key, part in value.items()}

    if isinstance(value, list | tuple):
        return [_without_tensors(part, tensors) for part in value]

    if not isinstance(value, str | int | float | bool | None):
        raise TypeError(
            "a kept result has tensors, numbers and texts, and lists and dictionaries of them, "
            f"not {type(value).__name__}"
        )

    return value


def _with_tensors(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Return a value of JSON with the tensors in their places."""
    if isinstance(value, list):
        return [_with_tensors(part, tensors) for part in value]

    if not isinstance(value, dict):
        return value

    if value.keys() == {_TENSOR}:
        return tensors[value[_TENSOR]]

    return {key: _with_tensors(part, tensors) for key, part in value.items()}
