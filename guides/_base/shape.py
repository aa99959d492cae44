"""The type of a shape, as torch's distributions take it."""

from __future__ import annotations

import torch

Shape = torch.Size | list[int] | tuple[int, ...]
