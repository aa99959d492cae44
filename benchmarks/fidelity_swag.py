"""SWAG from the mode of a reference's model, at the learning rate that trains best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import guides
import zoo
from zoo import inference
from zoo.posterior.posterior import Posterior

RATES = (1e-4, 1e-3, 1e-2, 1e-1)  # a narrow likelihood needs a small one
BATCHES = 10  # in an epoch: with all data at once SGD would not spread
EPOCHS = 200
STEPS = 2000  # of SVI to the mode


@dataclass
class SWAGByRate:
    """SWAG of rank 20 at four rates, of which the one with the lowest mean loss is kept.

    The loss is that of the steps after the burn-in, on the training data. Runs that
    diverge are left out.

    Arguments:
        model: The model.
    """

    model: zoo.BayesianNetwork

    def fit(self, data: Any) -> Posterior:
        """Fit to all data."""
        delta = guides.Delta(self.model)
        options = {"progress": False, "num_steps": STEPS}
        mode = inference.SVI(self.model, delta, **options).fit(data)
        batch_size = max(1, len(data.y) // BATCHES)

        found = {}
        for rate in RATES:
            engine = inference.SWAG(
                self.model, num_epochs=EPOCHS, lr=rate, progress=False
            )
            posterior = engine.fit(data, batch_size, init=mode)
            losses = posterior.info.losses
            if not posterior.info.stopped:
                found[float(losses[len(losses) // 2 :].mean())] = posterior

        return found[min(found)]
