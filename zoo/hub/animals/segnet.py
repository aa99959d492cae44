"""Street scenes: SegNet-Basic on CamVid with dropout, which labels pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyro.distributions as dist

import guides
from zoo import datasets, likelihoods, networks, priors
from zoo.datasets import Dataset
from zoo.datasets.camvid import VOID
from zoo.experiments.parts.scene_batches import of_equal_contrast, scene_batches
from zoo.hub.animals.animal import Made, data_folder, needed
from zoo.inference import schedules
from zoo.inference.svi.svi import SVI
from zoo.model import BayesianNetwork

_SIZE = (90, 120)  # a quarter of the height and width of the files
_NUM_CLASSES = 11
_BATCH_SIZE = 4
_NUM_SAMPLES = 10
_STORY: dict[str, Any] = {
    "about": "SegNet-Basic with 32 filters of 5 x 5 pixels: every pixel of a street scene gets "
    "one of eleven classes. Channels of four layers are dropped at random, also in predictions.",
    "split": "as published: 367 training images, mirrored, shown in part and in another light; "
    "233 test images; all of 90 x 120 pixels",
    "batch_size": _BATCH_SIZE,
    "use": "Label maps with an uncertainty for each pixel: `zoo.posterior.average_classes`. It "
    "takes images (3, 90, 120), each of which has mean 0 and standard deviation 1 over all pixels "
    "and channels. The classes are those of `zoo.datasets.camvid`, in their order.",
    "limits": "It finds no sign, and poles, fences and bicyclists have an intersection over union "
    "of less than 7 %: they are thin or rare, and 30 epochs are few. Its probabilities are too "
    "cautious. The mean weights alone do a little better on the same images: mean IoU 33.7 %, NLL "
    "0.729, ECE 0.060. Whole channels are dropped, and not single pixels as in the paper, because "
    "a draw is one function. Classes are weighted in the fit, and pixels count as independent, so "
    "there is no bound. Test images are frames of two films, one of which no other part has; the "
    "errors count frames as independent, so they are too small. Every pixel gets one of the "
    "eleven classes. The images are not for commercial use, and this file has their licence.",
    "licence": "cc-by-nc-4.0",
}


def segnet_mc_dropout(path: Path | None) -> Made:
    """Fit SegNet-Basic with half its filters to street scenes, and drop channels at random.

    Arguments:
        path: The folder of CamVid.
    """
    path = needed(path, "CamVid is", ", which holds its folders train, val and test")
    scenes = datasets.camvid(data_folder(path, "camvid"), size=_SIZE)
    data = of_equal_contrast(scenes)
    model = _model(data)
    guide = guides.MCDropout(model, p=0.2, layers=model.network.dropped)
    engine = SVI(
        model,
        guide,
        num_epochs=30,
        lr=3e-3,
        scheduler=schedules.cosine(0.1),
        compile="traced",
        progress=False,
    )
    batches = scene_batches(data.train, _BATCH_SIZE, zoom=0.3, light=0.3)
    posterior = engine.fit(batches)

    return Made(
        posterior=posterior,
        data=data,
        engine=engine,
        story=_STORY,
        num_samples=_NUM_SAMPLES,
    )


def _model(data: Dataset) -> BayesianNetwork:
    """Return the model, in whose fits a rare class has a larger weight."""
    network = networks.SegNet(_NUM_CLASSES, basic=True, width=32, kernel_size=5)
    normal = dist.Normal(0.0, 1.0)
    prior = priors.WeightPrior(
        priors.all_but_normalisation(normal, otherwise=priors.Point())
    )
    published = likelihoods.median_frequency(data.train.y, _NUM_CLASSES, VOID)
    likelihood = likelihoods.Categorical(
        dim=1, ignore_index=VOID, class_weight=published.sqrt()
    )

    return BayesianNetwork(network, prior, likelihood)
