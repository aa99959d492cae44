"""Inference engines: each fits a model to data and returns a `Posterior`."""

from zoo.inference.chees import ChEES
from zoo.inference.early_stopping import EarlyStopping
from zoo.inference.hmc import HMC
from zoo.inference.laplace import Laplace
from zoo.inference.mclmc import MCLMC
from zoo.inference.nuts import NUTS
from zoo.inference.svi import SVI

__all__ = ["HMC", "MCLMC", "NUTS", "SVI", "ChEES", "EarlyStopping", "Laplace"]
