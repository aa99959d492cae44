"""The part of laplace-torch that is used, and the data in the form that it reads."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

from torch import Tensor, nn

from zoo.data import Batches
from zoo.inference.laplace.requirements import check_targets
from zoo.runtime.torchvision_shim import load_torchmetrics


class FittedLaplace(Protocol):
    """An approximation of laplace-torch, as far as it is used here."""

    mean: Tensor
    params: list[nn.Parameter]
    n_params: int
    n_outputs: int
    prior_precision: Tensor
    prior_precision_diag: Tensor
    posterior_precision: Tensor

    def fit(self, train_loader: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Compute the curvature of all data."""
        ...

    def sample(self, n_samples: int) -> Tensor:
        """Draw parameters (S, P)."""
        ...

    def log_marginal_likelihood(self) -> Tensor:
        """Return the log of the integral of the approximation."""
        ...

    def optimize_prior_precision(self, **options: Any) -> None:
        """Maximise the marginal likelihood over the prior precision."""
        ...


@dataclass(frozen=True)
class Loader:
    """Batches in the form of a `DataLoader`, with targets as laplace-torch needs them.

    Arguments:
        batches: The batches.
    """

    batches: Batches

    @property
    def dataset(self) -> range:
        """A sequence as long as the data."""
        return range(self.batches.num_data)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        model = self.batches.model
        for x, y in self.batches.epoch():
            y = check_targets(model, y)
            if model.likelihood.discrete:
                yield x, y.long()
            else:
                yield x, model.likelihood.encode(y, model.first_parameter)


def load_library() -> ModuleType:
    """Import laplace-torch, which itself imports torchmetrics and torchvision.

    Raises:
        ImportError: It cannot be imported; the message says how to install it.
    """
    try:
        load_torchmetrics()
        return importlib.import_module("laplace")
    except ImportError as error:
        raise ImportError(
            "inference.Laplace needs laplace-torch, which could not be imported "
            f"({error}); write pip install 'bnn-zoo[laplace]'"
        ) from error


def gauss_newton_backend(library: ModuleType) -> type:
    """Return the Gauss-Newton backend of laplace-torch that keeps the precision of the model.

    The dense matrix is computed from Jacobians, because the default of the backend
    computes it in float32 on a CPU.
    """
    curvature = library.curvature
    overridden = {"full": curvature.GGNInterface.full}
    return type("GaussNewton", (curvature.CurvlinopsGGN,), overridden)
