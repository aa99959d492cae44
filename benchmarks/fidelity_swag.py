"""SWAG, MultiSWAG and FGE on a reference's model, at the learning rate that trains best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import guides
import zoo
from zoo import inference
from zoo.posterior.posterior import Posterior

RATES = (1e-4, 1e-3, 1e-2, 1e-1)  # a narrow likelihood needs a small one
BATCHES = 10  # in an epoch: with all data at once SGD would not spread
EPOCHS = 200
STEPS = 2000  # of SVI to the mode
NUM_RUNS = 5  # of MultiSWAG


@dataclass
class ByRate:
    """An engine along SGD at four rates, of which the one with the lowest mean loss is kept.

    The loss is that of the steps after the burn-in, on the training data. Runs that
    diverge are left out.

    Arguments:
        model: The model.
        engine: Makes the engine.
        from_mode: Whether it starts at the mode, which SVI has found; else at the network,
            and further runs at other weights.
    """

    model: zoo.BayesianNetwork
    engine: Callable[..., Any]
    from_mode: bool = True

    def fit(self, data: Any) -> Posterior:
        """Fit to all data."""
        mode = None
        if self.from_mode:
            delta = guides.Delta(self.model)
            options = {"progress": False, "num_steps": STEPS}
            mode = inference.SVI(self.model, delta, **options).fit(data)

        batch_size = max(1, len(data.y) // BATCHES)
        found = {}
        for rate in RATES:
            engine = self.engine(self.model, num_epochs=EPOCHS, lr=rate, progress=False)
            posterior = engine.fit(data, batch_size, init=mode)
            losses = posterior.info.losses
            if not posterior.info.stopped:
                found[float(losses[len(losses) // 2 :].mean())] = posterior

        return found[min(found)]


ALONG_SGD: dict[str, Callable[[zoo.BayesianNetwork], ByRate]] = {
    "SWAG": partial(ByRate, engine=inference.SWAG),
    "MultiSWAG": partial(
        ByRate, engine=partial(inference.SWAG, num_runs=NUM_RUNS), from_mode=False
    ),
    "FGE": partial(ByRate, engine=inference.FGE),
}
