"""Posteriors: what is known after a fit, a class for each source of draws, and their files."""

from zoo.posterior.average_classes import AveragedClasses, average_classes
from zoo.posterior.bound import Bound, NoBound
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.function_posterior import FunctionPosterior
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.posterior.info import LaplaceInfo, MCMCInfo, SVIInfo
from zoo.posterior.laplace_posterior import LaplacePosterior
from zoo.posterior.loading import load
from zoo.posterior.particle_info import AISInfo, EnsembleInfo
from zoo.posterior.posterior import Posterior
from zoo.posterior.program_posterior import ProgramPosterior
from zoo.posterior.sharded_posterior import ShardedPosterior
from zoo.posterior.stochastic_info import SGMCMCInfo

__all__ = [
    "AISInfo",
    "AveragedClasses",
    "Bound",
    "DrawsPosterior",
    "EnsembleInfo",
    "FunctionPosterior",
    "GuidePosterior",
    "LaplaceInfo",
    "LaplacePosterior",
    "MCMCInfo",
    "NoBound",
    "Posterior",
    "ProgramPosterior",
    "SGMCMCInfo",
    "SVIInfo",
    "ShardedPosterior",
    "average_classes",
    "load",
]


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
