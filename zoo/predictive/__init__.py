"""Predictions: networks evaluated over draws, and the mixtures that these make."""

from zoo.predictive.prediction import Prediction

__all__ = ["Prediction"]
