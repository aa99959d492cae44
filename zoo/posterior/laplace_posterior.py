"""The posterior of a Laplace approximation: draws around a mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

from torch import Tensor

from zoo.model import BayesianNetwork
from zoo.posterior.concatenation import Dim
from zoo.posterior.draws_posterior import DrawsPosterior, Transform
from zoo.posterior.info import LaplaceInfo
from zoo.posterior.posterior import Posterior
from zoo.posterior.storage import prefixed


class LaplacePosterior(DrawsPosterior):
    """Draws of a normal distribution around the mode, where the network can be linearised.

    Arguments:
        model: The model.
        draws: Values (1, S, *shape) of every latent site.
        centre: The mode: one value (*shape) of every latent site.
        state: Point estimates, frozen weights and buffers by name.
        info: Statistics of the run.
        masks: Which weights of a site are left after pruning, by the site's name.
    """

    info: LaplaceInfo | None

    def __init__(
        self,
        model: BayesianNetwork,
        *,
        draws: Mapping[str, Tensor],
        centre: Mapping[str, Tensor],
        state: Mapping[str, Tensor],
        info: LaplaceInfo | None,
        masks: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__(model, draws=draws, state=state, info=info, masks=masks)
        self.centre = centre

    @property
    def source(self) -> str:
        """The number of draws."""
        length = self.num_samples // self.num_chains
        return f"{length} draws around the mode"

    def _mode(self) -> Mapping[str, Tensor]:
        return self.centre

    def _means(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Return the mode, which is the mean of the normal distribution around it."""
        return {name: self.centre[name] for name in names}

    def transformed(
        self,
        transform: Transform,
        model: BayesianNetwork,
        state: Mapping[str, Tensor],
        masks: Mapping[str, Tensor],
    ) -> LaplacePosterior:
        """Return this posterior with a function applied to its draws and to its mode."""
        return LaplacePosterior(
            model,
            draws=transform(self.draws),
            centre=transform(self.centre),
            state=state,
            info=self.info,
            masks=masks,
        )

    def _followed_by(self, others: Sequence[Posterior], dim: Dim) -> NoReturn:
        raise ValueError(
            "concat needs the draws of a sampler, not those around a mode; write "
            f"num_samples={self.num_samples * (1 + len(others))} for more of them"
        )

    def tensors(self) -> dict[str, Tensor]:
        """Return the draws and the mode, as the file holds them."""
        return super().tensors() | prefixed("centre/", self.centre)
