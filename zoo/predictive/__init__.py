"""Predictions: networks evaluated over draws, and the mixtures that these make."""

from zoo.predictive.prediction import Prediction
from zoo.predictive.reweighting import reweighted

__all__ = ["Prediction", "reweighted"]
