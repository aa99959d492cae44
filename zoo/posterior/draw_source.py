"""What a posterior draws from: a guide, stored draws, or function values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor

from zoo.posterior.bound import Bound, NoBound
from zoo.runtime.programs import PyroProgram
from zoo.runtime.rows import Rows


class FunctionValues(NamedTuple):
    """Outputs of the network at fixed inputs, under every draw.

    Arguments:
        x: Inputs (N, ...).
        values: The network's outputs at these inputs, (C, S, N, ...).
    """

    x: Rows
    values: Tensor


class DrawSource(ABC):
    """The part of a posterior that draws: what it holds, and how many draws it can give."""

    @property
    def guide(self) -> PyroProgram | None:
        """The fitted guide; None after a sampler."""
        return None

    @property
    def draws(self) -> Mapping[str, Tensor] | None:
        """The stored draws of every latent site, (C, S, *shape) by name; None for a guide."""
        return None

    @property
    def functions(self) -> FunctionValues | None:
        """Inputs and function values, if a sampler kept these instead of weights; else None."""
        return None

    @property
    def num_samples(self) -> int | None:
        """Number of stored draws of all chains; None for a guide, which draws anew."""
        return None

    @property
    def num_chains(self) -> int | None:
        """Number of chains of the stored draws; None for a guide."""
        return None

    @property
    @abstractmethod
    def source(self) -> str:
        """Where draws come from, in a few words, e.g. "2 chains of 100 draws"."""

    def bound(self, data: Any, **options: Any) -> Bound:
        """Return the bound on the evidence, see `GuidePosterior.bound`; draws have none.

        Raises:
            NoBound: Draws, which have no density.
        """
        raise NoBound(
            f"a bound needs the density of a guide, but this posterior has {self.source}; fit a "
            "guide by inference.SVI, e.g. guides.MeanField"
        )

    @abstractmethod
    def sample(self, num_samples: int | None = None) -> dict[str, Tensor]:
        """Return draws of every latent site by name, (S, *shape).

        Arguments:
            num_samples: Number of draws S. Stored draws are evenly thinned, chains one
                after the other, and the default is all of them; a guide draws anew, 100
                by default.

        Raises:
            ValueError: More draws than are stored, or fewer than one.
        """

    @abstractmethod
    def sample_all(self, num_new: int) -> dict[str, Tensor]:
        """Return every stored draw, or `num_new` draws from a guide: site -> (S, *shape).

        Arguments:
            num_new: Number of draws from a guide.
        """

    @abstractmethod
    def num_available(self, num_samples: int) -> int:
        """Return the number of draws, at most `num_samples`, that `sample` can give.

        Arguments:
            num_samples: The number that is wanted. A guide can give any number.
        """

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors of the source for the file, with a prefix such as `draws/`."""
