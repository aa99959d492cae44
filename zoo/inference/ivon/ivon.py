"""IVON: variational inference by natural gradients, at about the cost of Adam."""

from __future__ import annotations

from pathlib import Path

import guides
from zoo.inference.ivon.fit import NaturalFit
from zoo.inference.ivon.options import NaturalOptions
from zoo.inference.schedules import cosine
from zoo.inference.svi.arguments import checked_model, checked_rate
from zoo.inference.svi.early_stopping import EarlyStopping
from zoo.inference.svi.optimizers import MakeScheduler
from zoo.inference.svi.options import SVIOptions
from zoo.inference.svi.svi import SVI
from zoo.inference.tempering import Tempering
from zoo.model import BayesianNetwork
from zoo.runtime.counts import check_count
from zoo.runtime.half_precision import check_precision
from zoo.tracing.mode import mode_name

_DEFAULT_SCHEDULER = cosine(warmup=0.05)


class IVON(SVI):
    r"""Improved variational online Newton: a mean-field normal posterior by natural gradients.

    .. math:: q(z) = \prod_i N(z_i \mid m_i, \sigma_i^2), \qquad
        \sigma^{-2} = \tfrac NT (h + \delta), \quad z = m + \sigma \epsilon,

    .. math:: h \leftarrow h - \rho (h - f) + \tfrac12 \rho^2 \frac{(h - f)^2}{h + \delta},
        \qquad f = \overline{g \epsilon} / \sigma,

    .. math:: m \leftarrow m - \alpha \frac{v + \delta (m - \mu)}{h + \delta}

    Here g is the gradient of the negative log likelihood per datum at a draw, f an unbiased
    estimate of its mean curvature, v the running mean of g with the decay β₁, corrected for
    its start at 0, and ρ = 1 - β₂. A normal prior N(μ, 1/(Nδ)) is taken into account
    exactly. Any other prior, such as one whose scale is random itself, is a part of the
    loss at the draw, and then δ = 0 there. In both cases the fixed point is the optimum of
    the ELBO over mean-field normal distributions, in unconstrained space for sites with
    bounded support: on Bayesian linear regression with posterior precision Λ the mean is
    exact and the scales are 1/√Λ_ii.

    The step size is α = `lr` (h + δ), at most 1, a whole step of Newton's method. Here h + δ
    is the geometric mean over all elements, of the first step or of the present one if that
    is smaller. (The authors' program takes the initial h plus δ, which is the same if all
    elements have one prior and the curvatures stay near their start.) A scheduler changes ρ
    in proportion to the learning rate, so that the noise of means and scales falls to zero.

    The curvature forgets its start in about 1/ρ steps. With the default β₂, a fit of some
    thousand steps has small scales, near 1/√(N h): it predicts well and its bound is loose.
    For scales at the optimum, write `beta2=1 - 12 / num_steps`.

    References:
        Variational Learning is Effective for Large Deep Networks (Shen et al., 2024)
        Handling the Positive-Definite Constraint in the Bayesian Learning Rule
        (Lin, Schmidt, Khan, 2020)
        Fast and Scalable Bayesian Deep Learning by Weight-Perturbation in Adam
        (Khan et al., 2018)

    Arguments:
        model: The model.
        num_steps: Gradient steps; 8000 if neither steps nor epochs are given.
        num_epochs: Passes through the data, instead of steps.
        lr: Learning rate of the means, the highest one if a scheduler changes it.
        beta1: Decay β₁ of the running mean of gradients, from 0 to below 1.
        beta2: Decay β₂ of the curvatures, from 0 to below 1.
        hess_init: Curvature per datum at the start, at temperature 1; the scales start at
            1/√(N (h + δ)).
        point_lr: Learning rate of Adam for point estimates, if the model has any.
        mc_samples: Draws per step.
        temperature: Temperature T of the whole posterior; below 1 it is cold.
        likelihood_temperature: Temperature T_l of the likelihood alone.
        scheduler: Makes a learning-rate scheduler, as for `SVI`; None keeps the rate
            constant.
        early_stopping: When to stop before all steps are taken; by default never.
        compile: How a step is run, as for `SVI`. In "auto" mode the draw and the update are
            compiled where that saves time, whether or not the gradients are.
        precision: That of the network's products and convolutions: "float32", "bf16" or
            "auto", as for `SVI`.
        checkpoint: A file to which the run is written between epochs. A run that is
            started again continues from it.
        time_limit: Seconds after which `fit` ends, with what was reached. A run with a
            checkpoint goes on from its last epoch when it is started again.
        progress: Whether to show a progress bar.

    Raises:
        TypeError: A model of another kind.
        ValueError: A discrete site; another argument of another kind, or out of range.

    Example:
        >>> engine = inference.IVON(model, num_steps=5, progress=False)
        >>> posterior = engine.fit(data.train)
        >>> posterior
        Posterior over 81 parameters at 4 sites: MeanField guide
        >>> plain = posterior.network()  # a trained nn.Module
    """

    def __init__(
        self,
        model: BayesianNetwork,
        *,
        num_steps: int | None = None,
        num_epochs: int | None = None,
        lr: float = 2.0,
        beta1: float = 0.9,
        beta2: float = 0.9999,
        hess_init: float = 0.1,
        point_lr: float = 3e-3,
        mc_samples: int = 1,
        temperature: float = 1.0,
        likelihood_temperature: float = 1.0,
        scheduler: MakeScheduler | None = _DEFAULT_SCHEDULER,
        early_stopping: EarlyStopping | None = None,
        compile: bool | str = "auto",
        precision: str = "float32",
        checkpoint: str | Path | None = None,
        time_limit: float | None = None,
        progress: bool = True,
    ) -> None:
        call = "IVON(zoo.BayesianNetwork(network, prior, likelihood))"
        self.model = checked_model(model, call)
        guides.MeanField(self.model)  # refuses a discrete site
        self.natural = NaturalOptions(
            beta1=beta1,
            beta2=beta2,
            hess_init=hess_init,
            point_lr=checked_rate(point_lr, "point_lr"),
        )
        check_count("mc_samples", mc_samples)
        self.options = SVIOptions(
            num_steps=num_steps,
            num_epochs=num_epochs,
            lr=checked_rate(lr),
            scheduler=scheduler,
            num_particles=mc_samples,
            tempering=Tempering(temperature, likelihood_temperature),
            early_stopping=early_stopping,
            compile=mode_name(compile),
            precision=check_precision(precision, self.model.first_parameter),
            checkpoint=checkpoint,
            time_limit=time_limit,
            progress=progress,
        )

    def _fit(self) -> NaturalFit:
        guide = guides.MeanField(self.model)  # at the present values of the network
        return NaturalFit(self.model, guide, self.options, repr(self), self.natural)

    def __repr__(self) -> str:
        return f"IVON({self.options.length})"
