"""The C++ of a compiled loop, with small tensors that are made once instead of at every step.

Torch's compiler makes all tensors of a step anew. For models of few numbers this takes
several times as long as the arithmetic.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from zoo.tracing.compiling.cpp_lines import (
    END,
    HANDLE,
    NEW,
    OWNER,
    REUSE,
    SAME,
    SIZES,
    VIEW,
    SizeArrays,
    given_tensors,
    kept_tensors,
)
from zoo.tracing.compiling.loop_carried import copying
from zoo.tracing.compiling.replaced import replaced

_LOOP = re.compile(r"^( *)while \(1\) \{\n(.*?)^\1\}\n", re.MULTILINE | re.DOTALL)


def once(code: str) -> str:
    """Return a program whose loop makes its small tensors before it begins.

    A tensor stays in the loop if a later step may read it, if its shape is not fixed, or if
    it is large. Code that is written in another way stays as it is.

    Arguments:
        code: The C++ of a program.
    """
    loops = list(_LOOP.finditer(code))
    if len(loops) != 1 or code.count("while (1)") != 1:
        return code

    (loop,) = loops
    indent, body = loop.groups()
    lines = [line.strip() for line in body.splitlines()]
    above = code[: loop.start()]
    sizes = SizeArrays([*above.splitlines(), *lines])

    copied = copying(above, lines, sizes)
    before, inside = _Loop(copied.inside, sizes).divided()

    text = [*before, *copied.before, "while (1) {", *inside, "}"]
    new = "".join(f"{indent}{line}\n" for line in text)

    return code[: loop.start()] + new + code[loop.end() :]


class _Loop:
    """The lines of a loop, and the tensors that they name.

    Arguments:
        lines: The lines of its body, without indentation.
        sizes: The arrays of sizes of the program.
    """

    def __init__(self, lines: Sequence[str], sizes: SizeArrays) -> None:
        self.lines = lines
        self.sizes = sizes
        self.kept = kept_tensors(lines)  # by a later step, or by the caller
        self.given = given_tensors(lines)  # to another tensor, with their memory
        self.before: set[str] = set()  # tensors that are made before the loop
        self.renamed: set[str] = set()  # other names of tensors from outside

    def divided(self) -> tuple[list[str], list[str]]:
        """Return the lines before the loop, and those inside."""
        before: list[str] = []
        inside: list[str] = []
        number = 0
        while number < len(self.lines):
            three = self.lines[number : number + 3]
            taken = self._tensor(three, before, inside)
            if taken == 0:
                taken = 1
                self._line(three[0], before, inside)
            number += taken

        return before, inside

    def _tensor(
        self, lines: Sequence[str], before: list[str], inside: list[str]
    ) -> int:
        """Take the three lines that make a tensor; return the number of lines taken."""
        if len(lines) < 3 or not HANDLE.fullmatch(lines[0]):
            return 0
        if not OWNER.fullmatch(lines[2]):
            return 0

        new, same = NEW.fullmatch(lines[1]), SAME.fullmatch(lines[1])
        if new is not None and self.sizes.is_small(new) and new[4] not in self.kept:
            before += lines
            self.before.add(new[4])
            return 3

        if same is not None and same[2] not in self.kept | self.given:
            inside.append(f"auto& {same[2]} = {same[1]};")
            self.renamed.add(same[2])
            return 3

        return 0

    def _line(self, line: str, before: list[str], inside: list[str]) -> None:
        """Take a line."""
        view, reuse = VIEW.fullmatch(line), REUSE.fullmatch(line)
        end = END.fullmatch(line)
        if SIZES.fullmatch(line):
            before.append(line)
        elif view is not None and self._is_made_before(view[2], view[3]):
            before.append(view[1])
            self.before.add(view[2])
        elif reuse is not None and self._is_made_before(reuse[1], reuse[2]):
            before.append(f"auto& {reuse[1]} = {reuse[2]};")
            self.before.add(reuse[1])
        elif end is None or end[1] not in self.before | self.renamed:
            inside.append(line)

    def _is_made_before(self, new: str, source: str) -> bool:
        """Return whether a tensor in the memory of another one is made before the loop."""
        return source in self.before and new not in self.kept


@contextmanager
def made_once() -> Iterator[None]:
    """Let torch's compiler write loops as `once` does."""
    from torch._inductor.codegen.cpp_wrapper_cpu import CppWrapperCpu

    before = CppWrapperCpu.generate

    def generate(wrapper: Any, *arguments: Any) -> Any:
        code, *others = before(wrapper, *arguments)
        code.value = once(code.value)

        return code, *others

    with replaced(CppWrapperCpu, "generate", generate):
        yield
