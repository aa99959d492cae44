"""The parameters of a guide: by site name, and unconstrained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus


class ByName(nn.Module):
    """Parameters by site name; a guide's `state_dict` has them as, e.g., `loc.layer1.weight`.

    Arguments:
        tensors: Initial values by site name. They are copied.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            *path, last = name.split(".")
            module = self._submodule(path)

            parameter = nn.Parameter(tensor.detach().clone())
            module.register_parameter(last, parameter)

    def __getitem__(self, name: str) -> Tensor:
        *path, last = name.split(".")
        module: nn.Module | None = self
        for part in path:
            module = module._modules[part]  # several times as fast as get_submodule

        return getattr(module, last)

    def _submodule(self, path: list[str]) -> nn.Module:
        """Return the module at a path, and make the modules that are missing on the way."""
        module: nn.Module = self
        for part in path:
            if part not in module._modules:
                module.add_module(part, nn.Module())

            module = module.get_submodule(part)

        return module


def selected(parameters: ByName, names: Iterable[str]) -> ByName:
    """Return new parameters with the values of the named ones."""
    return ByName({name: parameters[name] for name in names})


def positive(raw: Tensor, ceiling: float | None = None) -> Tensor:
    """Map unconstrained elements to positive ones: softplus, or the ceiling times a sigmoid."""
    if ceiling is None:
        return softplus(raw)

    return ceiling * raw.sigmoid()


def inverse_positive(scale: Tensor, ceiling: float | None = None) -> Tensor:
    """Map positive elements to unconstrained ones: the inverse of `positive`."""
    if ceiling is None:
        return scale.expm1().log()

    return (scale / ceiling).logit()


def raw_scale(
    like: Tensor, init_scale: float, max_scale: float | None = None
) -> Tensor:
    """Return unconstrained elements, in the shape of a tensor, of one standard deviation."""
    scale = torch.full_like(like, init_scale)
    return inverse_positive(scale, max_scale)


def check_scales(init_scale: float, max_scale: float | None = None) -> None:
    """Refuse an initial standard deviation that is not positive or not below its ceiling."""
    if not init_scale > 0:
        raise ValueError(
            f"init_scale is a standard deviation and must be positive, not {init_scale}"
        )

    if max_scale is not None and not init_scale < max_scale:
        raise ValueError(
            f"max_scale is a ceiling for the standard deviations and must be above "
            f"init_scale={init_scale}, not {max_scale}"
        )


def correlation_factor(lower: Tensor, size: int) -> Tensor:
    """Return the Cholesky factor (P, P) of a correlation matrix.

    Arguments:
        lower: The P (P - 1) / 2 unconstrained parameters of the matrix.
        size: P.
    """
    device = lower.device
    everywhere = torch.ones(size, size, dtype=torch.bool, device=device)
    below = everywhere.tril(-1)

    identity = torch.eye(size, dtype=lower.dtype, device=device)
    factor = identity.masked_scatter(below, lower)
    norms = factor.norm(dim=-1, keepdim=True)

    return factor / norms
