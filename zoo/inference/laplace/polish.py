"""The last part of the search for the mode, by a quasi-Newton method."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from zoo.data import Batches
from zoo.inference.laplace.mode import Mode
from zoo.inference.laplace.refinement import as_array
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.tempering import Tempering
from zoo.model import BayesianNetwork
from zoo.tracing.traced import Traced

_MAX_STEPS = 1000
_MEMORY = 30  # pairs of steps and changes of the gradient


def can_polish(model: BayesianNetwork, parts: Batches) -> bool:
    """Return whether all data are one batch, and weights are all that the search moves.

    Arguments:
        model: The model.
        parts: The batches of the data.
    """
    has_buffers = any(True for _ in model.network.buffers())
    has_points = bool(model.plan.points)
    is_one_batch = parts.x is not None and parts.size >= parts.num_data

    return is_one_batch and not has_buffers and not has_points


def polished(
    model: BayesianNetwork, mode: Mode, parts: Batches, likelihood_temperature: float
) -> Mode:
    r"""Return the local maximum of the posterior next to a mode that Adam has found.

    Adam leaves the flat directions of a network far from their optimum: on a net of 171
    weights, 13 nats after 2,000 steps. L-BFGS goes on from there, in coordinates
    :math:`u = (w - m) / s` of the prior's standard deviations s.

    References:
        On the Limited Memory BFGS Method for Large Scale Optimization (Liu, Nocedal, 1989)

    Arguments:
        model: The model.
        mode: Where the search begins.
        parts: The data, all of them one batch.
        likelihood_temperature: Temperature T_l of the likelihood.
    """
    from scipy.optimize import minimize  # half a second

    tempering = Tempering(1.0, likelihood_temperature)
    potential = Potential(model, parts.x, parts.y, tempering=tempering, together=False)
    with potential.program.running():
        scale = _scale_of_prior(potential)
        start = potential.pack(mode.centre)
        traced = Traced(potential.gradient_of_one, calls=_MAX_STEPS, compiles=False)

        def energy(u: np.ndarray) -> tuple[float, np.ndarray]:
            q = torch.as_tensor(u).to(start) * scale
            gradient, value = traced(q)
            return float(value), as_array(gradient * scale)

        options = {"maxiter": _MAX_STEPS, "maxcor": _MEMORY}
        found = minimize(
            energy,
            as_array(start / scale),
            jac=True,
            method="L-BFGS-B",
            options=options,
        )
        if not np.isfinite(found.fun):
            return mode

        q = torch.as_tensor(found.x).to(start) * scale
        values, _ = potential.unpack(q)

    centre = {name: value.detach() for name, value in values.items()}

    return replace(mode, centre=centre)


def _scale_of_prior(potential: Potential) -> Tensor:
    """Return the standard deviations of the prior, (P,)."""
    priors = potential.program.latents
    scales = {name: prior.stddev for name, prior in priors.items()}

    return potential.pack(scales)
