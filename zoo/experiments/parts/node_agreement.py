"""Whether chains over nodes agree, and how far guides are from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.diagnostics.functions import Functions
from zoo.diagnostics.scores import classification, errors, floor, joined
from zoo.experiments.running.run import Run
from zoo.experiments.running.scores import Number
from zoo.posterior.labelled import ess, rhat
from zoo.posterior.posterior import Posterior

CHAINS = "chains"  # the name of the table of samplers
DISTANCES = "distances"  # the name of the table of guides
BOTH = "both"
CONVERGED = 1.02  # R-hat
_STUCK = 100.0  # in place of an infinite R-hat, of a value that chains never change
Draws = Mapping[str, Any]  # what is kept of the chains of a sampler
_SCORES = {"total_variation": "total variation", "agreement": "agreement"}


def chains_of(found: Mapping[str, Draws], kind: str) -> Tensor:
    """Return values (C, S, ...) of the chains of all samplers, of equally many last draws.

    Arguments:
        found: What is kept of each sampler.
        kind: "outputs" or "nodes".
    """
    parts = [draws[kind] for draws in found.values()]
    shortest = min(part.shape[1] for part in parts)

    return torch.cat([part[:, -shortest:] for part in parts])


def state_agreement(run: Run, found: Mapping[str, Draws]) -> None:
    """State R-hat and ESS of log probabilities of each sampler and of both, and statistics.

    Arguments:
        run: The run.
        found: What is kept of each sampler.
    """
    rows = []
    for name, draws in found.items():
        statistics = {
            key: value for key, value in draws.items() if not torch.is_tensor(value)
        }
        rows.append({"run": name, **_convergence(draws["outputs"]), **statistics})

    together = _convergence(chains_of(found, "outputs"))
    rows.append({"run": BOTH, **together})
    run.report.tabulate(CHAINS, rows)

    for row in rows:
        name = row["run"]
        for what in ("R-hat, median", "R-hat, 99 %", "R-hat, worst"):
            run.report.find(f"{what}, {name}", row[what], headline=name == BOTH)

        run.report.find(f"share of R-hats below {CONVERGED}, {name}", row["share"])
        run.report.find(f"median ESS, {name}", row["median ESS"])
        run.report.find(f"least ESS, {name}", row["least ESS"])
        for what in ("acceptance", "gradients", "divergences", "error of energies"):
            if what in row:
                run.report.find(f"{what}, {name}", row[what])


def _convergence(outputs: Tensor) -> dict[str, float]:
    """Return R-hat and ESS of the log probabilities of logits (C, S, N, O)."""
    return _statistics(outputs.double().log_softmax(-1))


def _statistics(values: Tensor) -> dict[str, float]:
    """Return R-hat and ESS of values (C, S, ...)."""
    flat = values.double().flatten(2).numpy()
    rhats = np.nan_to_num(rhat(flat), nan=_STUCK, posinf=_STUCK)
    sizes = np.nan_to_num(ess(flat))

    return {
        "chains": flat.shape[0],
        "draws": flat.shape[1],
        "R-hat, median": float(np.median(rhats)),
        "R-hat, 99 %": float(np.quantile(rhats, 0.99)),
        "R-hat, worst": float(rhats.max()),
        "share": float((rhats < CONVERGED).mean()),
        "median ESS": float(np.median(sizes)),
        "least ESS": float(sizes.min()),
    }


def state_nodes(
    run: Run, found: Mapping[str, Draws], guide: Posterior, scale: float
) -> None:
    """State how wide the posterior of a node is, next to the prior and to a guide.

    Arguments:
        run: The run.
        found: What is kept of each sampler.
        guide: The posterior of a guide of the same nodes.
        scale: Standard deviation of the prior of a node.
    """
    nodes = chains_of(found, "nodes")
    stated = _statistics(nodes)
    run.report.find("R-hat of nodes, median", stated["R-hat, median"])
    run.report.find("R-hat of nodes, worst", stated["R-hat, worst"])

    spread = nodes.flatten(0, 1).double().std(0)
    draws = guide.sample_all(1_000)
    every = [draws[name].flatten(1) for name in guide.model.latents]
    fitted = torch.cat(every, -1).cpu().double().std(0)
    run.report.find("sd of a node, chains over prior", Number.mean(spread / scale))
    run.report.find(
        "sd of a node, mean field over chains", Number.mean(fitted / spread)
    )


def state_distances(
    run: Run, found: Mapping[str, Draws], outputs: Mapping[str, Tensor]
) -> None:
    """State how far predictions are from that of the chains, with Monte-Carlo errors.

    The floor is the distance of one chain from the others, at its number of draws.

    Arguments:
        run: The run.
        found: What is kept of each sampler.
        outputs: Logits (S, N, O) of the draws of predictions, by name.
    """
    chains = [_functions(chain) for chain in chains_of(found, "outputs")]
    lowest = floor(chains, classification)
    rows = [{"prediction": "one chain", **lowest}]
    for what, label in _SCORES.items():
        run.report.find(f"{label}, one chain to the others", lowest[what])

    truth = joined(chains)
    for name, values in outputs.items():
        ours = _functions(values)
        scores = classification(ours, truth)
        spread = errors(ours, chains, classification)
        rows.append({"prediction": name, **scores})
        for what, label in _SCORES.items():
            number = Number(scores[what], spread[what])
            headline = what == "total_variation"
            run.report.find(f"{label} to the chains, {name}", number, headline=headline)

    run.report.tabulate(DISTANCES, rows)


def _functions(outputs: Tensor) -> Functions:
    """Return the class probabilities of logits (S, N, O)."""
    probs = outputs.double().softmax(-1)
    return Functions(probs, probs.new_zeros(len(probs), 0))
