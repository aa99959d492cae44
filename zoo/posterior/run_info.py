"""The base of what engines report of a run: fields that they share, and a short text for print and notebooks."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from torch import Tensor


@dataclass(repr=False, kw_only=True)
class RunInfo:
    """What the statistics of any run have: its time, why it stopped, and its temperatures.

    Arguments:
        seconds: Wall time in seconds.
        stopped: Why the run ended early; "" if it did not.
        temperature: Temperature of the whole posterior.
        likelihood_temperature: Temperature of the likelihood alone.
    """

    seconds: float
    stopped: str = ""
    temperature: float = 1.0
    likelihood_temperature: float = 1.0

    def summary(self) -> dict[str, str]:
        """Return what is worth reading at once, as text by the name of the field; at most eight of them."""
        raise NotImplementedError

    def _shared(self) -> dict[str, str]:
        """Return the lines on temperatures and an early end, where there is something to say."""
        found = {}
        if self.temperature != 1.0:
            found["temperature"] = f"{self.temperature:g}"
        if self.likelihood_temperature != 1.0:
            found["likelihood_temperature"] = f"{self.likelihood_temperature:g}"
        if self.stopped:
            found["stopped"] = self.stopped
        return found

    def __repr__(self) -> str:
        summary = self.summary()
        width = max(len(name) for name in summary)
        lines = [f"{name:{width}}  {text}" for name, text in summary.items()]
        return "\n".join([type(self).__name__, *lines])

    def _repr_html_(self) -> str:
        rows = []
        for name, text in self.summary().items():
            rows.append(f"<tr><td><code>{name}</code></td><td>{escape(text)}</td></tr>")
        body = "".join(rows)
        return f"<p>{type(self).__name__}</p><table><tbody>{body}</tbody></table>"


def first_to_last(losses: Tensor) -> str:
    """Say where losses begin and end, e.g. "1.9 -> 0.4 nats per datum in 300 steps"."""
    number = len(losses)
    if number == 0:
        return "none, no step was taken"

    first = float(losses[0])
    last = float(losses[-1])
    return f"{first:.4g} -> {last:.4g} nats per datum in {number:,} steps"


def extent(values: Tensor) -> str:
    """Say the shape, the mean and the range of values."""
    shape = tuple(values.shape)
    if values.numel() == 0:
        return f"none, shape {shape}"

    values = values.double()
    mean = float(values.mean())
    least = float(values.min())
    greatest = float(values.max())
    return f"mean {mean:.4g}, from {least:.4g} to {greatest:.4g}, shape {shape}"
