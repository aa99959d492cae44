"""The posterior of a Laplace approximation: draws around a mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

import pyro.distributions as dist
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.model import BayesianNetwork
from zoo.posterior.concatenation import Dim
from zoo.posterior.draws_posterior import DrawsPosterior, Transform
from zoo.posterior.info import LaplaceInfo
from zoo.posterior.posterior import Posterior
from zoo.posterior.storage import prefixed


class LaplacePosterior(DrawsPosterior):
    """Draws of a normal distribution around the mode, where the network can be linearised.

    Draws of a refined approximation are weights of the linearised network, so that
    predictions are linearised unless `linearised=False` is written.

    Arguments:
        model: The model.
        draws: Values (1, S, *shape) of every latent site.
        centre: The mode: one value (*shape) of every latent site.
        mean: The mean of a refined approximation, which is another; None for the mode.
        scale: Standard deviations (*shape) of the sites whose elements are independent;
            None if there are none.
        state: Point estimates, frozen weights and buffers by name.
        info: Statistics of the run.
        masks: Which weights of a site are left after pruning, by the site's name.

    Example:
        >>> engine = inference.Laplace(model, structure="diag", num_steps=5, progress=False)
        >>> found = engine.fit(data.train)
        >>> found.distributions()["layer1.bias"]  # the prior of a next task
        Independent(Normal(loc: torch.Size([10]), scale: torch.Size([10])), 1)
    """

    info: LaplaceInfo | None

    def __init__(
        self,
        model: BayesianNetwork,
        *,
        draws: Mapping[str, Tensor],
        centre: Mapping[str, Tensor],
        mean: Mapping[str, Tensor] | None = None,
        scale: Mapping[str, Tensor] | None = None,
        state: Mapping[str, Tensor],
        info: LaplaceInfo | None,
        masks: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__(model, draws=draws, state=state, info=info, masks=masks)
        self.centre = centre
        self.mean = centre if mean is None else mean
        self.scale = {} if scale is None else scale

    @property
    def is_refined(self) -> bool:
        """Whether this is the posterior of the linearised network."""
        return self.mean is not self.centre

    @property
    def source(self) -> str:
        """The number of draws."""
        length = self.num_samples // self.num_chains
        return f"{length} draws around the mode"

    def _mode(self, linearised: bool | None) -> Mapping[str, Tensor] | None:
        is_linearised = self.is_refined if linearised is None else linearised

        return self.centre if is_linearised else None

    def _means(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Return the mean of the normal distribution, the mode if it is not refined."""
        return {name: self.mean[name] for name in names}

    def distributions(self) -> dict[str, TorchDistributionMixin]:
        """Return the normal of each site, as `priors.previous` takes them.

        As the prior of the next task, which again has a Laplace approximation, it is elastic
        weight consolidation in its recursive form: the curvatures of all tasks add up.

        References:
            Overcoming catastrophic forgetting in neural networks (Kirkpatrick et al., 2017)
            Note on the quadratic penalties in elastic weight consolidation (Huszár, 2018)

        Raises:
            ValueError: Another structure than "diag", or a pruned posterior.
        """
        if not self.scale:
            raise ValueError(
                "this posterior has correlated or fixed elements, or it is pruned, so its sites "
                'have no distributions; write inference.Laplace(model, structure="diag")'
            )

        found = {}
        for name, scale in self.scale.items():
            normal = dist.Normal(self.mean[name], scale)
            found[name] = normal.to_event(scale.dim())

        return found

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
            mean=transform(self.mean) if self.is_refined else None,
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
        """Return draws, mode, the mean if it is another, and scales, as in the file."""
        found = super().tensors() | prefixed("centre/", self.centre)
        if self.is_refined:
            found |= prefixed("mean/", self.mean)

        return found | prefixed("scale/", self.scale)
