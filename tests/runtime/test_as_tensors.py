"""Arrays, tables and lists as tensors."""

from collections import UserDict

import numpy as np
import pandas as pd
import pytest
import torch

from zoo.runtime.as_tensors import as_tensors

ARRAY = np.arange(6.0).reshape(3, 2)
TENSOR = torch.from_numpy(ARRAY)


@pytest.mark.parametrize(
    "value",
    [
        ARRAY,
        ARRAY.astype(">f8"),
        ARRAY[::-1][::-1],
        ARRAY.tolist(),
        pd.DataFrame(ARRAY),
        pd.DataFrame({"a": ARRAY[:, 0], "b": pd.array([1, 3, 5], dtype="Int64")}),
    ],
    ids=["array", "big endian", "reversed", "list", "table", "nullable column"],
)
def test_numbers_become_a_tensor(value):
    tensor = as_tensors(value)
    assert torch.equal(tensor.double(), TENSOR)
    tensor += 1  # a copy
    assert ARRAY[0, 0] == 0


def test_dtypes_are_kept():
    assert as_tensors(ARRAY).dtype == torch.float64
    assert as_tensors([1, 2]).dtype == torch.int64
    assert as_tensors(np.array([True])).dtype == torch.bool
    assert as_tensors(np.array([1], dtype=np.uint32)).dtype == torch.int64
    truth = pd.DataFrame({"a": [True, False], "b": [0.5, 1.0]})
    assert torch.equal(as_tensors(truth), torch.tensor([[1, 0.5], [0, 1]]).double())
    assert as_tensors(pd.Series([1.0, 2.0])).shape == (2,)


def test_several_inputs():
    several = as_tensors([TENSOR, ARRAY])
    assert isinstance(several, tuple)
    assert torch.equal(*several)
    named = as_tensors(UserDict(b=ARRAY, a=TENSOR))  # as a BatchEncoding is
    assert list(named) == ["a", "b"]
    assert type(named) is dict


@pytest.mark.parametrize(
    ("value", "error", "sentence"),
    [
        (object(), TypeError, "the inputs must be a tensor, not object"),
        (None, TypeError, "not NoneType"),
        ("abc", TypeError, "not str"),
        ({"x": ARRAY, "text": ["a", "b"]}, TypeError, r"inputs\['text'\]\[0\] must be"),
        (np.array(["a"]), TypeError, "of dtype <U1, which is not numeric"),
        (np.array([object()]), TypeError, "of dtype object"),
        (np.array(["2020-01-01"], "M8[D]"), TypeError, "which is not numeric"),
        ([[1.0, 2.0], [3.0]], TypeError, "rows of different lengths; pad them"),
        (
            pd.DataFrame({"a": [1.0], "town": ["Ulm"], "day": [pd.Timestamp("2020")]}),
            TypeError,
            "columns that are not numeric: 'town', 'day'; encode",
        ),
        (pd.Series(["a"], name="town"), TypeError, "not numeric: 'town'"),
        (lambda: TENSOR.to_sparse_csr(), ValueError, "are sparse"),
        (TENSOR.to_sparse(), ValueError, r"are sparse; write x.to_dense\(\)"),
        (torch.empty(3, device="meta"), ValueError, "without values"),
        (
            lambda: torch.quantize_per_tensor(TENSOR.float(), 0.1, 0, torch.quint8),
            ValueError,
            r"are quantised; write x.dequantize\(\)",
        ),
        (
            lambda: torch.nested.nested_tensor([torch.zeros(1), torch.zeros(2)]),
            ValueError,
            "are nested; write torch.nested",
        ),
        (
            torch.nn.utils.rnn.pack_sequence([torch.zeros(2, 1)]),
            TypeError,
            "PackedSequence, which has no row for each datum",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_is_not_numeric_gets_a_sentence(value, error, sentence):
    with pytest.raises(error, match=sentence):
        as_tensors(value() if callable(value) else value)
