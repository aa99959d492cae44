"""The places where Python code can remember something: each is read, and written back."""

from __future__ import annotations

import contextlib
import types
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from zoo.tracing.state.generators import generator_state, set_generator_state


class Memory(ABC):
    """A place where Python code can remember something."""

    inside: Any = None  # the container or generator whose inside it is, if any

    @abstractmethod
    def read(self) -> dict[Any, Any]:
        """Return the present values by key, in a dictionary of its own."""

    @abstractmethod
    def write(self, values: dict[Any, Any]) -> None:
        """Put back values that were read."""

    @abstractmethod
    def describe(self, key: Any) -> str:
        """Return the value of a key, in words."""


class Attributes(Memory):
    """The attributes of an object.

    Arguments:
        owner: The object.
    """

    def __init__(self, owner: Any) -> None:
        self.owner = owner

    def read(self) -> dict[Any, Any]:
        """Return the attributes by name."""
        return dict(vars(self.owner))

    def write(self, values: dict[Any, Any]) -> None:
        """Put back the attributes."""
        own = vars(self.owner)
        for name in own.keys() - values.keys():
            del own[name]

        own.update(values)

    def describe(self, key: Any) -> str:
        """Return the name of an attribute, and its class."""
        return f"the attribute {key!r} of {type(self.owner).__name__}"


class ClassAttributes(Memory):
    """The attributes of a class that are neither methods nor special.

    Arguments:
        owner: The class.
    """

    def __init__(self, owner: type) -> None:
        self.owner = owner

    def read(self) -> dict[Any, Any]:
        """Return the attributes by name."""
        found = {}
        for name, value in vars(self.owner).items():
            is_special = name.startswith("__") or hasattr(value, "__get__")
            if not is_special:
                found[name] = value

        return found

    def write(self, values: dict[Any, Any]) -> None:
        """Put back the attributes."""
        for name, value in values.items():
            if vars(self.owner).get(name) is not value:
                setattr(self.owner, name, value)

    def describe(self, key: Any) -> str:
        """Return the name of an attribute, and the class."""
        return f"the attribute {key!r} of the class {self.owner.__name__}"


class Elements(Memory):
    """The elements of a list, a dictionary, a set or a deque.

    Arguments:
        container: The container.
    """

    def __init__(self, container: Any) -> None:
        self.container = self.inside = container

    def read(self) -> dict[Any, Any]:
        """Return the elements: by key, by number, or as keys for a set."""
        if isinstance(self.container, dict):
            return dict(self.container)

        if isinstance(self.container, set):
            return dict.fromkeys(self.container)

        return dict(enumerate(self.container))

    def write(self, values: dict[Any, Any]) -> None:
        """Put back the elements."""
        self.container.clear()
        if isinstance(self.container, (dict, set)):
            self.container.update(values)
        else:
            self.container.extend(values.values())

    def describe(self, key: Any) -> str:
        """Return the kind of the container."""
        return f"a {type(self.container).__name__}"


class Cell(Memory):
    """A variable that a function has from the function around it.

    Arguments:
        name: Its name.
        cell: What holds its value.
    """

    def __init__(self, name: str, cell: types.CellType) -> None:
        self.name = name
        self.cell = cell

    def read(self) -> dict[Any, Any]:
        """Return the value by the name of the variable."""
        with contextlib.suppress(ValueError):  # a variable that has no value yet
            return {self.name: self.cell.cell_contents}

        return {}

    def write(self, values: dict[Any, Any]) -> None:
        """Put back the value."""
        for value in values.values():
            self.cell.cell_contents = value

    def describe(self, key: Any) -> str:
        """Return the name of the variable."""
        return f"the variable {key!r}"


class Variables(Memory):
    """Variables of a module.

    Arguments:
        space: The variables of the module by name.
        names: The names of some of them.
    """

    def __init__(self, space: dict[str, Any], names: Sequence[str]) -> None:
        self.space = space
        self.names = names

    def read(self) -> dict[Any, Any]:
        """Return the values by name."""
        return {name: self.space[name] for name in self.names if name in self.space}

    def write(self, values: dict[Any, Any]) -> None:
        """Put back the values."""
        self.space.update(values)

    def describe(self, key: Any) -> str:
        """Return the name of a variable."""
        return f"the variable {key!r}"


class GeneratorState(Memory):
    """The state of a random generator.

    Arguments:
        generator: A generator of Python, NumPy or torch.
    """

    def __init__(self, generator: Any) -> None:
        self.generator = self.inside = generator

    def read(self) -> dict[Any, Any]:
        """Return the state."""
        return {"state": generator_state(self.generator)}

    def write(self, values: dict[Any, Any]) -> None:
        """Put back the state."""
        set_generator_state(self.generator, values["state"])

    def describe(self, key: Any) -> str:
        """Return the kind of the generator."""
        kind = type(self.generator)
        return f"a generator of random numbers, {kind.__module__}.{kind.__name__}"
