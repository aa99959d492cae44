"""The C++ of a compiled loop, with small tensors that are made once instead of at every step.

Torch's compiler makes all tensors of a step anew. For models of few numbers this takes
several times as long as the arithmetic.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

# bytes of a tensor that is made once; larger ones would leave the cache
_LARGEST = 2**14
_BYTES = {"bool": 1, "int8": 1, "uint8": 1, "float16": 2, "bfloat16": 2}
_BYTES |= {"int32": 4, "float32": 4, "int64": 8, "float64": 8}

_LOOP = re.compile(r"^( *)while \(1\) \{\n(.*?)^\1\}\n", re.MULTILINE | re.DOTALL)
_SIZES = re.compile(r"static constexpr int64_t \*?(\w+)(?:\[\])? ?= ?(.*);")
_HANDLE = re.compile(r"AtenTensorHandle (\w+)_handle;")
_NEW = re.compile(
    r"AOTI_TORCH_ERROR_CODE_CHECK\(aoti_torch_empty_strided\(\d+, (\w+), (\w+), "
    r"cached_torch_dtype_(\w+), \w+, \d+, &(\w+)_handle\)\);"
)
_SAME = re.compile(
    r"AOTI_TORCH_ERROR_CODE_CHECK\(aoti_torch_assign_tensors_out\((\w+), &(\w+)_handle\)\);"
)
_OWNER = re.compile(r"RAIIAtenTensorHandle (\w+)\(\1_handle\);")
_VIEW = re.compile(
    r"(auto (\w+) = wrap_with_raii_handle_if_needed\(reinterpret_tensor_wrapper\((\w+), "
    r"\d+, (\w+), (\w+), \d+L\)\);)( \3\.reset\(\);)?(?: *//.*)?"
)
_REUSE = re.compile(r"auto (\w+) = std::move\((\w+)\); *// reuse")
_END = re.compile(r"(\w+)\.reset\(\);")
_WORD = re.compile(r"\w+")


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
    before, inside = _Loop(code[: loop.start()], lines).divided()

    text = [*before, "while (1) {", *inside, "}"]
    new = "".join(f"{indent}{line}\n" for line in text)

    return code[: loop.start()] + new + code[loop.end() :]


class _Loop:
    """The lines of a loop, and the tensors that they name.

    Arguments:
        above: The code before the loop.
        lines: The lines of its body, without indentation.
    """

    def __init__(self, above: str, lines: Sequence[str]) -> None:
        self.lines = lines
        self.sizes: dict[str, int] = {}  # product of the numbers of an array of sizes
        for line in (*above.splitlines(), *lines):
            match = _SIZES.fullmatch(line.strip())
            if match is not None:
                numbers = re.findall(r"\d+", match[2])
                self.sizes[match[1]] = math.prod(map(int, numbers))

        self.kept = self._kept()  # by a later step, or by the caller
        self.given = self._given()  # to another tensor, with their memory
        self.before: set[str] = set()  # tensors that are made before the loop
        self.renamed: set[str] = set()  # other names of tensors from outside

    def _kept(self) -> set[str]:
        """Return the tensors that outlive a step, and those that share memory with them."""
        sources: dict[str, set[str]] = {}
        kept: set[str] = set()
        for line in self.lines:
            if _NEW.fullmatch(line) or _SAME.fullmatch(line):
                continue

            words = set(_WORD.findall(line))
            match = _VIEW.fullmatch(line) or _REUSE.fullmatch(line)
            if match is not None:
                new = match[2] if match.re is _VIEW else match[1]
                sources.setdefault(new, set()).update(words - {new})
            elif "std::move(" in line or ".release()" in line:
                kept |= words
            else:  # an operation may return what shares memory with its arguments
                for new in re.findall(r"&(\w+)_handle\b", line):
                    sources.setdefault(new, set()).update(words - {new})

        waiting = list(kept)
        while waiting:
            for source in sources.get(waiting.pop(), set()) - kept:
                kept.add(source)
                waiting.append(source)

        return kept

    def _given(self) -> set[str]:
        """Return the tensors whose memory another tensor gets."""
        given = set()
        for line in self.lines:
            view, reuse = _VIEW.fullmatch(line), _REUSE.fullmatch(line)
            if view is not None and view[6]:
                given.add(view[3])
            elif reuse is not None:
                given.add(reuse[2])

        return given

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
        if len(lines) < 3 or not _HANDLE.fullmatch(lines[0]):
            return 0
        if not _OWNER.fullmatch(lines[2]):
            return 0

        new, same = _NEW.fullmatch(lines[1]), _SAME.fullmatch(lines[1])
        if new is not None and self._is_small(new) and new[4] not in self.kept:
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
        view, reuse = _VIEW.fullmatch(line), _REUSE.fullmatch(line)
        end = _END.fullmatch(line)
        if _SIZES.fullmatch(line):
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

    def _is_small(self, new: re.Match[str]) -> bool:
        """Return whether a line makes a tensor of a fixed and small size."""
        shape, stride, dtype, _ = new.groups()
        if shape not in self.sizes or stride not in self.sizes:
            return False

        return self.sizes[shape] * _BYTES.get(dtype, 16) <= _LARGEST


@contextmanager
def made_once() -> Iterator[None]:
    """Let torch's compiler write loops as `once` does."""
    from torch._inductor.codegen.cpp_wrapper_cpu import CppWrapperCpu

    before = CppWrapperCpu.generate

    def generate(wrapper: Any, *arguments: Any) -> Any:
        code, *others = before(wrapper, *arguments)
        code.value = once(code.value)

        return code, *others

    CppWrapperCpu.generate = generate
    try:
        yield
    finally:
        CppWrapperCpu.generate = before
