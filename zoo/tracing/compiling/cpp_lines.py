"""The lines of C++ that torch's compiler writes for tensors, and what they say of their memory."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

# bytes of a tensor that is made once; larger ones would leave the cache
_LARGEST = 2**14
_BYTES = {"bool": 1, "int8": 1, "uint8": 1, "float16": 2, "bfloat16": 2}
_BYTES |= {"int32": 4, "float32": 4, "int64": 8, "float64": 8}

SIZES = re.compile(r"static constexpr int64_t \*?(\w+)(?:\[\])? ?= ?(.*);")
HANDLE = re.compile(r"AtenTensorHandle (\w+)_handle;")
NEW = re.compile(
    r"AOTI_TORCH_ERROR_CODE_CHECK\(aoti_torch_empty_strided\(\d+, (\w+), (\w+), "
    r"cached_torch_dtype_(\w+), \w+, \d+, &(\w+)_handle\)\);"
)
SAME = re.compile(
    r"AOTI_TORCH_ERROR_CODE_CHECK\(aoti_torch_assign_tensors_out\((\w+), &(\w+)_handle\)\);"
)
OWNER = re.compile(r"RAIIAtenTensorHandle (\w+)\(\1_handle\);")
VIEW = re.compile(
    r"(auto (\w+) = wrap_with_raii_handle_if_needed\(reinterpret_tensor_wrapper\((\w+), "
    r"\d+, (\w+), (\w+), \d+L\)\);)( \3\.reset\(\);)?(?: *//.*)?"
)
REUSE = re.compile(r"auto (\w+) = std::move\((\w+)\); *// reuse")
HANDED = re.compile(r"(\w+) = std::move\((\w+)\);")  # to the next step
END = re.compile(r"(\w+)\.reset\(\);")
_WORD = re.compile(r"\w+")


class SizeArrays:
    """The arrays of sizes of a program.

    Arguments:
        lines: The lines of the program.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        self.numbers: dict[str, list[int]] = {}
        for line in lines:
            match = SIZES.fullmatch(line.strip())
            if match is not None:
                self.numbers[match[1]] = list(map(int, re.findall(r"\d+", match[2])))

    def num_bytes(self, new: re.Match[str]) -> int | None:
        """Return the bytes of a tensor that a line makes; None if its shape is not fixed."""
        shape, stride, dtype, _ = new.groups()
        if shape not in self.numbers or stride not in self.numbers:
            return None

        return math.prod(self.numbers[shape]) * _BYTES.get(dtype, 16)

    def is_small(self, new: re.Match[str]) -> bool:
        """Return whether a line makes a tensor of a fixed and small size."""
        num_bytes = self.num_bytes(new)

        return num_bytes is not None and num_bytes <= _LARGEST

    def is_dense(self, new: re.Match[str]) -> bool:
        """Return whether the numbers of a tensor lie one after the other in its memory."""
        shape, stride = self.numbers[new[1]], self.numbers[new[2]]
        expected, product = [], 1
        for size in reversed(shape):
            expected.insert(0, product)
            product *= size

        return stride == expected


def kept_tensors(lines: Sequence[str]) -> set[str]:
    """Return the tensors that outlive a step, and those that share memory with them.

    Arguments:
        lines: The lines of the step.
    """
    sources: dict[str, set[str]] = {}
    kept: set[str] = set()
    for line in lines:
        if NEW.fullmatch(line) or SAME.fullmatch(line):
            continue

        words = set(_WORD.findall(line))
        match = VIEW.fullmatch(line) or REUSE.fullmatch(line)
        if match is not None:
            new = match[2] if match.re is VIEW else match[1]
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


def given_tensors(lines: Sequence[str]) -> set[str]:
    """Return the tensors whose memory another tensor gets.

    Arguments:
        lines: The lines of the step.
    """
    given = set()
    for line in lines:
        view, reuse = VIEW.fullmatch(line), REUSE.fullmatch(line)
        if view is not None and view[6]:
            given.add(view[3])
        elif reuse is not None:
            given.add(reuse[2])

    return given
