"""Heart beats: five classes from one lead of an electrocardiogram."""

from __future__ import annotations

from pathlib import Path

from zoo import likelihoods, networks, priors
from zoo.datasets import Dataset, Split
from zoo.model import BayesianNetwork
from zoo.posterior.storage import read_file
from zoo.references.problem import Problem, near_and_far
from zoo.references.problems.runs import hamiltonian_and_microcanonical

MEANS = Path(__file__).parent.parent / "trained" / "ecg_means.safetensors"
NUM_TEST = 30
NUM_AWAY = 10
WINDOW = 7  # samples of a mean


def ecg() -> Problem:
    r"""Five hundred heart beats, each as 20 means over time, under a network of 10 units.

    .. math:: x_j = \tfrac17 \textstyle\sum_{t = 7 j}^{7 j + 6} v_t, \quad j = 0, \dots, 19

    Each beat v of 140 samples has mean 0 and standard deviation 1. The package holds the
    means, not the beats. Functions are stored at 30 test beats, and at 10 others that run
    backwards in time.

    References:
        A general framework for never-ending learning from time series streams (Chen, Hao,
        Rakthanmanon, Zakaria, Hu, Keogh, 2015), from record chf07 of the BIDMC Congestive
        Heart Failure Database
        The UCR Time Series Archive (Dau et al., 2019)

    Example:
        >>> truth = zoo.references.load("ecg")
        >>> nats = truth.posterior.predict(truth.inputs).epistemic
        >>> nats[truth.away].mean() > 3 * nats[~truth.away].mean()
        tensor(True)
    """
    _, tensors = read_file(MEANS, "trained")
    train = Split(tensors["train/x"].float(), tensors["train/y"].long())
    test = Split(tensors["test/x"].float(), tensors["test/y"].long())
    data = Dataset("ECG5000, means of 7 samples", train, test)

    network = networks.MLP(train.x.shape[1], 5, hidden=[10])
    prior = priors.WeightPrior(priors.fan_in(2.0, bias_scale=1.0))
    likelihood = likelihoods.Categorical()
    model = BayesianNetwork(network, prior, likelihood)
    runs = hamiltonian_and_microcanonical(model)

    backwards = tensors["away/x"].float().flip(-1)
    inputs, away = near_and_far(test.x, backwards)

    return Problem(
        name="ecg",
        version=1,
        model=model,
        data=data,
        inputs=inputs,
        away=away,
        targets=test.y,
        runs=runs,
        num_saved=100,
        source="ECG5000 of the UCR archive, made from record chf07 of the BIDMC Congestive Heart "
        "Failure Database at physionet.org, Open Data Commons Attribution License 1.0",
    )
