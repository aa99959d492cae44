"""The mode of the posterior, found by gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from pyro.infer.autoguide import AutoDelta
from torch import Tensor

from zoo.data import Data
from zoo.inference.svi.svi import SVI
from zoo.model import BayesianNetwork
from zoo.posterior.info import SVIInfo
from zoo.runtime.sites import Site

_FINAL_SHARE_OF_RATE = 0.01


@dataclass(frozen=True)
class Mode:
    """The mode, and how it was found.

    Arguments:
        centre: The value of every random site at the mode.
        state: The value of everything else by name: point estimates, frozen weights and
            buffers.
        losses: Loss of each gradient step in nats per datum, (T,).
        stopped: Why the search ended early, "" if it did not.
        error: The exception that ended it early, if one did.
    """

    centre: dict[str, Tensor]
    state: dict[str, Tensor]
    losses: Tensor
    stopped: str = ""
    error: BaseException | None = None


def present_mode(model: BayesianNetwork) -> Mode:
    """Return the present values of the network as the mode."""
    values = _copied_values(model)
    centre = {name: values.pop(name) for name in model.latents}
    return Mode(centre=centre, state=values, losses=torch.empty(0))


def find_mode(
    model: BayesianNetwork,
    data: Data,
    batch_size: int | None,
    *,
    target: str | None,
    num_steps: int,
    lr: float,
    likelihood_temperature: float,
    progress: bool,
) -> Mode:
    """Find the maximum a posteriori from the present values of the network.

    The temperature of the whole posterior does not move the mode, so it is not needed.

    Arguments:
        model: The model.
        data: The data.
        batch_size: Size B of a batch; None takes all data at once.
        target: Key of the target in data that are mappings.
        num_steps: Gradient steps.
        lr: Learning rate of Adam, which falls to a hundredth of it.
        likelihood_temperature: Temperature T_l of the likelihood.
        progress: Whether to show a progress bar.
    """
    guide = _delta_guide(model, _copied_values(model))
    gamma = _FINAL_SHARE_OF_RATE ** (1 / num_steps)
    svi = SVI(
        model,
        guide,
        num_steps=num_steps,
        lr=lr,
        scheduler=partial(torch.optim.lr_scheduler.ExponentialLR, gamma=gamma),
        likelihood_temperature=likelihood_temperature,
        progress=progress,
    )
    posterior = svi.fit(data, batch_size, target=target)
    info = cast(SVIInfo, posterior.info)
    centre = {name: value[0] for name, value in posterior.sample(1).items()}
    return Mode(centre, posterior.state, info.losses, info.stopped, info.error)


def _copied_values(model: BayesianNetwork) -> dict[str, Tensor]:
    """Return copies of the parameters and buffers of the network by name."""
    network = model.network
    own = [*network.named_parameters(), *network.named_buffers()]
    return {name: value.detach().clone() for name, value in own}


def _delta_guide(model: BayesianNetwork, values: Mapping[str, Tensor]) -> AutoDelta:
    """Return a guide of point masses at given values."""

    def value_of(site: Site) -> Tensor:
        return values[site["name"]]

    return AutoDelta(model, init_loc_fn=value_of)
