"""Stress: what happens to prediction and uncertainty when the input is corrupted."""

from zoo.stress.attacks import Attack, fgsm, pgd
from zoo.stress.blurs import (
    defocus_blur,
    gaussian_blur,
    glass_blur,
    motion_blur,
    zoom_blur,
)
from zoo.stress.corruptions import Corruptions, corruptions
from zoo.stress.digital import elastic, jpeg, pixelate
from zoo.stress.evaluation import Evaluation, LabelledEvaluation
from zoo.stress.fooling import Fooling, fooling
from zoo.stress.harder import harder
from zoo.stress.light import brightness, contrast, saturate
from zoo.stress.noises import gaussian_noise, impulse_noise, shot_noise, speckle_noise
from zoo.stress.out_of_distribution import OutOfDistribution, out_of_distribution
from zoo.stress.pixels import CorruptionFunction
from zoo.stress.referral import Referral, referral
from zoo.stress.severity import Severity, severity
from zoo.stress.transforms import noise, rotation, skew, warp
from zoo.stress.weather import fog, snow

__all__ = [
    "Attack",
    "CorruptionFunction",
    "Corruptions",
    "Evaluation",
    "Fooling",
    "LabelledEvaluation",
    "OutOfDistribution",
    "Referral",
    "Severity",
    "brightness",
    "contrast",
    "corruptions",
    "defocus_blur",
    "elastic",
    "fgsm",
    "fog",
    "fooling",
    "gaussian_blur",
    "gaussian_noise",
    "glass_blur",
    "harder",
    "impulse_noise",
    "jpeg",
    "motion_blur",
    "noise",
    "out_of_distribution",
    "pgd",
    "pixelate",
    "referral",
    "rotation",
    "saturate",
    "severity",
    "shot_noise",
    "skew",
    "snow",
    "speckle_noise",
    "warp",
    "zoom_blur",
]


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
