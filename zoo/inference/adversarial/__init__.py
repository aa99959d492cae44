"""Adversarial chains: posteriors of generators and discriminators, each given the other."""

from zoo.inference.adversarial.engine import Adversarial, AdversarialPosterior
from zoo.inference.adversarial.judged import Judged
from zoo.inference.adversarial.real_classes import RealClasses

__all__ = [
    "Adversarial",
    "AdversarialPosterior",
    "Judged",
    "RealClasses",
]


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
