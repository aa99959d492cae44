"""Guides: families of distributions over the latent sites of a Pyro model, one family a file."""

from typing import TYPE_CHECKING, NoReturn

from guides import mixture_entropy
from guides._base.guide import Guide
from guides._base.other_names import missing
from guides.concrete_dropout import ConcreteDropout
from guides.delta import Delta
from guides.flipout import Flipout
from guides.flow import Flow
from guides.full_rank import FullRank
from guides.gaussian_dropout import GaussianDropout
from guides.last_layer import LastLayer
from guides.local_reparam import LocalReparam
from guides.low_rank import LowRank
from guides.matrix_normal import MatrixNormal
from guides.mc_dropout import MCDropout
from guides.mean_field import MeanField
from guides.mixture import Mixture
from guides.node_mixture import NodeMixture
from guides.radial import Radial
from guides.rank1 import Rank1
from guides.resampled import Resampled
from guides.sparse_variational_dropout import SparseVariationalDropout

__all__ = [
    "ConcreteDropout",
    "Delta",
    "Flipout",
    "Flow",
    "FullRank",
    "GaussianDropout",
    "Guide",
    "LastLayer",
    "LocalReparam",
    "LowRank",
    "MCDropout",
    "MatrixNormal",
    "MeanField",
    "Mixture",
    "NodeMixture",
    "Radial",
    "Rank1",
    "Resampled",
    "SparseVariationalDropout",
    "mixture_entropy",
]

if not TYPE_CHECKING:  # so that a type checker still finds a wrong name

    def __getattr__(name: str) -> NoReturn:
        """Raise an error that says what to write instead of a wrong name."""
        raise missing(name, __all__)


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
