"""The posterior of a sampler: stored draws of every latent site."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, cast

from torch import Tensor

from zoo.model import BayesianNetwork
from zoo.posterior.batch_norm import statistics
from zoo.posterior.bound import Bound
from zoo.posterior.concatenation import (
    Dim,
    axis_of,
    check_same_target,
    check_same_tensors,
    check_sizes,
    joined,
    joined_info,
)
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.posterior.info import MCMCInfo, RunInfo, SVIInfo
from zoo.posterior.particle_info import AISInfo
from zoo.posterior.posterior import Posterior
from zoo.posterior.storage import prefixed
from zoo.posterior.thinning import evenly
from zoo.runtime.param_scope import ScopedGuide
from zoo.runtime.programs import PyroProgram

Transform = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


class DrawsPosterior(Posterior):
    """Draws of every latent site, of one or more chains.

    Arguments:
        model: The model.
        draws: Values (C, S, *shape) of every latent site; and of statistics of batch
            normalisation, if each draw has its own.
        state: Point estimates, frozen weights and buffers by name.
        info: Statistics of the run.
        masks: Which weights of a site are left after pruning, by the site's name.

    Example:
        >>> draws = {name: value[None] for name, value in posterior.sample(6).items()}  # a chain
        >>> DrawsPosterior(model, draws=draws, state={}, info=None)
        Posterior over 81 parameters at 4 sites: 1 chains of 6 draws
    """

    info: RunInfo | None

    def __init__(
        self,
        model: BayesianNetwork,
        *,
        draws: Mapping[str, Tensor],
        state: Mapping[str, Tensor],
        info: RunInfo | None,
        masks: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__(model, state=state, info=info, masks=masks)
        self._draws = draws
        self._completed: Mapping[str, Tensor] | None = None

    @property
    def draws(self) -> Mapping[str, Tensor]:
        """The stored draws of every latent site, (C, S, *shape) by name.

        Tensors of the network that are reparameterised have their values too.
        """
        if self._completed is None:
            self._completed = self._complete(self._draws)

        return self._completed

    @property
    def num_samples(self) -> int:
        """Number of stored draws of all chains."""
        num_chains, length = self._stored.shape[:2]
        return num_chains * length

    @property
    def num_chains(self) -> int:
        """Number of chains of the stored draws."""
        return len(self._stored)

    @property
    def source(self) -> str:
        """The number of chains and of draws."""
        length = self.num_samples // self.num_chains
        return f"{self.num_chains} chains of {length} draws"

    @property
    def _stored(self) -> Tensor:
        """A tensor (C, S, ...) with a value for every draw."""
        return next(iter(self._draws.values()))

    def stored(self) -> dict[str, Tensor]:
        """Return everything that has a value for each draw, (C, S, ...) by name."""
        return dict(self._draws)

    def with_stored(
        self, stored: Mapping[str, Tensor], info: RunInfo | None
    ) -> DrawsPosterior:
        """Return a posterior of the same model with other draws.

        Arguments:
            stored: Values (C, S, ...) of the names that `stored()` has.
            info: Statistics of their run.
        """
        other = copy(self)
        other._draws = dict(stored)
        other._completed = None
        other.info = info

        return other

    def bound(self, data: Any, **options: Any) -> Bound:
        """Return the bound that annealed importance sampling has estimated in its run.

        Arguments:
            data: The data that it was fitted to; the bound is of these.
            options: Not used.

        Raises:
            NoBound: Draws of another engine, a pruned posterior, or an interrupted run.
        """
        is_pruned = not all(bool(mask.all()) for mask in self.masks.values())
        if isinstance(self.info, AISInfo) and not is_pruned:
            return self.info.bound

        return super().bound(data, **options)

    def sample(self, num_samples: int | None = None) -> dict[str, Tensor]:
        """Return stored draws of every latent site, evenly thinned: site -> (S, *shape).

        Arguments:
            num_samples: Number of draws S, all by default, chains one after the other.

        Raises:
            ValueError: More draws than are stored, or fewer than one.
        """
        return {
            name: self._thinned(value, num_samples)
            for name, value in self.draws.items()
        }

    def sample_all(self, num_new: int) -> dict[str, Tensor]:
        """Return every stored draw: site -> (S, *shape)."""
        return self.sample()

    def num_available(self, num_samples: int) -> int:
        """Return the number that is wanted, or the number of stored draws if that is smaller."""
        return min(self.num_samples, num_samples)

    def _thinned(self, values: Tensor, num_samples: int | None) -> Tensor:
        """Take draws (S, ...) evenly from values (C, S, ...)."""
        total = self.num_samples
        number = total if num_samples is None else num_samples
        if not 1 <= number <= total:
            raise ValueError(
                f"this posterior has {total} draws, so num_samples must be 1 to {total}, not "
                f"{number}"
            )

        return values.flatten(0, 1)[evenly(total, number)]

    def _means(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Return the means of the stored draws."""
        return {name: self.draws[name].mean((0, 1)) for name in names}

    def with_guide(self, guide: PyroProgram) -> GuidePosterior:
        """Return a posterior with a guide over these sites; see `Posterior.with_guide`."""
        info = cast(SVIInfo | None, self.info)  # still the run that made the draws
        return GuidePosterior(
            self.model,
            scoped=ScopedGuide(guide),
            state=self.state,
            info=info,
            masks=self.masks,
        )

    def transformed(
        self,
        transform: Transform,
        model: BayesianNetwork,
        state: Mapping[str, Tensor],
        masks: Mapping[str, Tensor],
    ) -> DrawsPosterior:
        """Return this posterior with a function applied to its stored values.

        Arguments:
            transform: Turns values (*S, *shape) by site into new ones.
            model: The model that the new values are of.
            state: Its point estimates, frozen weights and buffers by name.
            masks: Which weights of a site are left, by the site's name.
        """
        return DrawsPosterior(
            model,
            draws=transform(self.draws),
            state=state,
            info=self.info,
            masks=masks,
        )

    def _followed_by(self, others: Sequence[DrawsPosterior], dim: Dim) -> Posterior:
        draws, info = self._joined(others, dim)
        return DrawsPosterior(
            self.model, draws=draws, state=self.state, info=info, masks=self.masks
        )

    def _joined(
        self, others: Sequence[DrawsPosterior], dim: Dim
    ) -> tuple[dict[str, Tensor], MCMCInfo | None]:
        """Return all draws and their statistics, or refuse posteriors of different targets."""
        every = [self, *others]
        infos: list[Any] = [each.info for each in every]
        axis = axis_of(dim)
        check_same_target([each.model for each in every], infos)
        check_same_tensors("constant tensors", [each.state for each in every])
        check_same_tensors("masks", [each.masks for each in every])
        check_sizes(every, dim)

        draws = joined([each.draws for each in every], axis)
        return draws, joined_info(infos, dim)

    def tensors(self) -> dict[str, Tensor]:
        """Return the draws, as the file holds them."""
        held = set(self.shapes)
        if self.has_network:
            held.update(statistics(self.model.network))

        latent = {name: value for name, value in self._draws.items() if name in held}

        return prefixed("draws/", latent)
