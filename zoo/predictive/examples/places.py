"""Where the examples of a batch are in the inputs of layers, found out by trial runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.predictive.examples.codes import codes
from zoo.predictive.examples.influence import examples_by_influence
from zoo.predictive.examples.layer_calls import LayerCall
from zoo.predictive.examples.trial_runs import TrialRuns, changed_rows
from zoo.runtime.rows import Rows


class Place(NamedTuple):
    """Along which dimension of a layer's input the examples are, and in which order.

    Arguments:
        num_examples: Number of examples B.
        dim: The dimension.
        index: The example (n,) at each place along the dimension, None for 0, ..., B - 1.
        is_single: Whether the layer is applied once, to one vector for each example.
    """

    num_examples: int
    dim: int
    index: Tensor | None = None
    is_single: bool = False


Places = dict[torch.Size, Place]
"""The place of the examples in inputs of one layer, by the shape of the input."""


def locate_examples(runs: TrialRuns, names: Collection[str]) -> dict[str, Places]:
    """Find out where the examples are in the inputs of layers.

    A position of a layer belongs to the example whose output it changes, because noise at
    the position may reach no other output. A proposal is proven by runs in which the
    outputs of the layers are NaN at the positions of some examples: the outputs of all
    other examples must keep their bits. A first such run has the inputs as they are, and
    the others have the examples in another order. So a place that depends on the values of
    the examples is not proven.

    Arguments:
        runs: Trial runs of the network.
        names: Names of the weights and nodes.

    Returns:
        The places by the name of the weight or the nodes. A weight has none if one of its
        inputs has positions that change the outputs of several examples, or if an input of
        the same shape has its examples elsewhere. No weight has one if the proof fails.
    """
    calls = [call for call in runs.first.used.calls if call.names & set(names)]
    num_examples = runs.num_examples
    has_nan = any(bool(output.isnan().any()) for output in runs.first.outputs)
    if num_examples is None or has_nan or not calls:
        return {}

    device = runs.first.outputs[0].device
    in_front = [_in_front(call, num_examples, device) for call in calls]
    if None not in in_front:
        places = _by_name(calls, in_front)
        if _is_proven(runs, places):
            return places

    examples = examples_by_influence(runs, calls, codes(num_examples))
    by_influence = [_place(found, num_examples, device) for found in examples]
    places = _by_name(calls, by_influence)

    return places if _is_proven(runs, places) else {}


def _in_front(call: LayerCall, num_examples: int, device: torch.device) -> Place | None:
    """Return the first dimension as the place of the examples, if it has their number.

    A single example owns all positions.
    """
    if len(call.dims) == 0:
        return None

    length = call.shape[0]
    if length == num_examples:
        return Place(num_examples, dim=0)

    if num_examples == 1:
        index = torch.zeros(length, dtype=torch.long, device=device)
        return Place(1, dim=0, index=index)

    return None


def _place(
    found: tuple[int, list[int]] | None, num_examples: int, device: torch.device
) -> Place | None:
    """Return the place of the examples, given the dimension and the example of each index."""
    if found is None:
        return None

    dim, examples = found
    if examples == list(range(num_examples)):
        return Place(num_examples, dim)

    return Place(num_examples, dim, torch.tensor(examples, device=device))


def _by_name(
    calls: Sequence[LayerCall], places: Sequence[Place | None]
) -> dict[str, Places]:
    """Return the places by the name of the weight or the nodes, and the shape of the input."""
    found: dict[str, Places] = {}
    missing: set[str] = set()
    num_calls = Counter(name for call in calls for name in call.names)

    for call, place in zip(calls, places, strict=True):
        if place is None:
            missing |= call.names
            continue

        is_vectors = len(call.shape) == 2 and _is_each_once(place, call.shape[0])
        for name in call.names:
            is_single = is_vectors and num_calls[name] == 1
            own = place._replace(is_single=is_single)
            known = found.setdefault(name, {}).setdefault(call.shape, own)
            if not _is_same(known, own):
                missing.add(name)

    return {name: each for name, each in found.items() if name not in missing}


def _is_each_once(place: Place, length: int) -> bool:
    """Return whether each example is at one of the places along a dimension of that length."""
    if length != place.num_examples:
        return False

    return place.index is None or len(place.index.unique()) == length


def _is_same(one: Place, other: Place) -> bool:
    """Return whether two places are equal."""
    if one.dim != other.dim or (one.index is None) != (other.index is None):
        return False

    return one.index is None or torch.equal(one.index, other.index)


def _is_proven(runs: TrialRuns, places: dict[str, Places]) -> bool:
    """Return whether noise at the places of each example reaches its own outputs alone."""
    num_examples = runs.num_examples or 0
    every_second = torch.arange(num_examples) % 2 == 0
    if not _is_kept(
        runs, runs.inputs, runs.first.outputs, places, every_second.unsqueeze(0)
    ):
        return False

    inputs = runs.in_other_order()
    outputs = runs.run(inputs).outputs

    return _is_kept(runs, inputs, outputs, places, codes(num_examples))


def _is_kept(
    runs: TrialRuns,
    inputs: Rows,
    outputs: list[Tensor],
    places: dict[str, Places],
    table: Tensor,
) -> bool:
    """Return whether all other outputs stay the same if the places of some examples are NaN.

    Arguments:
        runs: Trial runs of the network.
        inputs: The inputs.
        outputs: The outputs as they are without NaN.
        places: The places by the name of the weight or the nodes.
        table: The examples of each run, (M, B).
    """
    for members in table.to(outputs[0].device):
        poison = _Poison(places, members)
        after = runs.run(inputs, poison).outputs
        is_changed = changed_rows(outputs, after)

        if poison.is_lost or bool(is_changed[~members].any()):
            return False

    return True


class _Poison:
    """Makes the outputs of layers NaN at the places of some examples.

    Arguments:
        places: The places by the name of the weight.
        members: Whether each example is one of them, (B,).
    """

    def __init__(self, places: dict[str, Places], members: Tensor) -> None:
        self.places = places
        self.members = members
        self.is_lost = (
            False  # whether a layer got an input whose examples are not known
        )

    def __call__(self, call: LayerCall, output: Tensor) -> Tensor:
        """Return the output of a layer, changed."""
        found = [self.places[name] for name in call.names if name in self.places]
        if not found:
            return output

        place = found[0].get(call.shape)
        if place is None:
            self.is_lost = True
            return output

        members = self.members
        if place.index is not None:
            members = members[place.index]

        factor = torch.ones(len(members), dtype=output.dtype, device=output.device)
        factor = factor.masked_fill(members, torch.nan)
        shape = [1] * output.dim()
        shape[place.dim] = len(members)

        return output * factor.reshape(shape)
