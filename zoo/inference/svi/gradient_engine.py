"""The base of engines that take a gradient step for every batch."""

from __future__ import annotations

from pathlib import Path
from typing import Generic, Protocol, TypeVar

from torch.utils.data import DataLoader

from zoo.data import Batches, Columns, Data, batches
from zoo.inference.generators import Generators
from zoo.inference.run_writer import claimed
from zoo.inference.svi.options import SVIOptions
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.runtime.autograd import autograd_on
from zoo.runtime.processes import ended_like_interrupt
from zoo.runtime.rows import Column
from zoo.runtime.turn import turn

Found = TypeVar("Found", bound=Posterior)
_Found_co = TypeVar("_Found_co", bound=Posterior, covariant=True)


class OneFit(Protocol[_Found_co]):
    """One fit to batches."""

    def to(self, data: Batches, path: Path | None, init: Posterior | None) -> _Found_co:
        """Fit to batches, from the beginning or from where a checkpoint ends."""
        ...


class GradientEngine(Generic[Found]):
    """The base of engines that take a gradient step for every batch.

    A member implements `_fit`, and has the model and the options of `SVI`.
    """

    model: BayesianNetwork
    options: SVIOptions

    @turn()
    @autograd_on()
    def fit(
        self,
        data: Data,
        batch_size: int | None = None,
        init: Posterior | None = None,
        *,
        target: str | None = None,
        weights: Column | None = None,
        num_data: int | None = None,
        **given: Column,
    ) -> Found:
        """Fit to data and return a snapshot of the result.

        Arguments:
            data: A pair (x, y) of tensors, arrays or tables, where x may be a tuple or
                mapping; a data set; a `DataLoader`; see `zoo.data.Data`.
            batch_size: Size B of a batch of tensors, which all processes of a run take
                together; by default all data at once.
            init: An earlier posterior that gives the initial values of point estimates
                and buffers.
            target: Key of the target in data, or batches of a loader, that are mappings.
            weights: Weight of each datum, (N,), which multiplies its log density, or
                booleans that say which are observed; or a key, as for `target`.
            num_data: Number of data N of an `IterableDataset`, or if rows are copies.
            given: Known quantities (N, ...) that the likelihood asks for, such as `scale`
                for `Gaussian(scale="given")`; or keys.

        Raises:
            ValueError: The data do not fit the model, or the guide was built for another
                model.
            TypeError: A known quantity that the likelihood does not ask for.
        """
        columns = Columns.of(self.model, target, weights, given)
        loader = data if isinstance(data, DataLoader) else None
        device = self.model.first_parameter.device
        generators = Generators.of_loader(device, loader)
        ranks = self.options.ranks()
        is_first = ranks is None or ranks.is_first
        with (
            ended_like_interrupt(ranks),
            claimed(self.options.checkpoint, is_first) as path,
            generators.restored(if_true=path is not None and path.is_file()),
        ):
            every = batches(self.model, data, batch_size, columns, num_data)
            return self._fit().to(every, path, init)

    def _fit(self) -> OneFit[Found]:
        """Return a new fit."""
        raise NotImplementedError
