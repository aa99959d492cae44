"""A guide's parameters: by site name, and positive ones as free numbers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus


class ByName(nn.Module):
    """Parameters by site name, nested so that the guide's `state_dict` says `loc.layer1.weight`."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            *path, leaf = name.split(".")
            room: nn.Module = self
            for part in path:
                if part not in room._modules:
                    room.add_module(part, nn.Module())
                room = room._modules[part]
            room.register_parameter(leaf, nn.Parameter(tensor.detach().clone()))

    def __getitem__(self, name: str) -> Tensor:
        path, _, leaf = name.rpartition(".")
        return getattr(self.get_submodule(path), leaf)


def positive(raw: Tensor, ceiling: float | None = None) -> Tensor:
    """Return the positive numbers that free ones stand for: softplus, or the ceiling times a sigmoid."""
    return softplus(raw) if ceiling is None else ceiling * raw.sigmoid()


def free(scale: Tensor, ceiling: float | None = None) -> Tensor:
    """Return the free numbers that stand for positive ones: the inverse of `positive`."""
    return scale.expm1().log() if ceiling is None else (scale / ceiling).logit()


def check_scales(init_scale: float, max_scale: float | None = None) -> None:
    """Refuse standard deviations that are not positive, or a start that is not below the ceiling."""
    if not init_scale > 0:
        raise ValueError(
            f"init_scale is a standard deviation and must be positive, not {init_scale}"
        )
    if max_scale is not None and not init_scale < max_scale:
        raise ValueError(
            f"max_scale is a ceiling for standard deviations above init_scale={init_scale}, not {max_scale}"
        )


def filled(like: Tensor, init_scale: float, max_scale: float | None = None) -> Tensor:
    """Return free numbers of a tensor's shape that all stand for one standard deviation."""
    return free(torch.full_like(like, init_scale), max_scale)
