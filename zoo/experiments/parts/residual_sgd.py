"""SGD for residual networks: the rate of the literature, which falls as half a cosine."""

from __future__ import annotations

from functools import partial

import torch

from zoo.inference import SVI, schedules

RATE = 0.1  # as published for residual networks

# Adam moves each weight by its rate at every step, also where the gradient is noise. At rates
# that learn within a short budget, weights that a normalisation follows grow without end.
residual_sgd = partial(
    SVI,
    optimizer=partial(torch.optim.SGD, momentum=0.9, nesterov=True),
    scheduler=schedules.cosine(0.1),
    precision="bf16",
)
