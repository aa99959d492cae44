"""What a user says of the data besides (x, y): the target's name, weights, known quantities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor

from zoo.data.checks import Batch, as_targets
from zoo.likelihoods.observed import Observed
from zoo.model import BayesianNetwork
from zoo.predictive.known import refuse_unknown
from zoo.predictive.network_call import is_taken
from zoo.runtime.as_tensors import as_tensors

_WEIGHTS = "weights"
_PAIR = (
    "a batch must be a pair (x, y), several inputs and a target (x1, x2, y), or a dict"
)


@dataclass(frozen=True)
class Columns:
    """Which part of the data is the target, and a weight or known quantities of each datum.

    Arguments:
        target: Key of the target in data that are a mapping.
        weights: Weights (N,) of the data, or their key in data that are a mapping.
        given: Known quantities (N, ...) or their keys, by the likelihood's name.
    """

    target: str | None = None
    weights: Any = None
    given: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        model: BayesianNetwork,
        target: str | None,
        weights: Any,
        given: Mapping[str, Any],
    ) -> Self:
        """Return the arguments of a fit, of which the likelihood must ask for those of `given`.

        Raises:
            TypeError: The likelihood does not ask for one of them.
        """
        model.warn_of_changed()
        refuse_unknown(model.likelihood, "fit", given)

        return cls(target, weights, given)

    def keyed(self) -> Columns:
        """Return what is said by keys: the target, and the others that are text."""
        keys = {name: key for name, key in self.said() if isinstance(key, str)}
        weights = keys.pop(_WEIGHTS, None)

        return Columns(self.target, weights, keys)

    def valued(self) -> Columns:
        """Return what is said by values: what is no key."""
        values = {name: key for name, key in self.said() if not isinstance(key, str)}
        weights = values.pop(_WEIGHTS, None)

        return Columns(None, weights, values)

    def divided(self, table: Any) -> tuple[tuple[Any, Any], Columns]:
        """Return a table as inputs and targets, and what else is said of the data by values.

        Arguments:
            table: A table with a column for the target, and for all else that is a key.

        Raises:
            ValueError: A column that is not there.
        """
        keys = {name: key for name, key in self.said() if isinstance(key, str)}
        present = list(table.columns)
        for name, key in {"target": self.target, **keys}.items():
            if key not in present:
                listed = ", ".join(repr(str(column)) for column in present)
                raise ValueError(
                    f"the table has no column {key!r} for the {name}; it has {listed}"
                )

        taken = {self.target, *keys.values()}
        inputs = [column for column in present if column not in taken]
        said = {name: table[key] for name, key in self.said() if name in keys}
        values = {**dict(self.said()), **said}
        weights = values.pop(_WEIGHTS)

        return (table[inputs], table[self.target]), Columns(None, weights, values)

    def attached(self, x: Any, y: Tensor | Observed) -> Batch:
        """Return a pair with the weights and the known quantities of its data.

        Raises:
            TypeError: They are keys, but a pair has none.
            ValueError: All weights are 0; targets that have weights of their own.
        """
        if self.target is not None:
            raise TypeError(
                f"target={self.target!r} is the key of the target in data that are a mapping, but "
                "here they are a pair (x, y) whose second part is the target; omit target"
            )

        if self.weights is None and not self.given:
            return x, y

        if isinstance(y, Observed):
            raise ValueError(
                "the targets are Observed(y, weights, given) already; omit weights=... and the "
                "known quantities of fit"
            )

        weights = None if self.weights is None else _values(_WEIGHTS, self.weights)
        given = {name: _values(name, value) for name, value in self.given.items()}

        return x, observed(y, weights, given)

    def unpacked(self, model: BayesianNetwork, batch: Any) -> Batch:
        """Return the inputs and the targets of a batch of a loader, as tensors.

        Arguments:
            model: The model, whose likelihood may ask for known quantities.
            batch: A pair (x, y), several inputs and a target (x1, x2, y), or a mapping.

        Raises:
            TypeError: Anything else.
            ValueError: A mapping without one of the keys.
        """
        has_fields = hasattr(batch, "_asdict") and not isinstance(batch, Observed)
        if has_fields and self.target is not None:
            batch = batch._asdict()

        if isinstance(batch, Mapping):
            return self._from_mapping(model, batch)

        family = type(batch).__name__
        if not isinstance(batch, (tuple, list)):
            raise TypeError(f"{_PAIR}, not {family}")

        if len(batch) < 2:
            raise TypeError(f"{_PAIR}, not {family} of {len(batch)}")

        self._refuse_keys(family)
        *inputs, y = batch
        x = inputs[0] if len(inputs) == 1 else tuple(inputs)

        return as_tensors(x, "inputs"), as_targets(y)

    def _refuse_keys(self, family: str) -> None:
        """Refuse names of columns for batches that are tuples, and values for a loader."""
        if self.target is not None:
            raise TypeError(
                f"target={self.target!r} is the key of the target in batches that are dicts, but "
                f"this loader gives {family}, whose last element is the target; omit target"
            )

        for name, value in self.said():
            if value is not None:
                raise TypeError(
                    f"the {name} of a loader's data must come with its batches: let them be dicts "
                    f"and write fit(loader, target='y', {name}='KEY'), or let their targets be "
                    "likelihoods.Observed(y, weights, given)"
                )

    def said(self) -> list[tuple[str, Any]]:
        """Return the weights and the known quantities, by name."""
        return [(_WEIGHTS, self.weights), *self.given.items()]

    def _from_mapping(self, model: BayesianNetwork, batch: Mapping[str, Any]) -> Batch:
        """Return the inputs and the targets of a batch with keys."""
        listed = ", ".join(repr(str(key)) for key in batch)
        if self.target is None:
            raise TypeError(
                f"a batch is a mapping with the keys {listed}; say which is the target, "
                "fit(data, target=KEY)"
            )

        rest = dict(batch)
        columns = {"target": self.target, **self._keys(model, batch)}
        found = {}
        for name, key in columns.items():
            if key not in rest:
                raise ValueError(
                    f"a batch has no {name} {key!r}; its keys are {listed}"
                )

            found[name] = rest.pop(key)

        if not rest:
            raise ValueError(
                f"a batch has no inputs besides the target {self.target!r}; its keys are {listed}"
            )

        y = as_targets(found.pop("target"))
        values = {name: _values(name, value) for name, value in found.items()}
        weights = values.pop(_WEIGHTS, None)

        return as_tensors(rest, "inputs"), observed(y, weights, values)

    def _keys(self, model: BayesianNetwork, batch: Mapping[str, Any]) -> dict[str, str]:
        """Return the keys of the weights and of the known quantities, by name."""
        keys = {}
        for name, key in self.said():
            if key is not None and not isinstance(key, str):
                raise TypeError(
                    f"the {name} of data that are mappings must be one of their keys, such as "
                    f"{name}={name!r}, not {type(key).__name__}"
                )

            if key is not None:
                keys[name] = key

        for name in (_WEIGHTS, *model.likelihood.given):
            is_meant = name in batch and not is_taken(model.network, name)
            if name not in keys and is_meant:
                keys[name] = name

        return keys


def observed(
    y: Tensor | Observed, weights: Tensor | None, given: Mapping[str, Tensor]
) -> Tensor | Observed:
    """Return targets with weights and known quantities, or themselves if there are none."""
    if weights is None and not given:
        return y

    if weights is not None and not bool((weights != 0).any()):
        raise ValueError("all weights are 0, so there are no data; give one above 0")

    return Observed(y, weights, dict(given) or None)


def _values(name: str, value: Any) -> Tensor:
    """Return weights or a known quantity as a tensor."""
    if isinstance(value, str):
        raise TypeError(
            f"{name}={value!r} is a key, which data in a pair (x, y) do not have; give a tensor "
            "with a row for each datum"
        )

    values = as_tensors(value, name)
    if not isinstance(values, Tensor):
        raise TypeError(f"the {name} must be one tensor, not {type(value).__name__}")

    return values


def are_uneven(y: Tensor | Observed | None) -> bool:
    """Return whether some weights are neither 0 nor 1, so that they are no choice of data."""
    if not isinstance(y, Observed) or y.weights is None:
        return False

    return not bool(torch.isin(y.weights.float(), torch.tensor([0.0, 1.0])).all())
