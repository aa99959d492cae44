"""Repulsive ensembles: networks that climb the log joint density and keep apart."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.func import vjp
from tqdm.std import tqdm

from zoo.inference import schedules
from zoo.inference.early_end import reason_to_end
from zoo.inference.mcmc.running.initialisation import finite_prior_draws
from zoo.inference.mcmc.sampled_data import SampledData
from zoo.inference.particles.engine import ParticleEngine
from zoo.inference.particles.function_points import FunctionPoints
from zoo.inference.particles.repulsion import density_direction, stein_direction
from zoo.inference.particles.space import Space
from zoo.model import BayesianNetwork
from zoo.posterior.particle_info import EnsembleInfo
from zoo.runtime.counts import check_count
from zoo.runtime.programs import PyroProgram
from zoo.tracing.traced import Traced

Repulsion = Literal["functions", "weights", "stein"]
Step = Callable[[Tensor], tuple[Tensor, ...]]
REPULSIONS = ("functions", "weights", "stein")


class RepulsiveEnsemble(ParticleEngine):
    r"""K networks from draws of the prior that climb the log joint density and repel each other.

    .. math:: \dot u_i = \nabla \log p(y, u_i)
        - \frac{\sum_j \nabla_{u_i} k(f_i, f_j)}{\sum_j k(f_i, f_j)}, \qquad
        k(f, g) = e^{-|f - g|^2 / h}

    "functions" repels outputs of the networks at inputs around the data: f_i are the
    outputs of particle i. "weights" repels the particles themselves, f_i = u_i, a
    Wasserstein gradient flow to the posterior. "stein" is Stein variational gradient
    descent, which averages the gradients of near particles too. The width h follows the
    median of the distances. Without repulsion the ensemble would be one of maxima a
    posteriori, as `guides.Mixture` of `guides.Delta` is.

    With finitely many particles the ensemble is narrower than the posterior, more so the
    more weights there are: distances between particles in many dimensions are nearly equal,
    and the repulsion of weights is weak. There is no bound on the evidence. All data are
    used in every step, and the steps are those of Adam.

    References:
        Repulsive Deep Ensembles are Bayesian (D'Angelo, Fortuin, 2021)
        Stein Variational Gradient Descent: A General Purpose Bayesian Inference Algorithm
        (Liu, Wang, 2016)

    Arguments:
        model: A model without point estimates: one of the zoo's, or any Pyro model with
            continuous sites.
        repulsion: "functions", "weights" or "stein".
        num_particles: Number of particles K, at least 2.
        num_steps: Steps of Adam.
        lr: Learning rate, in standard deviations of the prior; it falls to zero as a cosine.
        num_points: Number of inputs M at which functions repel each other, at each step
            others.
        spread: Standard deviation of the noise that moves these inputs away from the data,
            in units of that of all inputs.
        compile: How graphs run: "auto" chooses the fastest mode, True compiles, False only
            traces, "plain" runs the program itself.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: A repulsion that does not exist, or a number out of range.

    Example:
        >>> engine = inference.RepulsiveEnsemble(
        ...     model, num_particles=4, num_steps=5, progress=False
        ... )
        >>> engine.fit(data.train).sample()["layer1.weight"].shape
        torch.Size([4, 10, 6])
    """

    def __init__(
        self,
        model: BayesianNetwork | PyroProgram,
        *,
        repulsion: Repulsion = "functions",
        num_particles: int = 50,
        num_steps: int = 1000,
        lr: float = 2e-2,
        num_points: int = 16,
        spread: float = 0.5,
        compile: bool | str = "auto",
        progress: bool = True,
    ) -> None:
        super().__init__(
            model,
            num_particles=num_particles,
            num_steps=num_steps,
            compile=compile,
            progress=progress,
        )
        if repulsion not in REPULSIONS:
            names = ", ".join(map(repr, REPULSIONS))
            raise ValueError(f"repulsion must be one of {names}, not {repulsion!r}")

        if repulsion == "functions" and not isinstance(self.model, BayesianNetwork):
            raise ValueError(
                "repulsion='functions' needs the network of a zoo.BayesianNetwork; for another "
                "Pyro model write repulsion='weights'"
            )

        check_count("num_points", num_points)
        _check_positive("lr", lr)
        _check_positive("spread", spread, or_zero=True)

        self.repulsion = repulsion
        self.lr = lr
        self.num_points = num_points
        self.spread = spread

    def run(
        self, space: Space, data: SampledData, progress: tqdm, began: float
    ) -> tuple[Tensor, EnsembleInfo]:
        """Move particles from the prior until the learning rate is zero.

        Raises:
            ValueError: The likelihood is not finite at draws of the prior; functions of a
                layer without a batching rule.
        """
        potential = space.potential
        q = finite_prior_draws(potential, potential.gradient, self.num_particles)
        u = (q / space.scale).requires_grad_()

        optimizer = torch.optim.Adam([u], lr=self.lr)
        scheduler = schedules.cosine()(optimizer, self.num_steps)
        program, inputs = self._direction(space, data)

        losses: list[float] = []
        bandwidth = 0.0
        stopped = ""
        error: BaseException | None = None
        try:
            while len(losses) < self.num_steps:
                direction, energy, width = program(u.detach(), *inputs())
                u.grad = -direction
                optimizer.step()
                scheduler.step()

                losses.append(float(energy.mean()) / data.num_data)
                bandwidth = float(width)
                progress.set_postfix_str(f"loss {losses[-1]:.4g}", refresh=False)
                progress.update()
        except KeyboardInterrupt as interrupt:
            stopped = reason_to_end(interrupt, len(losses), self.num_steps)
            error = interrupt

        return u.detach(), EnsembleInfo(
            losses=torch.tensor(losses),
            repulsion=self.repulsion,
            bandwidth=bandwidth,
            num_gradients=self.num_particles * (1 + len(losses)),
            seconds=time.perf_counter() - began,
            compiled=program.how,
            stopped=stopped,
            error=error,
        )

    def _direction(
        self, space: Space, data: SampledData
    ) -> tuple[Traced, Callable[[], list[Tensor]]]:
        """Return the traced direction of a step, and what draws its inputs."""
        potential = space.potential

        def climb(u: Tensor) -> tuple[Tensor, Tensor]:
            gradient, energy = potential.gradient(space.scale * u)
            return -space.scale * gradient, energy

        def of_stein(u: Tensor) -> tuple[Tensor, ...]:
            gradients, energy = climb(u)
            direction, width = stein_direction(u, gradients)
            return direction, energy, width

        def of_weights(u: Tensor) -> tuple[Tensor, ...]:
            gradients, energy = climb(u)
            repelled, width = density_direction(u)
            return gradients + repelled, energy, width

        if self.repulsion != "functions":
            step = of_stein if self.repulsion == "stein" else of_weights
            return self._traced(step), list

        if not potential.vectorised:
            raise ValueError(
                "repulsion='functions' runs all networks in one call, but this one has a layer "
                "without a batching rule; write repulsion='weights'"
            )

        points = FunctionPoints(
            space, self.model, data.inputs, self.num_points, self.spread
        )

        def of_functions(u: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
            gradients, energy = climb(u)
            functions, pull_back = vjp(lambda at: points.values(at, tensors), u)
            repelled, width = density_direction(functions)
            (repelled,) = pull_back(repelled)
            return gradients + repelled, energy, width

        return self._traced(of_functions), points.draw

    def _traced(self, step: Step) -> Traced:
        return Traced(step, compile=self.compile, calls=self.num_steps)


def _check_positive(name: str, value: float, or_zero: bool = False) -> None:
    """Refuse a number that is not positive and finite, or zero where that is allowed."""
    is_positive = 0 < value < float("inf")
    if not is_positive and not (or_zero and value == 0):
        what = "positive or 0" if or_zero else "positive"
        raise ValueError(f"{name} must be a {what}, finite number, not {value}")
