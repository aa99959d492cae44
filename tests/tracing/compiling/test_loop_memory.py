"""Loops whose small tensors are made once, or copied: which, and with the same bits."""

import pytest
import torch

from zoo.tracing.compiling.compiler import compile_module
from zoo.tracing.compiling.loop_memory import once
from zoo.tracing.graphs.graph import trace
from zoo.tracing.graphs.repetition import Repetition

CHECK = "AOTI_TORCH_ERROR_CODE_CHECK"
VIEW = (
    "auto {} = wrap_with_raii_handle_if_needed("
    "reinterpret_tensor_wrapper({}, 1, two, two, 0L));"
)


def new(name, shape="two", dtype="float32"):
    """Return the lines that make a tensor."""
    kind = f"cached_torch_dtype_{dtype}, cached_torch_device_type_cpu"
    return [
        f"AtenTensorHandle {name}_handle;",
        f"{CHECK}(aoti_torch_empty_strided(1, {shape}, one, {kind}, 0, &{name}_handle));",
        f"RAIIAtenTensorHandle {name}({name}_handle);",
    ]


def same(name, other):
    """Return the lines that give a tensor another name."""
    return [
        f"AtenTensorHandle {name}_handle;",
        f"{CHECK}(aoti_torch_assign_tensors_out({other}, &{name}_handle));",
        f"RAIIAtenTensorHandle {name}({name}_handle);",
    ]


def program(*lines):
    """Return the C++ of a loop with lines, which ends with those that every loop has."""
    sizes = ["one[] = {1L, }", "two[] = {2L, }"]
    above = [f"    static constexpr int64_t {size};\n" for size in sizes]
    above += ["    const int64_t steps[] = {s35, };\n", "    while (1) {\n"]
    body = [f"        {line}\n" for line in lines]
    below = ["    }\n", "    output = carried.release();\n"]

    return "".join([*above, *body, *below])


def parts(*lines):
    """Return the lines before the loop and those inside, of a program that is rewritten."""
    before, _, after = once(program(*lines)).partition("    while (1) {\n")
    inside, _, _ = after.partition("    }\n")
    strip = [line.strip() for line in before.splitlines()[3:]]

    return strip, [line.strip() for line in inside.splitlines()]


def test_a_tensor_of_one_step_is_made_before_the_loop():
    call = "kernel((float*)(a.data_ptr()));"
    before, inside = parts(*new("a"), call, "a.reset();")
    assert before == new("a")
    assert inside == [call]


def test_tensors_in_its_memory_are_made_with_it():
    view = VIEW.format("b", "a")
    before, inside = parts(
        *new("a"), f"{view} a.reset();  // reuse", "auto c = std::move(b);  // reuse"
    )
    assert before == [*new("a"), view, "auto& c = b;"]
    assert inside == []


def test_what_is_handed_on_is_made_at_every_step():
    lines = [*new("a"), VIEW.format("b", "a"), "carried.reset();"]
    lines.append("carried = std::move(b);")
    assert parts(*lines) == ([], lines)


def test_what_an_operation_may_return_is_made_at_every_step():
    lines = [*new("a"), "AtenTensorHandle b_handle;"]
    lines += [f"{CHECK}(aoti_torch_cpu_view(a, &b_handle));"]
    lines += ["RAIIAtenTensorHandle b(b_handle);", "carried = std::move(b);"]
    assert parts(*lines) == ([], lines)


@pytest.mark.parametrize("lines", [new("a", "steps"), new("a", "unknown")])
def test_a_tensor_of_no_fixed_size_stays_in_the_loop(lines):
    assert parts(*lines) == ([], lines)


def test_a_large_tensor_stays_in_the_loop():
    for number, is_before in ((4096, True), (4097, False)):
        code = program(
            f"static constexpr int64_t many[] = {{{number}L, }};", *new("a", "many")
        )
        before, _, _ = once(code).partition("while (1) {")
        assert ("a_handle" in before) == is_before


def test_an_input_of_the_step_is_another_name_unless_it_is_handed_on():
    call = "kernel((float*)(x.data_ptr()));"
    before, inside = parts(*same("x", "carried"), call, "x.reset();")
    assert (before, inside) == ([], ["auto& x = carried;", call])

    lines = [*same("x", "carried"), "other = std::move(x);"]
    assert parts(*lines) == ([], lines)
    lines = [*same("x", "carried"), VIEW.format("b", "x") + " x.reset();  // reuse"]
    assert parts(*lines) == ([], lines)


def test_code_without_a_loop_or_with_two_stays_as_it_is():
    for code in ("", "\n".join(new("a")), program(*new("a")) + program(*new("a"))):
        assert once(code) == code


HANDED = ["carried.reset();", "carried = std::move(a);"]
COPY = "std::memcpy(carried.data_ptr(), a.data_ptr(), 8);"


def carried_parts(*lines, shapes=()):
    """Return the lines before a loop that is rewritten, and those inside."""
    head = "\n".join([*same("carried", "argument"), *shapes, ""])
    before, _, after = once(head + program(*lines)).partition("    while (1) {\n")
    inside, _, _ = after.partition("    }\n")
    strip = [line.strip() for line in before.splitlines()[len(shapes) + 6 :]]

    return strip, [line.strip() for line in inside.splitlines()]


def test_a_small_tensor_for_the_next_step_is_copied():
    call = "kernel((float*)(a.data_ptr()), (float*)(carried.data_ptr()));"
    before, inside = carried_parts(*new("a"), VIEW.format("b", "a"), call, *HANDED)
    assert inside == [call, COPY]
    made = [*new("a"), VIEW.format("b", "a")]
    assert before[: len(made)] == made
    # the first values are in the memory of an input, which must not be written to
    assert before[-2] == "std::memcpy(carried_own.data_ptr(), carried.data_ptr(), 8);"
    assert before[-1] == "carried = std::move(carried_own);"


WIDE = [f"static constexpr int64_t wide[] = {{{2**20}L, }};"]
COLUMN = ["static constexpr int64_t shape[] = {2L, 3L, };"]


@pytest.mark.parametrize(
    ("lines", "shapes"),
    [
        ([*new("a", "wide"), *HANDED], WIDE),
        ([*new("a", "unknown"), *HANDED], ()),
        ([*new("a", "shape"), *HANDED], COLUMN),
        ([*new("a"), "carried = std::move(a);"], ()),
        ([*new("a"), "output = std::move(a);", *HANDED], ()),
        (
            [
                *new("a"),
                VIEW.format("b", "a"),
                *HANDED,
                "other.reset();",
                "other = std::move(b);",
            ],
            (),
        ),
    ],
    ids=["large", "of unknown size", "with gaps", "kept", "twice", "seen by another"],
)
def test_any_other_tensor_is_handed_on(lines, shapes):
    before, inside = carried_parts(*lines, shapes=shapes)
    assert "memcpy" not in " ".join([*before, *inside])
    assert "carried = std::move(a);" in inside


def test_a_tensor_that_is_handed_on_as_it_was_is_left_in_its_place():
    call = "kernel((float*)(a.data_ptr()));"
    assert carried_parts(*same("a", "carried"), call, *HANDED) == (
        [],
        ["auto& a = carried;", call],
    )
    assert CHECK in same("a", "carried")[1]


# torch's compiler warns about itself
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_inputs_keep_their_values_and_steps_may_swap_them(monkeypatch, tmp_path):
    def step(x, y, noise):
        return y, x + noise, x.sum(-1)

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    inputs = [torch.randn(3, 4), torch.randn(3, 4), torch.randn(5, 3, 4)]
    copies = [tensor.clone() for tensor in inputs]
    loop = Repetition(2, 1)
    graph = trace(step, loop.first(inputs)).module
    run = compile_module(graph, inputs, loop)
    for num_steps in (5, 2, 1, 3):
        few = loop.shortened(inputs, num_steps)
        found, expected = run(*few), loop.in_python(step)(*few)
        for one, other in zip(found, expected, strict=True):
            assert torch.equal(one, other)
    for tensor, copy in zip(inputs, copies, strict=True):
        assert torch.equal(tensor, copy)


# torch's compiler warns about itself
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_results_have_the_same_bits(monkeypatch, tmp_path):
    def step(x, p, noise):
        p = 0.9 * p - 0.1 * (x.tanh().sum(-1, keepdim=True) * x).cos() + noise
        return x + p, p, x.square().sum(-1)

    inputs = [torch.randn(3, 4), torch.randn(3, 4), torch.randn(20, 3, 4)]
    loop = Repetition(2, 1)
    graph = trace(step, loop.first(inputs)).module

    def results(rewrite, folder):
        monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / folder))
        monkeypatch.setattr("zoo.tracing.compiling.loop_memory.once", rewrite)
        return compile_module(graph, inputs, loop)(*inputs)

    changed = []

    def noting(code):
        changed.append(once(code) != code)
        return once(code)

    as_they_are = results(lambda code: code, "plain")
    made_once = results(noting, "once")
    assert changed == [True]
    for one, other in zip(as_they_are, made_once, strict=True):
        assert torch.equal(one, other)
