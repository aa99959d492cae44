"""What MC dropout costs where each pixel has a class: a step of SegNet, memory of a prediction.

    python -m benchmarks.pixels

A step is that of `inference.SVI` with Adam on a batch of images, under `guides.MCDropout`
and under `guides.Delta`, the same network without dropout. Fits take turns, and a number
is the median over their steps, in seconds of the processor.

The prediction is of 233 images in 30 draws, by `zoo.posterior.average_classes`. Its memory
is the peak resident set size minus that before, in a process of its own. It is compared
with one pass: the probabilities of all images in one draw, by `posterior.predict`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

import guides
import zoo
from benchmarks.memory import peak, start_counting
from benchmarks.record import write
from guides import Guide
from zoo import inference, likelihoods, networks, priors
from zoo.posterior import GuidePosterior, average_classes
from zoo.reports.table import Table

RESULTS = Path(__file__).parent / "results" / "pixels.json"
NUM_IMAGES = 233  # of CamVid's test part
NUM_CLASSES = 11
PREDICTIONS = ("one pass", "30 draws")
WARM_UP = 4  # steps
PRIOR = priors.WeightPrior(
    priors.all_but_normalisation(dist.Normal(0.0, 1.0), otherwise=priors.Point())
)

MakeGuide = Callable[[zoo.BayesianNetwork], Guide]


def dropout(masks: str, model: zoo.BayesianNetwork) -> guides.MCDropout:
    """Return dropout at the layers of Bayesian SegNet."""
    layers = model.network.dropped
    return guides.MCDropout(model, p=0.5, layers=layers, masks=masks)


GUIDES: dict[str, MakeGuide] = {
    "deterministic": guides.Delta,
    "MCDropout": partial(dropout, "channel"),
    "MCDropout, elements": partial(dropout, "element"),
}


def parsed() -> argparse.Namespace:
    """Parse the arguments of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pixels", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--height", type=int, default=90, help="pixels of an image")
    parser.add_argument("--width", type=int, default=120, help="pixels of an image")
    parser.add_argument("--filters", type=int, default=32)
    parser.add_argument("--kernel", type=int, default=5)
    parser.add_argument("--batch", type=int, default=4, help="images in a batch")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=12, help="steps of a fit")
    parser.add_argument(
        "--prediction", choices=PREDICTIONS, help="measure this alone, print JSON"
    )
    parser.add_argument("--out", type=Path, default=RESULTS)

    return parser.parse_args()


def main() -> None:
    """Measure steps and predictions, print two tables and write the results."""
    arguments = parsed()
    if arguments.prediction is not None:
        print(json.dumps(measured_prediction(arguments.prediction, arguments)))
        return

    steps = []
    for precision in ("float32", "bf16"):
        steps += measured_steps(arguments, precision)

    predictions = measured_predictions(arguments)
    settings = {name: value for name, value in vars(arguments).items() if name != "out"}
    contents = {"steps": steps, "predictions": predictions, "settings": settings}
    write(arguments.out, contents)

    for rows in (steps, predictions):
        cells = [tuple(row.values()) for row in rows]
        print(Table(tuple(rows[0]), cells))


def build(
    guide: str, arguments: argparse.Namespace
) -> tuple[zoo.BayesianNetwork, Guide]:
    """Return SegNet-Basic with weights of classes, and a guide."""
    pyro.set_rng_seed(0)
    network = networks.SegNet(
        NUM_CLASSES,
        basic=True,
        width=arguments.filters,
        kernel_size=arguments.kernel,
    )
    likelihood = likelihoods.Categorical(
        dim=1, ignore_index=NUM_CLASSES, class_weight=torch.ones(NUM_CLASSES)
    )
    model = zoo.BayesianNetwork(network, PRIOR, likelihood)

    return model, GUIDES[guide](model)


def images(number: int, arguments: argparse.Namespace) -> tuple[Tensor, Tensor]:
    """Return noise in place of images, and labels with some void."""
    size = (arguments.height, arguments.width)
    x = torch.randn(number, 3, *size)
    y = torch.randint(NUM_CLASSES + 1, (number, *size))

    return x, y


class Marks:
    """A scheduler that notes the processor's time after each step."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.times: list[float] = []

    def step(self) -> None:
        """Note the time."""
        self.times.append(time.process_time())

    @property
    def seconds(self) -> list[float]:
        """Seconds of each step after the first ones."""
        times = self.times[WARM_UP:]
        return [after - before for before, after in pairwise(times)]


def measured_steps(
    arguments: argparse.Namespace, precision: str
) -> list[dict[str, object]]:
    """Return a row for each guide; "times" is relative to the deterministic step."""
    data = images(arguments.batch, arguments)
    found: dict[str, list[float]] = {name: [] for name in GUIDES}
    for _ in range(arguments.rounds):
        for name, seconds in found.items():
            marks: list[Marks] = []

            def scheduler(optimizer: torch.optim.Optimizer, marks=marks) -> Marks:
                marks.append(Marks(optimizer))
                return marks[-1]

            model, guide = build(name, arguments)
            engine = inference.SVI(
                model,
                guide,
                num_steps=arguments.steps + WARM_UP + 1,
                lr=1e-3,
                scheduler=scheduler,
                compile="traced",
                precision=precision,
                progress=False,
            )
            engine.fit(data)
            seconds += marks[-1].seconds

    return _relative(found, precision)


def _relative(found: dict[str, list[float]], precision: str) -> list[dict[str, object]]:
    """Return the median of each guide's steps, also in units of the deterministic one."""
    plain = statistics.median(found["deterministic"])
    rows = []
    for name, seconds in found.items():
        median = statistics.median(seconds)
        row = {"guide": name, "precision": precision, "seconds": round(median, 4)}
        rows.append(row | {"times": round(median / plain, 2)})

    return rows


def measured_predictions(arguments: argparse.Namespace) -> list[dict[str, object]]:
    """Measure each prediction in a process of its own; "times" is relative to one pass."""
    rows: list[dict[str, object]] = []
    for name in PREDICTIONS:
        command = [sys.executable, "-m", "benchmarks.pixels", "--prediction", name]
        for option in ("height", "width", "filters", "kernel"):
            command += [f"--{option}", str(getattr(arguments, option))]

        run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        cost = json.loads(run.stdout)
        one = rows[0] if rows else {"prediction": name, **cost}
        times = cost["megabytes"] / one["megabytes"]
        rows.append({"prediction": name, **cost, "times": round(times, 2)})
        print(rows[-1], file=sys.stderr, flush=True)

    return rows


def measured_prediction(name: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Predict, and return the megabytes at the peak and the seconds of the processor."""
    posterior = fitted(arguments)
    x, _ = images(NUM_IMAGES, arguments)

    before = start_counting("cpu")
    began = time.process_time()
    if name == "one pass":
        result: object = posterior.predict(x, num_samples=1, progress=False).probs
    else:
        result = average_classes(posterior, x, num_samples=30)

    seconds = time.process_time() - began
    megabytes = peak("cpu") - before
    del result

    return {"megabytes": round(megabytes), "seconds": round(seconds, 1)}


def fitted(arguments: argparse.Namespace) -> GuidePosterior:
    """Return a fit of one step under MC dropout."""
    model, guide = build("MCDropout", arguments)
    engine = inference.SVI(model, guide, num_steps=1, compile="plain", progress=False)

    return engine.fit(images(2, arguments))


if __name__ == "__main__":
    main()
