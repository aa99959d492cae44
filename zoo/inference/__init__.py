"""Inference engines: each fits a model to data and returns a `Posterior`."""

from zoo.inference import adversarial, schedules
from zoo.inference.engine import Engine
from zoo.inference.ivon.ivon import IVON
from zoo.inference.laplace.laplace import Laplace
from zoo.inference.mcmc.chees import ChEES
from zoo.inference.mcmc.hmc import HMC
from zoo.inference.mcmc.mams import MAMS
from zoo.inference.mcmc.mclmc import MCLMC
from zoo.inference.mcmc.meads import MEADS
from zoo.inference.mcmc.nuts import NUTS
from zoo.inference.mcmc.parallel_tempering import ParallelTempering
from zoo.inference.particles.ais import AIS
from zoo.inference.particles.repulsive_ensemble import RepulsiveEnsemble
from zoo.inference.sgmcmc.sghmc import SGHMC
from zoo.inference.sgmcmc.sgld import SGLD
from zoo.inference.sgmcmc.sgnht import SGNHT
from zoo.inference.svi.early_stopping import EarlyStopping
from zoo.inference.svi.svi import SVI
from zoo.inference.swag.fge import FGE
from zoo.inference.swag.swa import SWA
from zoo.inference.swag.swag import SWAG

__all__ = [
    "AIS",
    "FGE",
    "HMC",
    "IVON",
    "MAMS",
    "MCLMC",
    "MEADS",
    "NUTS",
    "SGHMC",
    "SGLD",
    "SGNHT",
    "SVI",
    "SWA",
    "SWAG",
    "ChEES",
    "EarlyStopping",
    "Engine",
    "Laplace",
    "ParallelTempering",
    "RepulsiveEnsemble",
    "adversarial",
    "schedules",
]


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
