"""Arrays of whole numbers in base64, as the page holds them, and back."""

from __future__ import annotations

import base64

import numpy as np
from torch import Tensor

_LARGEST = 32767  # of int16


def packed(values: Tensor, scale: float) -> str:
    r"""Return values as little-endian int16 in base64, row by row.

    .. math:: n = \operatorname{round}(v / \text{scale}), \qquad |n| \le 32767

    The error is at most half the scale; values beyond the range are cut.

    Arguments:
        values: The values, of any shape.
        scale: The unit of the whole numbers.

    Example:
        >>> text = packed(torch.tensor([1.0, -0.25]), scale=0.5**10)
        >>> unpacked(text, scale=0.5**10)
        array([ 1.  , -0.25])
    """
    numbers = np.rint(values.detach().cpu().double().numpy() / scale)
    numbers = np.clip(numbers, -_LARGEST, _LARGEST).astype("<i2")

    return base64.b64encode(numbers.tobytes()).decode("ascii")


def unpacked(text: str, scale: float) -> np.ndarray:
    """Return the values of a packed array, flat.

    Arguments:
        text: What `packed` returned.
        scale: The scale that it was called with.
    """
    numbers = np.frombuffer(base64.b64decode(text), dtype="<i2")

    return numbers.astype(float) * scale


def scale_for(largest: float) -> float:
    """Return the scale at which a largest absolute value is the largest whole number."""
    return max(largest, 1e-12) / _LARGEST
