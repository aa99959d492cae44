"""Annealed importance sampling: particles that go from the prior to the posterior."""

from __future__ import annotations

import time

import torch
from torch import Tensor
from tqdm.std import tqdm

from zoo.inference.early_end import reason_to_end
from zoo.inference.mcmc.density.proper_prior import refuse_improper
from zoo.inference.mcmc.sampled_data import SampledData
from zoo.inference.particles.annealed_path import AnnealedPath
from zoo.inference.particles.engine import ParticleEngine
from zoo.inference.particles.space import Space
from zoo.model import BayesianNetwork
from zoo.posterior.particle_info import AISInfo
from zoo.runtime.programs import PyroProgram
from zoo.tracing.traced import Traced


class AIS(ParticleEngine):
    r"""Annealed importance sampling: K draws of the prior, moved to the posterior, with a bound.

    .. math:: \log w_k = \sum_t (\beta_t - \beta_{t-1}) \log p(y | z_{k,t-1}), \qquad
        E[\log w] \le \log p(y) = \log E[w]

    Each particle begins at a draw of the prior and takes one step of Hamiltonian dynamics
    under the prior times a power β of the likelihood, while β rises from 0 to 1. A step is
    accepted or reversed, so it leaves its distribution as it is. The particles are
    independent draws of a distribution that comes close to the posterior as the number of
    steps grows, modes included that no single chain would reach. They share the step size,
    which is adapted to the acceptance of all and falls as the likelihood sharpens. A step
    size that depends on the particles makes the mean of w unbiased only up to O(1/K).

    `posterior.bound(data)` is the mean of -log w per datum: the bound of a variational
    distribution over whole paths. `info.log_evidence` is the logarithm of the mean of w,
    nearer to the evidence and usually too low. All data are needed at once. Weights of data
    are powers of their densities; there is no bound then, and `info.log_evidence` is of the
    integral of these powers.

    References:
        Annealed importance sampling (Neal, 2001)
        A generalized guided Monte Carlo algorithm (Horowitz, 1991)
        MCMC Variational Inference via Uncorrected Hamiltonian Annealing (Geffner, Domke, 2021)

    Arguments:
        model: A model without point estimates and with a proper prior: one of the zoo's, or
            any Pyro model with continuous sites.
        num_particles: Number of particles K, at least 2.
        num_steps: Steps of each particle, a gradient each.
        compile: How graphs run: "auto" chooses the fastest mode, True compiles, False only
            traces, "plain" runs the program itself.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: A number below its minimum, or a mode that does not exist.

    Example:
        >>> engine = inference.AIS(model, num_particles=4, num_steps=5, progress=False)
        >>> posterior = engine.fit(data.train)
        >>> posterior.info.log_weights.shape
        torch.Size([4])
    """

    def __init__(
        self,
        model: BayesianNetwork | PyroProgram,
        *,
        num_particles: int = 200,
        num_steps: int = 3000,
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

    def run(
        self, space: Space, data: SampledData, progress: tqdm, began: float
    ) -> tuple[Tensor, AISInfo]:
        """Move particles from the prior to the posterior.

        Raises:
            ValueError: A prior that does not integrate to one, or an infinite likelihood.
        """
        refuse_improper("AIS", space.potential)
        program = Traced(space.energies, compile=self.compile, calls=self.num_steps)
        u = space.from_prior(self.num_particles)
        path = AnnealedPath(program, u, self.num_steps)

        stopped = ""
        error: BaseException | None = None
        try:
            while path.done < self.num_steps:
                path.step()
                progress.set_postfix_str(f"power {path.power:.3g}", refresh=False)
                progress.update()
        except KeyboardInterrupt as interrupt:
            stopped = reason_to_end(interrupt, path.done, self.num_steps)
            error = interrupt

        return path.u, AISInfo(
            log_weights=path.log_weights.cpu(),
            power=path.power,
            num_data=data.num_data,
            is_weighted=data.is_weighted or _weighs_classes(self.model),
            acceptance_rate=torch.tensor(path.acceptance),
            step_size=path.step_size,
            num_gradients=self.num_particles * (1 + path.done),
            seconds=time.perf_counter() - began,
            compiled=program.how,
            stopped=stopped,
            error=error,
        )


def _weighs_classes(model: PyroProgram) -> bool:
    """Return whether a model's likelihood weighs classes; a Pyro model of yours does not."""
    return isinstance(model, BayesianNetwork) and model.likelihood.is_weighted
