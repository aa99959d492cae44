"""Several fits of one method: their predictions together, agreement and temperatures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from zoo.datasets import Split
from zoo.experiments.running.run import Run
from zoo.experiments.running.scores import Number
from zoo.posterior.posterior import Posterior
from zoo.posterior.stochastic_info import SGMCMCInfo, Temperature
from zoo.predictive.prediction import Prediction


class RepeatedFits:
    """Fits of one method from several seeds, whose draws are one posterior.

    Arguments:
        run: The run.
        fits: The fits by name; the first name is that of the method.
        test: Inputs and class indices.
        num_samples: Number of draws of all fits together.
    """

    def __init__(
        self, run: Run, fits: dict[str, Posterior], test: Split, num_samples: int
    ) -> None:
        self.run = run
        self.fits = fits
        self.test = test
        self.num_samples = num_samples

    @property
    def name(self) -> str:
        """The name of the method."""
        return next(iter(self.fits))

    @cached_property
    def _outputs(self) -> list[Tensor]:
        """The logits (S, N, O) of the draws of each fit."""
        number = max(1, self.num_samples // len(self.fits))
        found = []
        for posterior in self.fits.values():
            prediction = posterior.predict(
                self.test.x,
                num_samples=posterior.num_available(number),
                progress=self.run.progress,
            )
            found.append(prediction.outputs.cpu())

        return found

    def _prediction(self, outputs: Sequence[Tensor]) -> Prediction:
        """Return the prediction of the draws of some fits."""
        likelihood = next(iter(self.fits.values())).model.likelihood
        return Prediction(likelihood, torch.cat(list(outputs)))

    def score(self, name: str, number: int | None = None) -> None:
        """Score the draws of all fits, or of the first ones.

        Arguments:
            name: The name of the prediction.
            number: Number of fits.
        """
        self.run.scores.add(
            name, lambda: self._prediction(self._outputs[:number]), self.test.y
        )

    def halves(self, number: int) -> dict[str, Number]:
        """Return agreement in per cent and total variation of two parts of the fits.

        Arguments:
            number: Number of fits in each part.
        """

        def compare() -> dict[str, Tensor]:
            one = self._prediction(self._outputs[:number]).probs
            other = self._prediction(self._outputs[number : 2 * number]).probs
            agrees = 100.0 * (one.argmax(-1) == other.argmax(-1))
            return {"agrees": agrees, "variation": 0.5 * (one - other).abs().sum(-1)}

        what = f"{self.name}, two parts of {number}"
        found = self.run.keep(what, compare, **self.fits)

        return {
            "agreement, %": Number.mean(found["agrees"]),
            "total variation": Number.mean(found["variation"]),
        }

    def temperatures(self) -> dict[str, Temperature]:
        """Return the temperatures over all chains by name; none of fits without draws."""
        infos = [fit.info for fit in self.fits.values()]
        chosen = [info for info in infos if isinstance(info, SGMCMCInfo)]
        found = {}
        for name in ("kinetic", "configurational"):
            values = [getattr(info, f"{name}_temperature") for info in chosen]
            if values and values[0] is not None:
                shortest = min(value.shape[1] for value in values)
                last = [value[:, -shortest:] for value in values]
                found[name] = Temperature.of(torch.cat(last))

        return found
