"""The base of engines that use all data in every step: samplers and particles."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from zoo.data import Data
from zoo.inference.mcmc.sampled_data import SampledData, sampled_data
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.runtime.autograd import autograd_on
from zoo.runtime.programs import PyroProgram
from zoo.runtime.rows import Column
from zoo.runtime.turn import turn


class AllDataEngine:
    """The base of engines that use all data in every step: a member implements `_fit_to`."""

    model: BayesianNetwork | PyroProgram

    @turn()
    @autograd_on()
    def fit(
        self,
        data: Data | tuple[Any, ...],
        *,
        target: str | None = None,
        weights: Column | None = None,
        num_data: int | None = None,
        **given: Column,
    ) -> DrawsPosterior:
        """Draw from the posterior given all data at once.

        Arguments:
            data: A pair (x, y) of tensors, arrays or tables, where x may be a tuple or a
                mapping of several inputs; a data set; a `DataLoader`; see `zoo.data.Data`. For
                a Pyro model that is not one of the zoo's, the tuple of its arguments.
            target: Key of the target in data, or batches of a loader, that are mappings.
            weights: Weight of each datum, (N,), which multiplies its log density; or
                booleans that say which data are observed; or a key, as for `target`.
            num_data: Number of data N, if rows are copies of others.
            given: Known quantities of each datum that the likelihood asks for, (N, ...),
                such as `scale` for `Gaussian(scale="given")`; or keys.

        Raises:
            ValueError: The data do not fit the model; the model has point estimates or
                discrete sites; the checkpoint is of another run.
            TypeError: A known quantity that the likelihood does not ask for.
        """
        read = partial(
            sampled_data,
            self.model,
            data,
            target=target,
            weights=weights,
            num_data=num_data,
            given=given,
        )

        return self._fit_to(read)

    def _fit_to(self, read: Callable[[], SampledData]) -> DrawsPosterior:
        """Draw from the posterior.

        Arguments:
            read: Reads the data, which may draw random numbers.
        """
        raise NotImplementedError
