"""A network of heart beats that has lost nine tenths of its weights."""

from __future__ import annotations

from pathlib import Path

import pyro.distributions as dist

import guides
from zoo import datasets, networks, priors
from zoo.hub.animals.animal import Made
from zoo.inference.svi.svi import SVI
from zoo.likelihoods import Categorical
from zoo.model import BayesianNetwork
from zoo.pruning import prune

_DROPPED = 0.9


def ecg_pruned(path: Path | None) -> Made:
    """Fit a convolutional network to ECG5000, and drop nine of ten weights.

    Arguments:
        path: The folder of ECG5000.npz.
    """
    if path is None:
        raise ValueError(
            "ECG5000 is not in the package; write --path FOLDER with its file"
        )

    data = datasets.ecg5000(path)
    rule = priors.all_but_normalisation(dist.Normal(0.0, 0.1), otherwise=priors.Point())
    model = BayesianNetwork(
        networks.ConvNet1d(5), priors.WeightPrior(rule), Categorical()
    )
    guide = guides.LocalReparam(model, init_scale=0.02)
    engine = SVI(model, guide, num_epochs=150, lr=5e-3, progress=False)
    whole = engine.fit(data.train, batch_size=100)

    story = {
        "about": "Heart beats of one patient in five classes, by a convolutional network that "
        "keeps a tenth of its weights: those whose density at zero is lowest.",
        "split": "as published: 500 training and 4,500 test series",
        "use": "An example of pruning by a posterior; the weights that are left have their "
        "normals.",
        "limits": "No medical use: one patient and one lead. Classes 3 and 4 have 86 and 22 "
        "series in the test part and are often wrong. Neighbouring beats are alike, so that the "
        "standard errors are too small.",
    }
    return Made(
        posterior=prune(whole, _DROPPED),
        data=data,
        engine=engine,
        story=story,
        num_samples=20,
    )
