"""Which part of a loader's batch are the inputs, as a fit met them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from zoo.data.table_names import Names
from zoo.model import BayesianNetwork
from zoo.predictive.network_call import is_taken
from zoo.runtime.rows import Rows


@dataclass(frozen=True)
class BatchForm:
    """The inputs in a batch, so that a posterior predicts at those of a loader.

    Arguments:
        num_inputs: Number of inputs, which come first in a batch that is a tuple; None
            if it is not known.
        keys: Keys of the inputs in a batch that is a mapping; None if they are not known.
        given: Keys of known quantities in such a batch, by the likelihood's name.
        names: Names of the columns of inputs that are tables; see `zoo.data.table_names`.
    """

    num_inputs: int | None = None
    keys: tuple[str, ...] | None = None
    given: Mapping[str, str] = field(default_factory=dict)
    names: Names = None

    @classmethod
    def of(
        cls, x: Rows, given: Mapping[str, Any] | None = None, names: Names = None
    ) -> BatchForm:
        """Return the form of batches with such inputs.

        Arguments:
            x: Inputs.
            given: Known quantities, or their keys, by the likelihood's name.
            names: Names of the columns of inputs that are tables.
        """
        keys = {}
        for name, key in (given or {}).items():
            if isinstance(key, str):
                keys[name] = key

        if isinstance(x, Mapping):
            return cls(len(x), tuple(x), keys, names)

        return cls(len(x) if isinstance(x, tuple) else 1, None, keys, names)

    def naming(self, given: Mapping[str, Any]) -> BatchForm:
        """Return the form with other keys of known quantities.

        Arguments:
            given: The keys, by the likelihood's name.

        Raises:
            TypeError: One is no key: the values must come with the batches.
        """
        for name, key in given.items():
            if not isinstance(key, str):
                raise TypeError(
                    f"the {name} of a loader's data must come with its batches: let them be dicts "
                    f"and write {name}='KEY'"
                )

        return replace(self, given={**self.given, **given})

    def inputs_of(self, model: BayesianNetwork, batch: Any) -> Rows:
        """Return the inputs of a batch; targets are set aside.

        Arguments:
            model: The model, whose network says which keys it takes if none are known.
            batch: A tensor, a tuple or a mapping.

        Raises:
            ValueError: A batch of another form than those of the fit.
        """
        if isinstance(batch, Mapping):
            return self._by_keys(model, batch)

        if not isinstance(batch, (tuple, list)):
            return batch

        if batch and isinstance(batch[0], (Mapping, tuple, list)):  # (x, y)
            return batch[0]

        number = self.num_inputs or max(1, len(batch) - 1)
        if len(batch) not in (number, number + 1):
            raise ValueError(
                f"a batch has {len(batch)} parts, but the model was fitted to {number} input(s), "
                "with or without a target behind them"
            )

        return batch[0] if number == 1 else tuple(batch[:number])

    def _by_keys(self, model: BayesianNetwork, batch: Mapping[str, Any]) -> Rows:
        """Return the inputs of a batch with keys."""
        keys = self.keys
        if keys is None:
            keys = tuple(key for key in batch if is_taken(model.network, key))

        absent = [key for key in keys if key not in batch]
        if absent or not keys:
            wanted = ", ".join(map(repr, absent)) or "that the network takes"
            listed = ", ".join(repr(str(key)) for key in batch)
            raise ValueError(f"a batch has no input {wanted}; its keys are {listed}")

        return {key: batch[key] for key in keys}

    def given_of(self, batch: Any, names: tuple[str, ...]) -> dict[str, Any]:
        """Return the known quantities in a batch that is a mapping.

        Arguments:
            batch: The batch.
            names: Those that the likelihood asks for.
        """
        if not isinstance(batch, Mapping):
            return {}

        found = {}
        for name in names:
            key = self.given.get(name, name)
            if key in batch:
                found[name] = batch[key]

        return found
