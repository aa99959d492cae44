"""Which prior? The evidence of each family: by the bound of a fit, and by a sampler.

    python -m benchmarks.priors
    python -m benchmarks.priors --problems sinusoid --families "N(0, 1)" Learned

The sampler is annealed importance sampling, whose particles are also scored on held-out
data. All numbers are in nats per datum. Learned scales are counted by the Bayesian
information criterion: (k/2) log N nats for k scales.

References:
    Bayesian Interpolation (MacKay, 1992)
    Bayesian Neural Network Priors Revisited (Fortuin, Garriga-Alonso, Ober et al., 2022)
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections.abc import Callable
from pathlib import Path

import pyro
import pyro.distributions as dist
from torch import Tensor

import guides
import zoo
from benchmarks.record import write
from zoo import inference, priors, references
from zoo.datasets import Split
from zoo.posterior.posterior import Posterior
from zoo.references.problem import Problem
from zoo.reports.table import Table

RESULTS = Path(__file__).parent / "results" / "priors.json"
PROBLEMS: dict[str, Callable[[], Problem]] = {
    "sinusoid": references.sinusoid,
    "moons": references.moons,
}


def fan_in_student(name: str, weight: Tensor) -> dist.StudentT:
    """Return Student's t with four degrees of freedom and the scale of a fan-in prior."""
    is_weight = weight.dim() > 1
    scale = 2.0 * weight[0].numel() ** -0.5 if is_weight else 2.0
    return dist.StudentT(4.0, 0.0, scale)


FAMILIES: dict[str, priors.WeightPrior] = {
    "N(0, 1)": priors.WeightPrior(dist.Normal(0.0, 1.0)),
    "N(0, 0.3)": priors.WeightPrior(dist.Normal(0.0, 0.3)),
    "fan-in, 2": priors.WeightPrior(priors.fan_in(2.0, bias_scale=2.0)),
    "Student's t, fan-in": priors.WeightPrior(fan_in_student),
    "Hierarchical": priors.WeightPrior(priors.Hierarchical(dist.HalfCauchy(1.0))),
    "Learned": priors.WeightPrior(priors.Learned()),
    "Learned by input": priors.WeightPrior(priors.Learned(by="input")),
}
COLUMNS = (
    "prior",
    "- bound",
    "learned scales",
    "- bound, scales counted",
    "log evidence",
    "effective particles",
    "test log density, fit",
    "test log density, sampler",
    "seconds",
)


def with_prior(problem: Problem, prior: priors.WeightPrior) -> zoo.BayesianNetwork:
    """Return the model of a problem with another prior."""
    network = copy.deepcopy(problem.model.network)
    return zoo.BayesianNetwork(network, prior, problem.model.likelihood)


def fitted(model: zoo.BayesianNetwork, problem: Problem, steps: int) -> Posterior:
    """Fit a mean field from four starts, and keep the best bound."""
    guide = guides.MeanField(model)
    engine = inference.SVI(model, guide, num_steps=steps, restarts=4)
    return engine.fit(problem.data.train)


def num_learned(model: zoo.BayesianNetwork) -> int:
    """Count the scales that a fit learns."""
    scales = model.plan.learned(model.network).values()
    return sum(scale.numel() for scale in scales)


def sampled_model(fit: Posterior) -> zoo.BayesianNetwork:
    """Return the model for the sampler, with the scales that a fit has learned as constants."""
    model = fit.model
    if num_learned(model) == 0:
        return model

    prior = priors.WeightPrior(priors.Learned.fixed(fit))
    return zoo.BayesianNetwork(model.network, prior, model.likelihood)


def measure(problem: Problem, name: str, steps: int) -> dict[str, object]:
    """Return the row of one family on one problem."""
    pyro.set_rng_seed(0)
    start = time.process_time()
    model = with_prior(problem, FAMILIES[name])
    train, test = problem.data.train, problem.data.test
    num_data = len(train.x)

    fit = fitted(model, problem, steps)
    bound, error = fit.bound(train, num_samples=500)
    count = num_learned(model)
    counted = bound + 0.5 * count * math.log(num_data) / num_data

    sampled = inference.AIS(sampled_model(fit)).fit(train)
    return {
        "prior": name,
        "- bound": f"{-bound:.3f} ± {error:.3f}",
        "learned scales": count,
        "- bound, scales counted": f"{-counted:.3f}",
        "log evidence": f"{sampled.info.log_evidence / num_data:.3f}",
        "effective particles": f"{sampled.info.effective_particles:.0f}",
        "test log density, fit": held_out(fit, test),
        "test log density, sampler": held_out(sampled, test),
        "seconds": f"{time.process_time() - start:.0f}",
    }


def held_out(posterior: Posterior, test: Split) -> str:
    """Return the mean log predictive density of held-out targets in nats."""
    prediction = posterior.predict(test.x, num_samples=200, progress=False)
    return f"{float(prediction.log_prob(test.y).mean()):.3f}"


def main() -> None:
    """Measure, print a table for each problem, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS))
    parser.add_argument("--families", nargs="+", default=list(FAMILIES))
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()

    results: dict[str, object] = {}
    for name in arguments.problems:
        pyro.set_rng_seed(0)
        problem = PROBLEMS[name]()
        rows = []
        for family in arguments.families:
            rows.append(measure(problem, family, arguments.steps))
            results[name] = rows
            write(arguments.out, results)

        print(name)
        print(Table(COLUMNS, [tuple(row.values()) for row in rows]))


if __name__ == "__main__":
    main()
