"""weights-cifar10: a trained ResNet-20 with all weights random, against temperature scaling."""

from __future__ import annotations

from functools import cache, partial

import pyro.distributions as dist
from torch import nn

import guides
from zoo import priors
from zoo.datasets import Dataset
from zoo.experiments.parts.augment import loader
from zoo.experiments.parts.score_panels import draw_scores
from zoo.experiments.parts.temperature import TrainedPredictions
from zoo.experiments.parts.trained_resnets import load_cifar10, load_trained
from zoo.experiments.running.method import Method, ivon
from zoo.experiments.running.run import Experiment, Run
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.predictive.prediction import Prediction
from zoo.runtime.programs import PyroProgram

_NUM_SAMPLES = 16
_BATCH_SIZE = 128
_MOMENTUM = 0.02  # of the running statistics
_NUM_CHOSEN = 2_000  # test images on which the rates were chosen
_CHECKPOINT_SCORES = (8.27, 0.373)  # error in per cent and NLL, as published with it
_TRAINED = "ResNet-20"
_HESS_INIT = 0.05  # scales of 0.02

_NATURAL = partial(ivon, beta2=0.999, hess_init=_HESS_INIT, precision="bf16")
_METHODS = {
    "IVON": Method(
        epochs=0.4,
        engine=_NATURAL,
        rates=(0.02,),
        batch_size=_BATCH_SIZE,
        min_epochs=0.01,
    ),
}


def _run(run: Run) -> None:
    """Score a trained network alone, with a temperature, and with all weights random."""
    data = load_cifar10(run)
    network = load_trained(run, 20)
    _score_trained(run, network, data)
    _average_longer(network)

    train = loader(data.train, _BATCH_SIZE)
    for name, method in _METHODS.items():
        build = partial(_build, run, network)
        posterior = run.fit(name, build, data, method, share=0.9, train=train)
        _score_posterior(run, name, posterior, data)

    draw_scores(run, tuple(_METHODS))
    run.report.note(
        "Images are mirrored and shifted in training, as for the checkpoint: no fit has a bound."
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


def _average_longer(network: nn.Module) -> None:
    """Let normalisations average over about fifty batches, each of which has its own draw."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = _MOMENTUM


def _build(run: Run, network: nn.Module) -> tuple[BayesianNetwork, PyroProgram]:
    """Return the model and a guide, whose means are the trained weights."""
    prior = priors.WeightPrior(dist.Normal(0.0, 0.3))
    make_guide = partial(guides.MeanField, init_scale=0.01)

    return run.build(network, prior, make_guide)


def _score_posterior(run: Run, name: str, posterior: Posterior, data: Dataset) -> None:
    """Score a posterior on all test images, and on those that chose nothing."""
    x, y = data.test

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
    question="does a posterior over all weights of a trained residual network lower its NLL "
    "and calibration error?",
    reference="Variational Learning is Effective for Large Deep Networks (Shen et al., 2024)",
    minutes=20,
    run=_run,
)
