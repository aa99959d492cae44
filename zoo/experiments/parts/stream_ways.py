"""Ways to learn a stream: variational, by curvatures, without memory, jointly."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pyro.distributions as dist
from torch.distributions import constraints

import guides
from zoo import datasets, priors
from zoo.experiments.parts.stream_learning import NORMAL, Rows, Way
from zoo.inference import IVON, SVI, Laplace
from zoo.model import BayesianNetwork
from zoo.networks import MultiHead
from zoo.posterior.posterior import Posterior
from zoo.priors.previous import HasDistributions
from zoo.priors.prior import Prior

BATCH_SIZE = 256
_POINT_LR = 1e-3
_NODE_LR = 1e-2
_NUM_CURVED = 500  # images for the curvature, which stand for all of a task
_CURVED_AT_ONCE = 32  # their Jacobians take 120 MB
_FLAT = priors.WeightPrior(dist.ImproperUniform(constraints.real, (), ()))
_NODE = dist.Normal(1.0, 0.3)


def ways(
    num_tasks: int,
    num_steps: int,
    num_core_steps: int,
    fit: Callable[..., Posterior],
    num_samples: int,
) -> dict[str, Way]:
    """Return the ways to learn a stream by name.

    Arguments:
        num_tasks: Number of tasks T.
        num_steps: Gradient steps of each task; a joint fit has T times as many.
        num_core_steps: Gradient steps of a fit to coresets.
        fit: Fits a mean-field normal in a number of steps, such as `fit_natural` with its
            first three arguments.
        num_samples: Draws of a prediction.
    """
    natural = partial(fit, num_steps)
    to_core = partial(fit, num_core_steps)
    with_core = partial(Way, natural, fit_core=to_core, num_samples=num_samples)
    point = partial(fit_point, num_steps)
    jointly = partial(fit_point, num_steps * num_tasks)

    return {
        "VCL": Way(natural, num_samples=num_samples),
        "VCL, random coreset": with_core(choose=datasets.random_rows),
        "VCL, k-centre coreset": with_core(choose=datasets.k_centre),
        "VCL of nodes": Way(
            partial(fit_nodes, num_steps), node_prior, num_samples=num_samples
        ),
        "EWC": Way(point, remember=curvature, num_samples=1),
        "fine-tuning": Way(point, flat_prior, remember=nothing, num_samples=1),
        "joint": Way(jointly, joint=True, num_samples=1),
    }


def fit_natural(
    lr: float,
    hess_init: float,
    forgotten: float,
    num_steps: int,
    model: BayesianNetwork,
    rows: Rows,
    _task: int,
) -> Posterior:
    """Fit a mean-field normal by natural gradients.

    Arguments:
        lr: Learning rate.
        hess_init: Curvature per datum at the start.
        forgotten: How often the curvature forgets its start by a factor e: with few times
            scales stay small, with many they find their optimum.
        num_steps: Gradient steps.
        model: The model.
        rows: What is learned.
    """
    engine = IVON(
        model,
        num_steps=num_steps,
        lr=lr,
        beta2=1 - forgotten / max(num_steps, 24),
        hess_init=hess_init,
        progress=False,
    )

    return engine.fit(rows, batch_size=BATCH_SIZE)


def fit_point(
    num_steps: int, model: BayesianNetwork, rows: Rows, _task: int
) -> Posterior:
    """Fit a point estimate."""
    engine = SVI(
        model, guides.Delta(model), num_steps=num_steps, lr=_POINT_LR, progress=False
    )

    return engine.fit(rows, batch_size=BATCH_SIZE)


def fit_nodes(
    num_steps: int, model: BayesianNetwork, rows: Rows, _task: int
) -> Posterior:
    """Fit a mean-field normal over nodes, and the weights that are point estimates."""
    engine = SVI(
        model,
        guides.MeanField(model),
        num_steps=num_steps,
        lr=_NODE_LR,
        progress=False,
    )

    return engine.fit(rows, batch_size=BATCH_SIZE)


def flat_prior(_memory: HasDistributions | None, _task: int) -> Prior:
    """Return a flat prior: Adam would pull the heads of old tasks to zero under any other."""
    return _FLAT


def node_prior(memory: HasDistributions | None, task: int) -> Prior:
    """Return a prior over nodes; only the first task and new heads move weights."""
    if memory is None:
        return priors.NodePrior(_NODE, weights=priors.Point(NORMAL))

    moved = {f"heads.{task}.*": priors.Point(NORMAL)}
    weights = priors.by_name(moved, otherwise=priors.Frozen())
    nodes = priors.previous(memory, otherwise=_NODE)

    return priors.NodePrior(nodes, weights=weights)


def nothing(_posterior: Posterior, _rows: Rows, _task: int) -> None:
    """Remember nothing but the network."""


def curvature(posterior: Posterior, rows: Rows, _task: int) -> HasDistributions:
    """Return the diagonal Laplace approximation, which has the curvatures of tasks before.

    That of the first images is multiplied by the number of images over theirs.
    """
    (x, heads), y = rows
    number = min(_NUM_CURVED, len(x))
    network: MultiHead = posterior.network()
    model = BayesianNetwork(
        network.of(int(heads[0])), posterior.model.prior, posterior.model.likelihood
    )
    engine = Laplace(
        model,
        structure="diag",
        num_samples=1,
        num_steps=0,
        likelihood_temperature=number / len(x),
        progress=False,
    )

    return engine.fit((x[:number], y[:number]), batch_size=_CURVED_AT_ONCE)
