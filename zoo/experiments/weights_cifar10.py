"""weights-cifar10: posteriors around a trained ResNet-20, against temperature scaling."""

from __future__ import annotations

from functools import cache, partial

import pyro.distributions as dist
from torch import nn

import guides
from zoo import priors
from zoo.datasets import Dataset, Split
from zoo.experiments.parts.augment import loader
from zoo.experiments.parts.batch_statistics import average_longer
from zoo.experiments.parts.last_layer import fit_last_layer
from zoo.experiments.parts.score_panels import draw_scores
from zoo.experiments.parts.temperature import TrainedPredictions
from zoo.experiments.parts.trained_resnets import load_cifar10, load_trained
from zoo.experiments.running.contestant import Contestant
from zoo.experiments.running.method import MakeEngine, Method
from zoo.experiments.running.run import Experiment, Run
from zoo.inference import IVON, SVI
from zoo.posterior.posterior import Posterior
from zoo.predictive.prediction import Prediction

_NUM_SAMPLES = 16
_BATCH_SIZE = 128
_NUM_CHOSEN = 2_000  # test images on which the rates were chosen
_CHECKPOINT_SCORES = (8.27, 0.373)  # error in per cent and NLL, as published with it
_TRAINED = "ResNet-20"
_HESS_INIT = 0.05  # scales of 0.02


def _method(epochs: float, engine: MakeEngine, rate: float) -> Method:
    """Return a method with one learning rate."""
    return Method(
        epochs, engine, rates=(rate,), batch_size=_BATCH_SIZE, min_epochs=0.01
    )


_WEIGHTS = priors.WeightPrior(dist.Normal(0.0, 0.3))
_NODES = priors.NodePrior(dist.Normal(1.0, 0.1), weights=priors.Frozen())
_MEAN_FIELD = partial(guides.MeanField, init_scale=0.01)
_MIXTURE = partial(
    guides.NodeMixture, num_components=4, init_scale=0.05, init_spread=0.1
)
_HALF = partial(SVI, precision="bf16")
_NATURAL = partial(IVON, beta2=0.999, hess_init=_HESS_INIT, precision="bf16")
_CONTESTANTS = {
    "IVON": Contestant(_WEIGHTS, _MEAN_FIELD, _method(0.4, _NATURAL, 0.02)),
    "scales alone": Contestant(
        _WEIGHTS, _MEAN_FIELD, _method(0.5, partial(_HALF, scales_only=True), 1.25e-3)
    ),
    "nodes": Contestant(_NODES, _MIXTURE, _method(1.0, _HALF, 0.05)),
}
_LAPLACE = "last layer, Laplace"


def _run(run: Run) -> None:
    """Score a trained network alone, with a temperature, and under four posteriors."""
    data = load_cifar10(run)
    network = load_trained(run, 20)
    _score_trained(run, network, data)
    laplace = fit_last_layer(
        run, network, data, num_samples=_NUM_SAMPLES, batch_size=_BATCH_SIZE
    )
    _score_posterior(run, _LAPLACE, laplace, data.test)
    average_longer(network)

    train = loader(data.train, _BATCH_SIZE)
    for name, contestant in _CONTESTANTS.items():
        build = partial(run.build, network, contestant.prior, contestant.make_guide)
        posterior = run.fit(
            name, build, data, contestant.method, share=0.3, train=train
        )
        _score_posterior(run, name, posterior, data.test)

    draw_scores(run, (*_CONTESTANTS, _LAPLACE))
    run.report.note(
        "Images are mirrored and shifted in training, as for the checkpoint: no fit has a bound. "
        "The curvature of the last layer is that of the images as they are, and the precision of "
        "its prior has the largest marginal likelihood."
    )
    run.report.note(
        "The checkpoint has seen every training image. So the rates and the number of epochs were "
        f"chosen on the first {_NUM_CHOSEN:,} test images, and the scores of the others are "
        "stated too. Each half of the test images has the temperature that fits the other best."
    )


def _score_trained(run: Run, network: nn.Module, data: Dataset) -> None:
    """Score the trained network alone and with a temperature."""
    x, y = data.test
    network = network.to(run.device).eval()
    predictions = TrainedPredictions(network, x, y, run.device)
    run.scores.add(_TRAINED, predictions.alone, y)
    _report(run, _TRAINED, *_CHECKPOINT_SCORES)

    name = f"{_TRAINED}, temperature"
    run.scores.add(name, predictions.with_temperature, y)
    _report(run, name)


def _score_posterior(run: Run, name: str, posterior: Posterior, test: Split) -> None:
    """Score a posterior on all test images, and on those that chose nothing."""
    x, y = test

    @cache
    def predict() -> Prediction:
        return posterior.predict(x, num_samples=_NUM_SAMPLES, progress=run.progress)

    def predict_others() -> Prediction:
        prediction = predict()
        return Prediction(prediction.likelihood, prediction.outputs[:, _NUM_CHOSEN:])

    run.scores.add(name, predict, y)
    _report(run, name)

    gain = run.scores.difference(name, _TRAINED)
    for score in ("error %", "nll", "ece"):
        run.report.find(f"{score}, {name}, minus as it came", gain[score])

    key = f"{name}, other images"
    run.scores.add(key, predict_others, y[_NUM_CHOSEN:])
    _report(run, key)


def _report(
    run: Run,
    name: str,
    published_error: float | None = None,
    published_nll: float | None = None,
) -> None:
    """State error, NLL and calibration error."""
    scores = run.scores[name]
    published = {"error %": published_error, "nll": published_nll, "ece": None}
    for score, theirs in published.items():
        run.report.find(f"{score}, {name}", scores[score], theirs, headline=True)


weights_cifar10 = Experiment(
    name="weights-cifar10",
    question="which posterior around a trained residual network lowers its NLL and calibration "
    "error: over all weights, the last layer or the nodes?",
    reference="Variational Learning is Effective for Large Deep Networks (Shen et al., 2024)",
    minutes=20,
    run=_run,
)
