"""Lines, curves and simplexes between fits of an experiment, kept in its folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from zoo import landscape
from zoo.datasets import Split
from zoo.experiments.running.run import Run
from zoo.landscape import Line
from zoo.landscape.curves.simplicial_complex import Inside
from zoo.landscape.units.permuted import network_values
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.posterior import Posterior

End = Posterior | Mapping[str, Tensor]
_PER_CENT = 100


class Found(NamedTuple):
    """A curve or a complex: what its profile is, and its points as a posterior.

    Arguments:
        profile: The negative log posterior along it or inside.
        posterior: Its points.
        volume: The volume of a complex; None for a curve.
    """

    profile: Any
    posterior: DrawsPosterior
    volume: float | None = None


@dataclass(frozen=True)
class Connections:
    """What connects fits of one model, each result in a file of the run.

    Arguments:
        run: The run.
        train: The data that were fitted.
        test: The test data.
        num_points: Number of points along a line or a curve, or inside of simplexes.
    """

    run: Run
    train: Split
    test: Split
    num_points: int

    def line(self, name: str, a: End, b: End) -> Line:
        """Evaluate the straight line between two fits, and state its barrier.

        Arguments:
            name: The name of the line, e.g. "straight line".
            a: One end.
            b: The other end.
        """

        def make() -> dict[str, Any]:
            found = landscape.line(a, b, self.train, self.num_points, test=self.test)
            return _fields(found)

        kept = self.run.keep(name, make, a=a, b=b, num_points=self.num_points)
        line = Line(**kept)
        self._state(name, line)

        return line

    def curve(
        self, name: str, a: Posterior, b: End, *, num_epochs: int, **options: Any
    ) -> Found:
        """Find a curve between two fits, and state its barrier.

        Arguments:
            name: The name of the curve.
            a: One end.
            b: The other end.
            num_epochs: Passes through the data.
            options: Further arguments of `landscape.connect`.
        """

        def make() -> dict[str, Any]:
            curve = landscape.connect(
                a,
                b,
                self.train,
                num_epochs=num_epochs,
                num_points=self.num_points,
                test=self.test,
                progress=self.run.progress,
                **options,
            )
            return {"profile": _fields(curve.profile), "draws": curve.draws}

        how = options | {"num_epochs": num_epochs, "num_points": self.num_points}
        kept = self.run.keep(name, make, a=a, b=b, **how)
        line = Line(**kept["profile"])
        self._state(name, line)

        return Found(line, self._posterior(a, kept))

    def simplexes(
        self,
        name: str,
        fits: list[Posterior],
        num_vertices: int,
        *,
        num_epochs: int,
        **options: Any,
    ) -> Found:
        """Find simplexes around one fit or between several, and state their barrier and volume.

        Arguments:
            name: The name of the complex.
            fits: The fits.
            num_vertices: Number of further vertices.
            num_epochs: Passes through the data for each vertex.
            options: Further arguments of `landscape.simplex`.
        """

        def make() -> dict[str, Any]:
            found = landscape.simplex(
                fits,
                self.train,
                num_vertices,
                num_epochs=num_epochs,
                num_points=self.num_points,
                test=self.test,
                progress=self.run.progress,
                **options,
            )
            parts = {"draws": found.draws, "volume": found.volume}
            return {"profile": _fields(found.profile)} | parts

        how = options | {"num_epochs": num_epochs, "num_points": self.num_points}
        ends = {f"fit_{number}": each for number, each in enumerate(fits)}
        kept = self.run.keep(name, make, num_vertices=num_vertices, **ends, **how)
        inside = Inside(**kept["profile"])
        self._state(name, inside)
        volume = kept["volume"]
        self.run.report.find(f"volume of {name}", volume)

        return Found(inside, self._posterior(fits[0], kept), volume)

    def _posterior(self, end: Posterior, kept: Mapping[str, Any]) -> DrawsPosterior:
        """Return the points of a curve or a complex as a posterior."""
        device = self.run.device
        draws = {name: value.to(device) for name, value in kept["draws"].items()}

        return DrawsPosterior(end.model, draws=draws, state=end.state, info=None)

    def _state(self, name: str, profile: Line | Inside) -> None:
        """State the barrier, and put losses and errors into the table of connections."""
        report = self.run.report
        barrier = profile.barrier
        report.find(f"barrier, {name}, nats per datum", barrier, headline=True)

        assert profile.test_error is not None
        error = _PER_CENT * profile.test_error
        row = {
            "name": name,
            "barrier": barrier,
            "least training loss": float(profile.loss.min()),
            "largest training loss": float(profile.loss.max()),
            "least test error %": float(error.min()),
            "largest test error %": float(error.max()),
        }
        rows = self.run.result.tables.get("connections", [])
        report.tabulate("connections", [*rows, row])
        report.write()


def state_rise(run: Run, name: str, line: Line, published: Mapping[str, str]) -> None:
    """State how far training loss and test error rise above the worse end of a curve.

    Arguments:
        run: The run.
        name: The name of the curve.
        line: Its profile.
        published: What was published, under "loss" and "error".
    """
    worse = line.loss[[0, -1]].max()
    rise = float(line.loss.max() - worse)
    run.report.find(
        f"training loss, {name}, rise above the worse end, nats",
        rise,
        published["loss"],
    )

    assert line.test_error is not None
    error = _PER_CENT * line.test_error
    rise = float(error.max() - error[[0, -1]].max())
    run.report.find(
        f"test error, {name}, rise above the worse end, %", rise, published["error"]
    )


def state_scores(run: Run, name: str) -> None:
    """State error, NLL and calibration error of a prediction.

    Arguments:
        run: The run.
        name: The name of the prediction, which has been scored.
    """
    scores = run.scores[name]
    run.report.find(f"error, {name}, %", scores["error %"], headline=True)
    run.report.find(f"NLL, {name}, nats", scores["nll"], headline=True)
    run.report.find(f"ECE, {name}", scores["ece"])


def state_gains(run: Run, pairs: Sequence[tuple[str, str]]) -> None:
    """State the paired differences of predictions in error and NLL.

    Arguments:
        run: The run.
        pairs: Names of two predictions each; the second one is subtracted.
    """
    for one, other in pairs:
        gain = run.scores.difference(one, other)
        for score in ("error %", "nll"):
            run.report.find(f"{score}, {one} minus {other}", gain[score])


def epochs(run: Run, at_default: int, published: int) -> int:
    """Return the number of epochs of a curve within the budget of a run.

    Arguments:
        run: The run.
        at_default: Number of epochs within the experiment's own budget.
        published: The published number, for a run without a budget.
    """
    if run.full:
        return published

    share = min(1.0, run.minutes / run.experiment.minutes)

    return max(1, round(share * at_default))


def ensemble(fits: Sequence[Posterior]) -> DrawsPosterior:
    """Return several points as one posterior, each with its statistics of normalisation.

    Arguments:
        fits: The points, posteriors of one model.
    """
    first = fits[0]
    values = [network_values(each, first.model) for each in fits]
    draws = {}
    for name in values[0]:
        draws[name] = torch.stack([each[name] for each in values])[None]

    return DrawsPosterior(first.model, draws=draws, state=first.state, info=None)


def _fields(profile: Line | Inside) -> dict[str, Any]:
    """Return the fields of a profile by name."""
    return {
        field.name: getattr(profile, field.name)
        for field in dataclasses.fields(profile)
    }
