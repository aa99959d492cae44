"""The tensors of a posterior's file as the model needs them: checked, cast and placed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from zoo.likelihoods.likelihood import is_noise_site
from zoo.model import BayesianNetwork
from zoo.posterior.batch_norm import statistics
from zoo.posterior.file_checks import (
    check_draws,
    check_finite,
    check_kinds,
    check_names,
    check_shapes,
)
from zoo.posterior.storage import unprefixed
from zoo.runtime.caller import stack_level
from zoo.runtime.param_scope import ScopedGuide
from zoo.runtime.rows import Rows, num_rows, of_named


class Contents:
    """The tensors in a posterior's file, on the device and in the precision of a model.

    Arguments:
        path: The file.
        tensors: Its tensors, with prefixes such as `draws/`.
        model: The model.

    Raises:
        ValueError: A tensor is missing, too many, of another shape or kind of number, or
            not finite; the message names it and the file.
    """

    def __init__(
        self, path: str | Path, tensors: Mapping[str, Tensor], model: BayesianNetwork
    ) -> None:
        self.path = path
        self.model = model
        self._tensors = tensors
        self._has_warned = False

        self._own: dict[str, Tensor] = dict(model.network.named_parameters())
        self._own |= dict(model.network.named_buffers())
        self._own |= model.plan.learned(model.network)
        self._statistics = statistics(model.network)
        self._shapes = {name: prior.shape() for name, prior in model.latents.items()}
        self._dtypes = {}
        for name in self._shapes:
            like = self._own.get(name, model.first_parameter)
            self._dtypes[name] = like.dtype

    def draws(self) -> dict[str, Tensor]:
        """Return the draws of the sites, (C, S, *shape) each."""
        what = "draws of site"
        found = unprefixed("draws/", self._tensors)
        needed = list(self._shapes)
        if self._has_functions:
            needed = [name for name in self._shapes if is_noise_site(name)]

        own = {name: self._own[name] for name in self._statistics}  # of batch norm
        shapes = self._shapes | {name: value.shape for name, value in own.items()}
        dtypes = self._dtypes | {name: value.dtype for name, value in own.items()}
        check_names(self.path, what, found, needed, shapes)
        check_draws(self.path, found, shapes)
        return self._fitted(found, dtypes, what, {})

    def centre(self) -> dict[str, Tensor]:
        """Return the mode of a Laplace approximation by site; {} if the file has none."""
        return self._sites("centre/", "mode of site")

    def mean(self) -> dict[str, Tensor]:
        """Return the mean of a refined Laplace approximation; {} if the file has none."""
        return self._sites("mean/", "mean of site")

    def scale(self) -> dict[str, Tensor]:
        """Return the scales of a diagonal Laplace approximation; {} if the file has none."""
        return self._sites("scale/", "scale of site")

    def _sites(self, prefix: str, what: str) -> dict[str, Tensor]:
        """Return the value of each site under names with a prefix; {} if there are none."""
        found = unprefixed(prefix, self._tensors)
        if not found:
            return {}

        check_names(self.path, what, found, self._shapes)
        check_shapes(self.path, what, found, self._shapes)
        return self._fitted(found, self._dtypes, what, {})

    def functions(self) -> tuple[Rows, Tensor] | None:
        """Return inputs (N, ...) and function values (C, S, N, ...); None if there are none."""
        what = "function values"
        found = unprefixed("functions/", self._tensors)
        if not found:
            return None

        places = [name for name in found if name.startswith("inputs")] or ["inputs"]
        check_names(self.path, what, found, (*places, "values"))
        inputs = {name: found[name] for name in places}
        num_inputs, values = num_rows(inputs), found["values"]
        check_draws(self.path, {"values": values}, {"values": values.shape[2:]}, what)
        if len(values.shape) < 3 or values.shape[2] != num_inputs:
            raise ValueError(
                f"{self.path}: the function values have shape {tuple(values.shape)}, not "
                f"(C, S, {num_inputs}, ...) for {num_inputs} inputs; the file was changed"
            )

        for name, draws in unprefixed("draws/", self._tensors).items():
            if draws.shape[:2] != values.shape[:2]:
                raise ValueError(
                    f"{self.path}: the draws of site {name!r} have shape {tuple(draws.shape)}, "
                    f"but there are function values of shape {tuple(values.shape)}; the file "
                    "was changed"
                )

        like = {name: found[name].dtype for name in places}
        like["values"] = self.model.first_parameter.dtype
        fitted = self._fitted(found, like, what, {})
        values = fitted.pop("values")

        return of_named(fitted, "inputs"), values

    def state(self) -> dict[str, Tensor]:
        """Return point estimates, frozen weights and buffers by name; {} if there are none."""
        what = "state"
        found = unprefixed("state/", self._tensors)
        random = {*self._shapes, *self.model.plan.originals(self.model.network)}
        fixed = [name for name in self._own if name not in random]
        check_names(self.path, what, found, fixed if found else (), fixed)

        shapes = {name: value.shape for name, value in self._own.items()}
        check_shapes(self.path, what, found, shapes)
        dtypes = {name: value.dtype for name, value in self._own.items()}
        return self._fitted(found, dtypes, what, self._own)

    def masks(self) -> dict[str, Tensor]:
        """Return which weights of a site are left after pruning, by site."""
        what = "mask of site"
        found = unprefixed("masks/", self._tensors)
        check_names(self.path, what, found, (), self._shapes)
        check_shapes(self.path, what, found, self._shapes)

        dtypes = dict.fromkeys(found, torch.bool)
        return self._fitted(found, dtypes, what, {})

    def fill(self, guide: ScopedGuide) -> None:
        """Set the parameters and buffers of a guide."""
        what = "guide's tensor"
        found = unprefixed("guide/", self._tensors)
        guide.make_room(found, self.model.first_parameter)
        own = guide.tensors()

        known = {name: value for name, value in found.items() if name in own}
        dtypes = {name: value.dtype for name, value in own.items()}
        fitted = self._fitted(known, dtypes, what, own)
        guide.load(found | fitted)

    @property
    def _has_functions(self) -> bool:
        """Whether the file has function values in the place of weights."""
        return any(name.startswith("functions/") for name in self._tensors)

    def _fitted(
        self,
        values: Mapping[str, Tensor],
        dtypes: Mapping[str, torch.dtype],
        what: str,
        own: Mapping[str, Tensor],
    ) -> dict[str, Tensor]:
        """Return tensors in the dtypes and on the device of the model, once they are checked."""
        check_kinds(self.path, what, values, dtypes)
        check_finite(self.path, what, values, own)

        device = self.model.first_parameter.device
        fitted = {}
        for name, value in values.items():
            self._say_what_is_rounded(value.dtype, dtypes[name])
            fitted[name] = value.to(device, dtypes[name])

        check_finite(self.path, f"values in the model's dtype of {what}", fitted, own)
        return fitted

    def _say_what_is_rounded(self, stored: torch.dtype, dtype: torch.dtype) -> None:
        """Warn once that values lose digits."""
        is_rounded = stored.itemsize > dtype.itemsize
        if is_rounded and not self._has_warned:
            self._has_warned = True
            warnings.warn(
                f"{self.path} holds values of dtype {stored}, which are rounded to the {dtype} "
                "of the model; give a model in that dtype to keep all digits",
                stacklevel=stack_level(),
            )
