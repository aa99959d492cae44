"""The C++ of a compiled loop in which small tensors for the next step are copied."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from zoo.tracing.compiling.cpp_lines import (
    END,
    HANDED,
    NEW,
    SAME,
    SizeArrays,
    given_tensors,
    kept_tensors,
)


class LoopLines(NamedTuple):
    """The lines of a loop.

    Arguments:
        before: Lines to be put before it.
        inside: The lines of a step.
    """

    before: list[str]
    inside: list[str]


def copying(above: str, lines: Sequence[str], sizes: SizeArrays) -> LoopLines:
    """Return a loop that copies small tensors to where the next step reads them.

    Torch's compiler gives the tensor itself to the next step, so that every step makes one,
    and views of its parts. Copied tensors are made once.

    Arguments:
        above: The code before the loop.
        lines: The lines of its body, without indentation.
        sizes: The arrays of sizes of both.
    """
    handed = _handed(lines)
    unchanged = _unchanged(lines, handed)
    makers = _small(lines, sizes)
    carried = {match[2] for match in SAME.finditer(above)}

    copied = {}
    for name, new in handed.items():
        if name in carried and new in makers:
            copied[name] = new
    copied = _without_shared(lines, copied, unchanged)

    before: list[str] = []
    for name, new in copied.items():
        before += _own_memory(name, makers[new], sizes)

    inside: list[str] = []
    for line in lines:
        match = END.fullmatch(line) or HANDED.fullmatch(line)
        if match is None or match[1] not in {*copied, *unchanged}:
            inside.append(line)
        elif match.re is HANDED and match[1] in copied:
            name, new = match.groups()
            inside.append(_copy(name, new, sizes.num_bytes(makers[new])))

    return LoopLines(before, inside)


def _small(lines: Sequence[str], sizes: SizeArrays) -> dict[str, re.Match[str]]:
    """Return the lines that make small tensors without gaps, by their names."""
    makers = {}
    for line in lines:
        match = NEW.fullmatch(line)
        if match is not None and sizes.is_small(match) and sizes.is_dense(match):
            makers[match[4]] = match

    return makers


def _unchanged(lines: Sequence[str], handed: Mapping[str, str]) -> set[str]:
    """Return the tensors that the next step gets as they were."""
    names = {}
    for line in lines:
        match = SAME.fullmatch(line)
        if match is not None:
            names[match[2]] = match[1]

    return {name for name, new in handed.items() if names.get(new) == name}


def _handed(lines: Sequence[str]) -> dict[str, str]:
    """Return which tensors get which other ones for the next step."""
    handed: dict[str, str] = {}
    for last, line in pairwise(lines):
        match = HANDED.fullmatch(line)
        if match is not None and last == f"{match[1]}.reset();":
            handed[match[1]] = match[2]

    return handed


def _without_shared(
    lines: Sequence[str], copied: Mapping[str, str], unchanged: set[str]
) -> dict[str, str]:
    """Return those of the tensors to be copied whose memory outlives a step in no other way."""
    chosen = dict(copied)
    given = given_tensors(lines)
    while True:
        others = []
        for line in lines:
            match = HANDED.fullmatch(line)
            if match is None or match[1] not in {*chosen, *unchanged}:
                others.append(line)

        lasting = kept_tensors(others) | given
        fewer = {name: new for name, new in chosen.items() if new not in lasting}
        if len(fewer) == len(chosen):
            return chosen

        chosen = fewer


def _own_memory(name: str, maker: re.Match[str], sizes: SizeArrays) -> list[str]:
    """Return lines that give a carried tensor memory that it shares with no input."""
    own = f"{name}_own"

    return [
        f"AtenTensorHandle {own}_handle;",
        maker[0].replace(f"&{maker[4]}_handle", f"&{own}_handle"),
        f"RAIIAtenTensorHandle {own}({own}_handle);",
        _copy(own, name, sizes.num_bytes(maker)),
        f"{name} = std::move({own});",
    ]


def _copy(to: str, source: str, num_bytes: int | None) -> str:
    """Return the line that copies the numbers of a tensor."""
    return f"std::memcpy({to}.data_ptr(), {source}.data_ptr(), {num_bytes});"
