"""SWAG, MultiSWAG and FGE on a reference's model, at the learning rate that trains best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import guides
import zoo
from zoo import inference
from zoo.inference.engine import Engine
from zoo.inference.swag.runs import mixture, starts
from zoo.posterior.posterior import Posterior

RATES = (1e-4, 1e-3, 1e-2, 1e-1)  # a narrow likelihood needs a small one
BATCHES = 10  # in an epoch: with all data at once SGD would not spread
EPOCHS = 200
STEPS = 2000  # of SVI to the mode
NUM_RUNS = 5  # of MultiSWAG


@dataclass
class ByRate:
    """An engine from the mode at four rates, of which the one with the lowest mean loss is kept.

    The loss is that of the steps after the burn-in, on the training data. Runs that
    diverge are left out.

    Arguments:
        model: The model.
        engine: Makes the engine.
    """

    model: zoo.BayesianNetwork
    engine: Callable[..., Any]

    def fit(self, data: Any) -> Any:
        """Fit to all data, from the network."""
        return self.fit_from(guides.Delta(self.model), data)

    def fit_from(self, guide: guides.Delta, data: Any) -> Any:
        """Fit to all data, from the mode that SVI finds from the present point of a guide."""
        options = {"progress": False, "num_steps": STEPS}
        mode = inference.SVI(self.model, guide, **options).fit(data)
        batch_size = max(1, len(data.y) // BATCHES)

        found = {}
        for rate in RATES:
            engine = self.engine(self.model, num_epochs=EPOCHS, lr=rate, progress=False)
            posterior = engine.fit(data, batch_size, init=mode)
            losses = posterior.info.losses
            if not posterior.info.stopped:
                found[float(losses[len(losses) // 2 :].mean())] = posterior

        return found[min(found)]


@dataclass
class SeveralModes:
    """MultiSWAG: the equal mixture of SWAG from several modes, each at its best rate.

    Arguments:
        model: The model.
    """

    model: zoo.BayesianNetwork

    def fit(self, data: Any) -> Posterior:
        """Fit to all data."""
        by_rate = ByRate(self.model, inference.SWAG)
        runs = [
            by_rate.fit_from(guide, data)
            for guide in starts(self.model, None, NUM_RUNS)
        ]

        return mixture(self.model, runs)


ALONG_SGD: dict[str, Callable[[zoo.BayesianNetwork], Engine]] = {
    "SWAG": partial(ByRate, engine=inference.SWAG),
    "MultiSWAG": SeveralModes,
    "FGE": partial(ByRate, engine=inference.FGE),
}
