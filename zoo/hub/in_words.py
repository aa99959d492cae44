"""Networks, guides and engines in words, as the calls that make them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from zoo.hub.describing import Json

_NO_OPTIONS = {
    "model",
    "guide",
    "progress",
    "checkpoint",
    "time_limit",
    "description",
    "per_epoch",
}
_PLAIN = (bool, int, float, str, tuple, type, type(None))


def call_text(text: Json) -> str:
    """Return the call that a description stands for.

    Arguments:
        text: JSON of `zoo.hub.describing.described`.

    Example:
        >>> from zoo.hub.describing import described
        >>> from zoo.hub.in_words import call_text
        >>> call_text(described(networks.LeNet5(10, image_size=16)))
        'networks.LeNet5(num_classes=10, in_channels=1, image_size=16, activation=nn.ReLU)'
    """
    if isinstance(text, list):
        return f"[{', '.join(call_text(part) for part in text)}]"
    if not isinstance(text, Mapping):
        return repr(text)

    for key, write in _WRITERS.items():
        if key in text:
            return write(text)

    return str(next(iter(text.values()), ""))


def engine_text(engine: object) -> str:
    """Return an engine with all its options, without the model and the guide.

    Arguments:
        engine: An engine, such as `inference.SVI(model, guide)`.

    Example:
        >>> from zoo.hub.in_words import engine_text
        >>> "num_samples=50" in engine_text(inference.NUTS(model, num_samples=50))
        True
    """
    options = []
    for name, value in _options(engine).items():
        options.append(f"{name}={_plain(value)}")

    return f"{type(engine).__name__}({', '.join(options)})"


def _options(owner: object) -> dict[str, Any]:
    """Return the options of an object by name, those of its parts among them."""
    found: dict[str, Any] = {}
    for name, value in vars(owner).items():
        is_part = dataclasses.is_dataclass(value) and not isinstance(value, type)
        if name in _NO_OPTIONS or name[0] == "_":
            continue
        if (is_part and name.endswith("options")) or name == "natural":
            found |= _options(value)
        elif is_part or isinstance(value, _PLAIN) or callable(value):
            found[name] = value

    return found


def _plain(value: object) -> str:
    """Return a value as text: a function by its name, a number in its shortest form."""
    if isinstance(value, partial):
        pairs = [f"{name}={_plain(part)}" for name, part in value.keywords.items()]
        return f"partial({', '.join([_plain(value.func), *pairs])})"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = [f"{name}={_plain(part)}" for name, part in vars(value).items()]
        return f"{type(value).__name__}({', '.join(pairs)})"
    if callable(value):
        name = getattr(value, "__name__", type(value).__name__)
        return name.strip("_")

    return f"{value:g}" if isinstance(value, float) else repr(value)


def _short(name: Any) -> str:
    """Return a dotted name as programs write it: networks.MLP, nn.Tanh, dist.Normal."""
    module, _, member = str(name).rpartition(".")
    alias = {"pyro.distributions": "dist"}.get(
        module, module.rpartition(".")[2] or module
    )

    return f"{alias}.{member}"


def _made(text: Json) -> str:
    if "layers" in text:
        layers = ", ".join(call_text(layer) for _, layer in text["layers"])
        return f"{_short(text['make'])}({layers})"

    return f"{_short(text['make'])}({_arguments(text)})"


def _arguments(text: Json) -> str:
    pairs = [f"{name}={call_text(part)}" for name, part in text["arguments"].items()]
    return ", ".join(pairs)


def _partial(text: Json) -> str:
    words = [_short(text["partial"]), *map(call_text, text["first"])]
    if text["arguments"]:
        words.append(_arguments(text))

    return f"partial({', '.join(words)})"


def _mapping(text: Json) -> str:
    pairs = [f"{call_text(key)}: {call_text(part)}" for key, part in text["mapping"]]
    return f"{{{', '.join(pairs)}}}"


def _tensor(text: Json) -> str:
    if not text["shape"]:
        return f"{text['tensor']:g}"

    return f"a tensor of shape {tuple(text['shape'])}"


_WRITERS: dict[str, Callable[[Json], str]] = {
    "make": _made,
    "partial": _partial,
    "mapping": _mapping,
    "tensor": _tensor,
    "full": lambda text: f"{text['full']:g}",
    "tuple": lambda text: f"({', '.join(call_text(part) for part in text['tuple'])})",
    "name": lambda text: _short(text["name"]),
}
