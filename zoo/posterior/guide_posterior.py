"""The posterior of variational inference: a fitted guide that draws anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor
from torch.utils.data import DataLoader

from zoo.data import Columns, Data, batches
from zoo.model import BayesianNetwork
from zoo.posterior.bound import (
    Bound,
    NoBound,
    check_has_bound,
    draw_with_divergences,
    estimate_bound,
)
from zoo.posterior.info import SVIInfo
from zoo.posterior.posterior import Posterior
from zoo.posterior.storage import prefixed
from zoo.predictive.drawing import draw_sites
from zoo.runtime.counts import check_count
from zoo.runtime.effects import Substitute
from zoo.runtime.modes import evaluation_mode
from zoo.runtime.param_scope import ScopedGuide
from zoo.runtime.programs import PyroProgram
from zoo.runtime.rows import Column

_BATCH = 4096  # data at once, by default
_NUM_SAMPLES = 200  # for a mean without a closed form


class GuidePosterior(Posterior):
    """A fitted guide, with the point estimates of the same fit.

    Arguments:
        model: The model.
        scoped: The fitted guide.
        state: Point estimates, frozen weights and buffers by name.
        info: Statistics of the run.
        masks: Which weights of a site are left after pruning, by the site's name.

    Example:
        >>> posterior.guide, posterior.distributions()["layer1.bias"].mean.shape
        (MeanField(4 sites, 162 parameters), torch.Size([10]))
    """

    info: SVIInfo | None

    def __init__(
        self,
        model: BayesianNetwork,
        *,
        scoped: ScopedGuide,
        state: Mapping[str, Tensor],
        info: SVIInfo | None,
        masks: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__(model, state=state, info=info, masks=masks)
        self.scoped = scoped

    @property
    def guide(self) -> PyroProgram:
        """The fitted guide."""
        return self.scoped.guide

    @property
    def source(self) -> str:
        """The family of the guide."""
        return f"{type(self.guide).__name__} guide"

    @property
    def is_pruned(self) -> bool:
        """Whether a weight is dropped."""
        return any(not bool(mask.all()) for mask in self.masks.values())

    def sample(self, num_samples: int | None = None) -> dict[str, Tensor]:
        """Draw every latent site anew: site -> (S, *shape), zero where a weight is pruned.

        Arguments:
            num_samples: Number of draws S, 100 by default.

        Raises:
            ValueError: Fewer than one draw.
        """
        number = 100 if num_samples is None else num_samples
        with evaluation_mode(self.model.network), Substitute(self.state):
            draws = draw_sites(self.scoped, number, self.shapes)

        draws = self._complete(draws)

        for name, mask in self.masks.items():
            draws[name] = draws[name].masked_fill(~mask, 0.0)

        return draws

    def sample_all(self, num_new: int) -> dict[str, Tensor]:
        """Draw every latent site `num_new` times: site -> (S, *shape)."""
        return self.sample(num_new)

    def num_available(self, num_samples: int) -> int:
        """Return the same number: a guide gives any number of draws."""
        return num_samples

    def with_guide(self, guide: PyroProgram) -> GuidePosterior:
        """Return a posterior with another guide over these sites; see `Posterior.with_guide`."""
        return GuidePosterior(
            self.model,
            scoped=ScopedGuide(guide),
            state=self.state,
            info=self.info,
            masks=self.masks,
        )

    def _means(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Return the mean of each site, from draws where the guide knows no closed form."""
        found = {}
        for name in names:
            mean = self._known_mean(name)
            if mean is not None:
                found[name] = mean

        missing = [name for name in names if name not in found]
        return found | self._estimated_means(missing)

    def _known_mean(self, name: str) -> Tensor | None:
        """Return the mean of a site if the guide is one of `guides` and has it in closed form."""
        sites = getattr(self.guide, "sites", None)
        is_ours = isinstance(sites, Mapping) and hasattr(self.guide, "distribution")
        if not is_ours or name not in sites:
            return None

        with torch.no_grad():
            try:
                return self.guide.distribution(sites[name]).mean
            except (NotImplementedError, ValueError):  # a transform, or no marginal
                return None

    def _estimated_means(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Return the means of draws, one at a time: a network may be large."""
        means: dict[str, Tensor] = {}
        if not names:
            return means

        for number in range(1, _NUM_SAMPLES + 1):
            draw = self.sample(1)
            for name in names:
                value = draw[name][0]
                before = means.get(name, torch.zeros_like(value))
                means[name] = before + (value - before) / number

        return means

    def bound(
        self,
        data: Data,
        num_samples: int = 64,
        batch_size: int | None = None,
        *,
        target: str | None = None,
        weights: Column | None = None,
        num_data: int | None = None,
        **given: Column,
    ) -> Bound:
        r"""Estimate the bound on the evidence at temperature 1, in nats per datum.

        .. math:: \frac1N KL(q \| p) - \frac1N \sum_i E_q[\log p(y_i \mid x_i, z)]
            \;\ge\; -\frac1N \log p(y_{1:N} \mid x_{1:N})

        Lower is better. The posterior may have been fitted at any temperature, in any
        precision, by any estimator of the loss: the bound has ordinary draws of all
        weights, a network in evaluation mode, and no half precision. It is conditional
        on point estimates, frozen weights and buffers, whose freedom it does not count.

        Arguments:
            data: The data that it was fitted to, in any form; see `zoo.data.Data`.
            num_samples: Draws of all weights for each batch.
            batch_size: Size of a batch of tensors, 4096 by default. Only the outputs of a
                batch are in memory.
            target: Key of the target in data that are mappings, as for `fit`.
            weights: Booleans that say which data are observed, or a key.
            num_data: Number of data N, as for `fit`.
            given: Known quantities of each datum, as for `fit`.

        Returns:
            The bound and its standard error.

        Raises:
            NoBound: A guide without a bound, an improper prior, a pruned posterior,
                weights that are neither 0 nor 1. It is a `ValueError`.

        Example:
            >>> engine = inference.SVI(model, guides.MeanField(model), num_steps=5, progress=False)
            >>> posterior = engine.fit(data.train)
            >>> bound, error = posterior.bound(data.train)
            >>> bound > 0, error > 0
            (True, True)
        """
        check_count("num_samples", num_samples, minimum=2)
        if self.is_pruned:
            raise NoBound(
                "this posterior is pruned, and its dropped weights have no density; take the "
                "bound of the posterior before pruning"
            )

        with self.scoped.scope():
            check_has_bound(self.guide, self.model)

        is_free = not isinstance(data, DataLoader) and not self.model.whole
        if batch_size is None and is_free:
            batch_size = _BATCH

        columns = Columns.of(self.model, target, weights, given)
        found = batches(self.model, data, batch_size, columns, num_data)

        draw = partial(draw_with_divergences, self.model, self.scoped, self.state)

        return estimate_bound(self.model, self.state, found, num_samples, draw)

    def distributions(self) -> dict[str, TorchDistributionMixin]:
        """Return the guide's distribution of each site, as `priors.previous` takes them.

        Raises:
            ValueError: A guide without a density, or a pruned posterior.
        """
        if self.is_pruned:
            raise ValueError(
                "this posterior is pruned, and its dropped weights have no density; "
                "take the distributions of the posterior before pruning"
            )

        if not hasattr(self.guide, "distributions"):
            raise ValueError(
                f"this posterior is of {type(self.guide).__name__}, which has no distributions(); "
                "fit a guide of the package guides, e.g. guides.MeanField"
            )

        return self.guide.distributions()

    def tensors(self) -> dict[str, Tensor]:
        """Return the guide's parameters and buffers, as its file holds them."""
        return prefixed("guide/", self.scoped.tensors())
