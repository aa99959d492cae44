"""The draws of a reference as named numbers, in Stan's way of naming elements: f[1,1]."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np
import torch
from torch import Tensor

from zoo.references.reference import Reference

Variables = dict[str, np.ndarray]  # name -> (C, S)


def function_variables(reference: Reference) -> Variables:
    """Return function values f[input,output] and the noise of all runs, (C, S) each."""
    posterior = reference.posterior
    values = posterior.functions.values
    num_chains, num_samples = values.shape[:2]
    functions = posterior.predict(reference.inputs).functions
    functions = functions.reshape(num_chains, num_samples, *functions.shape[1:])

    return elements({"f": functions, **posterior.draws})


def weight_variables(reference: Reference) -> Variables:
    """Return the few draws of every site as one chain, (1, S) each."""
    weights = {name: value.unsqueeze(0) for name, value in reference.weights.items()}
    return elements(weights)


def elements(draws: Mapping[str, Tensor]) -> Variables:
    """Return the elements of draws (C, S, *shape) by name; they are counted from 1.

    Example:
        >>> list(elements({"w": torch.zeros(4, 10, 1, 2)}))
        ['w[1,1]', 'w[1,2]']
    """
    found = {}
    for name, value in draws.items():
        array = value.detach().cpu().double().numpy()
        for place in product(*map(range, array.shape[2:])):
            index = ",".join(str(number + 1) for number in place)
            full_name = f"{name}[{index}]" if index else name
            found[full_name] = array[(slice(None), slice(None), *place)]

    return found


def columns_of(prefix: str, rows: Tensor) -> Variables:
    """Return rows (N, ...) as columns (N,) by name: x[1], x[2], ..., or x if there is one.

    Arguments:
        prefix: The name, such as "x".
        rows: The values.
    """
    flat = torch.as_tensor(rows).detach().cpu().reshape(len(rows), -1).numpy()
    if flat.shape[1] == 1:
        return {prefix: flat[:, 0]}

    return {
        f"{prefix}[{number + 1}]": flat[:, number] for number in range(flat.shape[1])
    }
