"""The data that a guide depends on, kept with it as buffers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten


class Remembered(nn.Module):
    """The arguments of a model: their tensors are buffers, so they move and are saved.

    Before `keep` there are none, and a model runs its latent sites alone.

    Attributes:
        facts: What was found out about the model with these arguments, by name.
    """

    def __init__(self) -> None:
        super().__init__()
        self.facts: dict[str, bool] = {}
        self._form = _Form(())

    @property
    def is_empty(self) -> bool:
        """Whether there are no arguments."""
        return not self._form.rest

    def keep(self, *args: Any, **kwargs: Any) -> None:
        """Keep copies of arguments in the place of those before."""
        self._buffers.clear()
        self.facts = {}
        self._form = _Form(args, kwargs)

        for number, leaf in enumerate(tree_flatten((args, kwargs))[0]):
            if isinstance(leaf, Tensor):
                self.register_buffer(str(number), leaf.detach().clone())

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the positional and the keyword arguments."""
        leaves = []
        for number, leaf in enumerate(self._form.rest):
            leaves.append(self._buffers.get(str(number), leaf))

        return tree_unflatten(leaves, self._form.structure)

    def make_room(self, tensors: Mapping[str, Tensor]) -> None:
        """Keep the tensors of a file as arguments (x, y), if there are no arguments yet.

        Arguments:
            tensors: The tensors by name.

        Raises:
            ValueError: They are not x and y, whose places among the arguments are known.
        """
        if not self.is_empty or not tensors:
            return

        if sorted(tensors) != ["0", "1"]:
            raise ValueError(
                f"the file holds {len(tensors)} tensors of data, and a guide without data has no "
                "places for them; write guide.remember(x, y) with data of the same form"
            )

        self.keep(tensors["0"], tensors["1"])


class _Form:
    """The form of arguments: how they are nested, and those that are no tensors.

    A copy of a guide shares it.
    """

    def __init__(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None = None
    ) -> None:
        leaves, self.structure = tree_flatten((args, dict(kwargs or {})))
        self.rest = [None if isinstance(leaf, Tensor) else leaf for leaf in leaves]

    def __deepcopy__(self, memo: dict) -> _Form:
        return self
