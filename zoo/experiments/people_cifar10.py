"""people-cifar10: the predictions of networks against fifty people's, and who should answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import pyro.distributions as dist
import torch
from torch import Tensor, nn

import guides
from zoo import datasets, likelihoods, metrics, people, priors
from zoo.datasets import Dataset
from zoo.datasets.images import IMAGENET
from zoo.experiments.parts.augment import loader
from zoo.experiments.parts.batch_statistics import average_longer
from zoo.experiments.parts.judged_by_people import (
    CROSS_ENTROPY,
    TOTAL_VARIATION,
    JudgedByPeople,
)
from zoo.experiments.parts.last_layer import fit_last_layer
from zoo.experiments.parts.severe_errors import draw_severe, state_severe
from zoo.experiments.parts.temperature import logits_of
from zoo.experiments.parts.trained_resnets import CHECKPOINTS, load_cifar10, resnet
from zoo.experiments.running.contestant import Contestant
from zoo.experiments.running.method import MakeEngine, Method
from zoo.experiments.running.run import Experiment, Run
from zoo.experiments.running.scores import Number
from zoo.inference import IVON, SVI
from zoo.posterior.posterior import Posterior
from zoo.predictive.prediction import Prediction

_NUM_SAMPLES = 16
_BATCH_SIZE = 128
_TRAINED = "ResNet-20"
_CHECKPOINTS = CHECKPOINTS | {  # by depth
    32: "resnet32-d509ac18.th",
    44: "resnet44-014dd654.th",
}
_CHECKPOINT_SCORES = {"error %": 8.27, "nll": 0.373}  # as published with ResNet-20
_PRICE = 0.05  # of asking, for findings


def _method(epochs: float, engine: MakeEngine, rate: float) -> Method:
    """Return a method with one learning rate, chosen in weights-cifar10."""
    return Method(
        epochs, engine, rates=(rate,), batch_size=_BATCH_SIZE, min_epochs=0.01
    )


_WEIGHTS = priors.WeightPrior(dist.Normal(0.0, 0.3))
_NODES = priors.NodePrior(dist.Normal(1.0, 0.1), weights=priors.Frozen())
_MIXTURE = partial(
    guides.NodeMixture, num_components=4, init_scale=0.05, init_spread=0.1
)
_NATURAL = partial(IVON, beta2=0.999, hess_init=0.05, precision="bf16")
_CONTESTANTS = {
    "nodes": Contestant(
        _NODES, _MIXTURE, _method(1.0, partial(SVI, precision="bf16"), 0.05)
    ),
    "IVON": Contestant(
        _WEIGHTS,
        partial(guides.MeanField, init_scale=0.01),
        _method(0.4, _NATURAL, 0.02),
    ),
}
_LAPLACE = "last layer, Laplace"
_DEPTHS = "four depths"
_SPLIT = (_LAPLACE, *_CONTESTANTS, _DEPTHS)  # whose uncertainty has two parts


def _run(run: Run) -> None:
    """Predict with a trained network and posteriors around it, and compare with people."""
    data = load_cifar10(run)
    folder = run.data_path("cifar10h")
    images = run.data_path("cifar10")
    _, counts = datasets.cifar10h(folder, images=images, units=IMAGENET)

    found = _predict(run, data, people.answers(counts, run.seed))
    for name, prediction in found.items():
        run.scores.add(name, partial(_itself, prediction), data.test.y)
        _state_scores(run, name)

    judged = JudgedByPeople(run, data.test.y, counts, found)
    judged.state_agreement(_TRAINED)
    judged.state_costs(_PRICE, _TRAINED)
    judged.state_disagreement(_SPLIT)
    severe = state_severe(run, data.test.y, found)
    _draw_figure(run, judged, severe)
    _note(run)


def _predict(run: Run, data: Dataset, answers: Tensor) -> dict[str, Prediction]:
    """Return predictions of the test images by name, from files if they are there.

    Arguments:
        run: The run.
        data: The data set.
        answers: What one person says of each test image, (N,).
    """
    x, y = data.test
    networks = _trained(run)
    alone = _logits(run, _DEPTHS, partial(_of_all, run, networks, x))
    laplace = _logits(run, _LAPLACE, partial(_of_laplace, run, networks[0], data))
    found = {
        _TRAINED: alone[:1],
        f"{_TRAINED}, temperature": _cooled(alone[:1], y),
        f"{_TRAINED}, temperature of people": _cooled(alone[:1], answers),
        _LAPLACE: laplace,
    }

    average_longer(networks[0])
    train = loader(data.train, _BATCH_SIZE)
    for name, contestant in _CONTESTANTS.items():
        build = partial(run.build, networks[0], contestant.prior, contestant.make_guide)
        posterior = run.fit(
            name, build, data, contestant.method, share=0.4, train=train
        )
        found[name] = _logits(run, name, partial(_of_draws, posterior, x))

    found[_DEPTHS] = alone
    found[f"{_DEPTHS}, temperature"] = _cooled(alone, y)
    likelihood = likelihoods.Categorical()

    return {name: Prediction(likelihood, logits) for name, logits in found.items()}


def _trained(run: Run) -> list[nn.Module]:
    """Return the trained networks, the shallowest first."""
    folder = run.data_path("cifar10_resnets")
    found = []
    for depth in sorted(_CHECKPOINTS):
        network = resnet(folder / _CHECKPOINTS[depth], depth)
        found.append(network.to(run.device).eval())

    return found


def _logits(run: Run, name: str, predict: Callable[[], Tensor]) -> Tensor:
    """Return the logits of all draws, (S, N, O), computed once."""
    return run.keep(f"{name}, logits", lambda: {"logits": predict()})["logits"]


def _of_all(run: Run, networks: list[nn.Module], x: Tensor) -> Tensor:
    """Return the logits of every network."""
    return torch.stack([logits_of(network, x, run.device) for network in networks])


def _of_draws(posterior: Posterior, x: Tensor) -> Tensor:
    """Return the logits of the draws of a posterior."""
    number = posterior.num_available(_NUM_SAMPLES)

    return posterior.predict(x, num_samples=number).outputs


def _cooled(logits: Tensor, y: Tensor) -> Tensor:
    """Return the averaged prediction with a temperature, (1, N, O).

    Each half of the images has the temperature that fits the labels y of the other best.
    """
    averaged = logits.log_softmax(-1).logsumexp(0)
    scaled = averaged.clone()
    for half in (0, 1):
        other = 1 - half
        temperature = metrics.temperature_scaling(averaged[other::2], y[other::2])
        scaled[half::2] /= temperature

    return scaled.unsqueeze(0)


def _of_laplace(run: Run, network: nn.Module, data: Dataset) -> Tensor:
    """Return the logits of draws of the last layer, by Laplace around the trained weights."""
    posterior = fit_last_layer(
        run, network, data, num_samples=_NUM_SAMPLES, batch_size=_BATCH_SIZE
    )

    return _of_draws(posterior, data.test.x)


def _itself(prediction: Prediction) -> Prediction:
    """Return a prediction that is there already."""
    return prediction


def _state_scores(run: Run, name: str) -> None:
    """State error and NLL."""
    for score in ("error %", "nll"):
        published = _CHECKPOINT_SCORES[score] if name == _TRAINED else None
        run.report.find(f"{score}, {name}", run.scores[name][score], published)


def _draw_figure(
    run: Run, judged: JudgedByPeople, severe: Mapping[str, Mapping[str, Number]]
) -> None:
    """Draw distances from people, costs by the price of asking, uncertainties, and decisions."""
    drawn = (_TRAINED, "IVON", _DEPTHS)
    title = "ResNets on CIFAR-10, and fifty people"
    with run.report.panels(2, 3, title=title) as axes:
        left, middle, right = axes[0]
        judged.draw_distances(left, CROSS_ENTROPY)
        judged.draw_distances(middle, TOTAL_VARIATION)
        draw_severe(right, severe)
        for ax in (middle, right):
            ax.set_ylim(left.get_ylim())
            ax.tick_params(labelleft=False)

        judged.draw_costs(axes[1, 0], drawn)
        judged.draw_asked(axes[1, 1], drawn)
        judged.draw_disagreement(axes[1, 2], _DEPTHS)


def _note(run: Run) -> None:
    """State what the numbers are of."""
    run.report.note(
        "The networks have seen every training image, and no person's answer. Rates and epochs "
        "were chosen in weights-cifar10 on the first 2,000 test images."
    )
    run.report.note(
        "Each half of the test images has the temperature that fits the other half best, its "
        "labels or one person's answer to each image. The share of people who are wrong, by "
        "class, is that of the other half, too."
    )
    run.report.note(
        "The person who is asked is one of those who named the image, drawn at random: the cost "
        "of asking is the mean over all of them."
    )
    run.report.note(
        "Half of the people, about 25, predicts the other half; for the cross-entropy with one "
        "answer more, spread over classes. Both halves are noise around what all people would "
        "say, so a perfect prediction is closer to all 51: about half as far in total variation."
    )


people_cifar10 = Experiment(
    name="people-cifar10",
    question="is the prediction of a posterior closer to what people say, and when should a "
    "person answer in its place?",
    reference="Human uncertainty makes classification more robust (Peterson, Battleday, "
    "Griffiths, Russakovsky, 2019)",
    minutes=15,
    run=_run,
)
