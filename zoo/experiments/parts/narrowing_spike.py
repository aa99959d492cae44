"""Fits under priors with a narrower and narrower spike at zero, each from the one before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import guides
from zoo.data import Data
from zoo.inference import SVI
from zoo.model import BayesianNetwork
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.priors.prior import Prior


class NarrowingSpike:
    r"""Variational inference under a scale mixture whose narrow component narrows by stages.

    Under a mixture of a wide and a very narrow normal, unneeded weights should be in the
    narrow one, where their noise is small. But they start outside of it, and between the
    two there is a barrier: a scale that is smaller than the wide component costs nats
    until it is as small as the narrow one. So they stay in the wide one, and rely on one
    another. A spike as wide as the initial weights has no barrier, and as it narrows the
    weights in it follow.

    References:
        The Spike-and-Slab LASSO (Ročková, George, 2018), dynamic posterior exploration

    Arguments:
        model: The model, with the prior of the last stage.
        guide: The guide, which is changed.
        wider: The priors of the stages before the last.
        num_steps: Number of gradient steps of all stages together, in equal parts.
        deterministic: Share of the steps of the first stage that have no noise.
        checkpoint: The file of an interrupted run; those of earlier stages are beside it.
        options: Further arguments of `SVI`, the same for all stages.
    """

    def __init__(
        self,
        model: BayesianNetwork,
        guide: guides.LocalReparam,
        *,
        wider: Sequence[Prior],
        num_steps: int,
        deterministic: float = 0.0,
        checkpoint: Path | None = None,
        **options: Any,
    ) -> None:
        self.model = model
        self.guide = guide
        self.wider = tuple(wider)
        self.num_steps = num_steps
        self.deterministic = deterministic
        self.checkpoint = checkpoint
        self.options = options

    def fit(self, data: Data, batch_size: int | None = None) -> GuidePosterior:
        """Fit under each prior in turn, and return the last posterior, whose info it has."""
        likelihood = self.model.likelihood
        files = self._checkpoints()
        steps = max(1, self.num_steps // len(files))
        last_steps = max(1, self.num_steps - steps * len(self.wider))

        for stage, prior in enumerate(self.wider):
            model = BayesianNetwork(self.model.network, prior, likelihood)
            guide = guides.LocalReparam(model)
            guide.load_state_dict(self.guide.state_dict())

            share = self.deterministic if stage == 0 else 0.0
            engine = SVI(
                model,
                guide,
                num_steps=steps,
                deterministic=share,
                checkpoint=files[stage],
                **self.options,
            )
            posterior = engine.fit(data, batch_size=batch_size)
            if posterior.info.error is not None:
                return posterior  # half a fit

            self.guide.load_state_dict(posterior.guide.state_dict())

        engine = SVI(
            self.model,
            self.guide,
            num_steps=last_steps,
            checkpoint=files[-1],
            **self.options,
        )
        posterior = engine.fit(data, batch_size=batch_size)

        for path in files[:-1]:
            if path is not None and posterior.info.error is None:
                path.unlink(missing_ok=True)

        return posterior

    def _checkpoints(self) -> list[Path | None]:
        """Return the file of each stage; the last one has the given name."""
        path = self.checkpoint
        if path is None:
            return [None] * (len(self.wider) + 1)

        stages = range(len(self.wider))
        earlier = [path.with_suffix(f".{stage}.run") for stage in stages]
        return [*earlier, path]
