"""What an object is made of: the functions of its class, and its attributes."""

from __future__ import annotations

from functools import _lru_cache_wrapper, cached_property

from zoo.runtime.description.code import is_users
from zoo.runtime.recorded import RECORD


def function_of(member: object) -> object:
    """Return the function of a method, a property, or a static or class method."""
    if isinstance(member, property):
        return member.fget
    if isinstance(member, cached_property):
        return member.func

    member = getattr(member, "__func__", member)
    if isinstance(member, _lru_cache_wrapper):
        return member.__wrapped__

    return member


def attributes_of(value: object) -> dict[str, object]:
    """Return the attributes of an object, those in slots of a user's class included."""
    found: dict[str, object] = {}
    for base in reversed(type(value).__mro__):
        slots = vars(base).get("__slots__", ()) if is_users(base.__module__) else ()
        for name in [slots] if isinstance(slots, str) else slots:
            if name[:2] != "__" and hasattr(value, name):
                found[name] = getattr(value, name)

    own = getattr(value, "__dict__", None)
    if isinstance(own, dict):
        found |= own

    return {name: part for name, part in found.items() if name not in RECORD}
