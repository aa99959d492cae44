"""Stochastic variational inference with any guide and any optimiser of torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch

from zoo.inference.svi.arguments import check_programs, checked_rate
from zoo.inference.svi.averaging import Average
from zoo.inference.svi.early_stopping import EarlyStopping
from zoo.inference.svi.fit import Fit
from zoo.inference.svi.gradient_engine import GradientEngine
from zoo.inference.svi.optimizers import MakeOptimizer, MakeScheduler
from zoo.inference.svi.options import SVIOptions
from zoo.inference.svi.phases import NumParticles
from zoo.inference.svi.rates import RateOf
from zoo.inference.tempering import Tempering
from zoo.model import BayesianNetwork
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.runtime.half_precision import check_precision
from zoo.runtime.programs import PyroProgram
from zoo.tracing.mode import mode_name


class SVI(GradientEngine[GuidePosterior]):
    r"""Variational inference: fit a guide by stochastic gradients of the ELBO.

    .. math:: \text{loss} = -\frac{1}{N} \Big( \frac{N}{B} \sum_{i \in \text{batch}}
        E_q[\log p(y_i | z)] - KL(q(z) \| p(z)) \Big)

    With temperatures, the target p_T(z | y) is proportional to [p(y | z)^(1/T_l)
    p(z)]^(1/T), and the loss is

    .. math:: -\frac1N \Big( \frac1T E_q \big[ \tfrac{1}{T_l} \log p(y | z)
        + \log p(z) \big] + H[q] \Big).

    A likelihood temperature is the β by which other authors multiply the divergence, up
    to the scale of the loss: E_q[log p(y | z)] / β - KL.

    A fit continues from the present parameters of the guide. Point estimates start at
    the values of the network, or at those of an earlier posterior. The network itself
    is not changed.

    References:
        Stochastic Variational Inference (Hoffman, Blei, Wang, Paisley, 2013)
        Pyro: Deep Universal Probabilistic Programming (Bingham et al., 2019)

    Arguments:
        model: The model.
        guide: Any Pyro guide over the latent sites of the model: one of `guides`, a Pyro
            autoguide, or a function.
        num_steps: Gradient steps; 8000 if neither steps nor epochs are given.
        num_epochs: Passes through the data, instead of steps.
        lr: Learning rate, the highest one if a scheduler changes it.
        scale_lr: Learning rate of the guide's scales, which need larger steps than its
            means; or a function that takes the name of a parameter and returns its rate.
            By default, with Adam and a scheduler, it is ten times `lr`, but at most 0.1;
            otherwise it is `lr`. A guide says by `scale_parameters` what its scales are.
        optimizer: Makes the optimiser, called as `optimizer(parameters, lr=lr)`, such as
            `torch.optim.Adam`; `functools.partial` adds options. If `scale_lr` differs
            from `lr`, the parameters are groups with a rate each. An optimiser that
            evaluates the loss several times a step, such as LBFGS, gets one noise each
            time. An optimiser of `pyro.optim` has its own rate.
        scheduler: Makes a learning-rate scheduler from the optimiser, which is stepped
            after every gradient step; one that needs the loss, such as
            `ReduceLROnPlateau`, after every epoch, with its mean loss. A function with an
            argument `num_steps` gets the number of steps, as those of
            `inference.schedules` do. By default Adam's rate falls to zero as
            `schedules.cosine()` has it, and that of another optimiser is constant; None
            keeps any rate constant.
        num_particles: Draws from the guide per step. A pair such as (1, 8) doubles them
            from the first to the last number, in parts of equal length.
        deterministic: Share of the steps, the first ones, that have no noise: every site
            is at its mean, and scales rest. That part minimises, like `guides.Delta`,
            -(log p(y | z) / T_l + log p(z)) / N at the means z, up to the factor 1/T.
            Its losses are no bound.
        average: Average of the parameters and buffers that becomes the result: "ema",
            exponential over a tenth of the steps; a number, its decay; "swa", the mean of
            the last quarter of the steps. Early stopping scores the average.
        restarts: Number of whole fits. The first starts at the guide's own means, each
            other at means whose elements have changed places within their tensor, which
            are new draws of an initialisation. The fit with the lowest loss over its last
            twentieth is kept, or that with the best score of early stopping.
        scales_only: Fit the scales of the guide alone. Means, point estimates and buffers
            keep their bits, and the network is in evaluation mode: a trained network
            becomes Bayesian without being moved.
        temperature: Temperature T of the whole posterior; below 1 it is cold.
        likelihood_temperature: Temperature T_l of the likelihood alone.
        early_stopping: When to stop before all steps are taken; by default never.
        compile: How a step is run: "plain" runs the program itself; "traced" runs its
            graph, with equal bits; "compiled" (or True) runs the graph through torch's
            compiler; "captured" runs it as a CUDA graph. "auto" traces unless there are
            only a few steps, compiles if that saves time, and keeps the mode that was
            measured to be faster.
        precision: "bf16" computes the network's products and convolutions in bfloat16, and
            all else in float32; "auto" does so if that is measured to be faster.
        distributed: Whether the processes that torchrun has started share each batch, with
            noise of their own and the sum of their gradients. By default they do if there
            are several; False runs the whole fit in each.
        accumulate: Number of parts of a batch whose gradients are added up in one step, to
            save memory; each has noise of its own.
        checkpoint: A file to which the run is written between epochs. A run that is
            started again continues from it.
        time_limit: Seconds after which `fit` ends, with what was reached. A run with a
            checkpoint goes on from its last epoch when it is started again.
        progress: Whether to show a progress bar.

    Raises:
        TypeError: A model or a guide of another kind; the message says what to write.
        ValueError: Another argument of another kind, or a number out of range.

    Example:
        >>> engine = inference.SVI(model, guides.MeanField(model), num_steps=5, progress=False)
        >>> engine.fit(data.train).info.num_steps
        5
    """

    def __init__(
        self,
        model: BayesianNetwork,
        guide: PyroProgram,
        *,
        num_steps: int | None = None,
        num_epochs: int | None = None,
        lr: float = 2e-2,
        scale_lr: float | RateOf | None = None,
        optimizer: MakeOptimizer = torch.optim.Adam,
        scheduler: MakeScheduler | Literal["auto"] | None = "auto",
        num_particles: NumParticles = 1,
        deterministic: float = 0.0,
        average: Average | None = None,
        restarts: int = 1,
        scales_only: bool = False,
        temperature: float = 1.0,
        likelihood_temperature: float = 1.0,
        early_stopping: EarlyStopping | None = None,
        compile: bool | str = "auto",
        precision: str = "float32",
        distributed: bool | None = None,
        accumulate: int = 1,
        checkpoint: str | Path | None = None,
        time_limit: float | None = None,
        progress: bool = True,
    ) -> None:
        self.model = check_programs(model, guide)
        self.guide = guide
        self.options = SVIOptions(
            num_steps=num_steps,
            num_epochs=num_epochs,
            lr=checked_rate(lr),
            scale_lr=scale_lr,
            optimizer=optimizer,
            scheduler=scheduler,
            num_particles=num_particles,
            deterministic=deterministic,
            average=average,
            restarts=restarts,
            scales_only=scales_only,
            tempering=Tempering(temperature, likelihood_temperature),
            early_stopping=early_stopping,
            compile=mode_name(compile),
            precision=check_precision(precision, self.model.first_parameter),
            distributed=distributed,
            accumulate=accumulate,
            checkpoint=checkpoint,
            time_limit=time_limit,
            progress=progress,
        )

    def _fit(self) -> Fit:
        return Fit(self.model, self.guide, self.options, repr(self))

    def __repr__(self) -> str:
        return f"SVI({type(self.guide).__name__}, {self.options.length})"
