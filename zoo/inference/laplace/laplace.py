"""The Laplace approximation: a normal distribution around the mode."""

from __future__ import annotations

import time

from zoo.data import Batches, Columns, Data, batches, check_all_data
from zoo.inference.laplace.approximation import Approximation
from zoo.inference.laplace.library import load_library
from zoo.inference.laplace.mode import Mode, find_mode, present_mode
from zoo.inference.laplace.polish import can_polish, polished
from zoo.inference.laplace.prior_vectors import random_weights
from zoo.inference.laplace.requirements import (
    LAYERS,
    PRIOR_STRUCTURES,
    STRUCTURES,
    check_choice,
    check_columns,
    check_model,
    check_targets,
)
from zoo.inference.tempering import Tempering
from zoo.model import BayesianNetwork
from zoo.posterior.info import LaplaceInfo
from zoo.posterior.laplace_posterior import LaplacePosterior
from zoo.runtime.autograd import autograd_on
from zoo.runtime.rows import Column, first
from zoo.runtime.subnormals import flush_subnormals
from zoo.runtime.threads import one_if_small
from zoo.runtime.turn import turn


class Laplace:
    r"""Laplace approximation: a normal around the MAP, with a covariance from the curvature.

    .. math:: q(w) = N(w^*, T \Lambda^{-1}), \qquad
        \Lambda = \frac{1}{T_l} \sum_n J_n^T H_n J_n + S_0^{-1},

    .. math:: J_n = \partial f(x_n) / \partial w, \qquad
        H_n = -\partial^2 \log p(y_n \mid f) / \partial f^2

    This is the generalised Gauss-Newton curvature, computed by laplace-torch. The mode
    is found by gradient descent from the values of the network. L-BFGS goes on from there
    if all data are one batch, and the network has neither point estimates nor buffers. With
    `num_steps=0` the values of a trained network are taken as the mode.

    The draws are stored, and `posterior.predict` uses them in two ways. By default they
    are weights of the network. The Gauss-Newton curvature ignores that the network is
    not linear in them, so that a wide posterior underfits. With `linearised=True` they
    are weights of f(x; w*) + J(x) (w - w*), the model that the curvature belongs to.

    The mode of this linear model is near that of the network, but not the same, least of all
    where the search for it ended early. With `refined=True` the normal is that of the linear
    model, around its own mode, which Newton's method finds: exact for a Gaussian likelihood.
    Predictions are then linearised.

    On Bayesian linear regression the full structure is exact, and its log marginal
    likelihood is the log evidence.

    References:
        Laplace Redux: Effortless Bayesian Deep Learning (Daxberger et al., 2021)
        Improving predictions of Bayesian neural nets via local linearization (Immer,
            Korzepa, Bauer, 2021)
        A Practical Bayesian Framework for Backpropagation Networks (MacKay, 1992)

    Arguments:
        model: A model with independent normal priors over weights, and a Gaussian
            likelihood of one fixed scale or a Categorical one. Point estimates are
            optimised together with the mode and are fixed from then on.
        structure: "diag"; "kron", a Kronecker product for each layer; or "full", P x P.
        layers: "all", or "last" for the last layer that has random weights, where the
            other layers are fixed at the mode. For a large network, a prior such as
            `priors.last_layer(..., otherwise=priors.Point(...))` gives the same with
            smaller draws.
        num_samples: Draws S that are stored.
        num_steps: Gradient steps to the mode, 0 to keep the values of the network.
        lr: Learning rate of Adam, which falls to a hundredth of it.
        prior_structure: Tunes the prior precision by the marginal likelihood: "scalar"
            for one precision, "layerwise" for one per tensor, "diag" for one per
            parameter. The mode is not found again. None keeps the prior of the model.
        refined: Whether the posterior is that of the linearised network.
        temperature: Temperature T of the whole posterior.
        likelihood_temperature: Temperature T_l of the likelihood alone.
        progress: Whether to show a progress bar.

    Raises:
        ImportError: laplace-torch is not installed.
        ValueError: An argument out of range, or a prior, a likelihood or a layer that has
            no curvature.

    Example:
        >>> engine = inference.Laplace(model, structure="diag", num_steps=5, progress=False)
        >>> posterior = engine.fit(data.train)
        >>> posterior.predict(data.test.x, linearised=True).mean.shape
        torch.Size([31, 1])
    """

    def __init__(
        self,
        model: BayesianNetwork,
        *,
        structure: str = "kron",
        layers: str = "all",
        num_samples: int = 100,
        num_steps: int = 2000,
        lr: float = 1e-2,
        prior_structure: str | None = None,
        refined: bool = False,
        temperature: float = 1.0,
        likelihood_temperature: float = 1.0,
        progress: bool = True,
    ) -> None:
        check_choice("structure", structure, STRUCTURES)
        check_choice("layers", layers, LAYERS)
        check_choice("prior_structure", prior_structure, PRIOR_STRUCTURES)
        if prior_structure == "diag" and structure == "kron":
            raise ValueError(
                "with structure='kron' a tensor has one prior scale; write "
                "prior_structure='layerwise'"
            )

        if num_samples < 1 or num_steps < 0:
            raise ValueError(
                f"num_samples must be at least 1 and num_steps at least 0, not {num_samples} and "
                f"{num_steps}"
            )

        check_model(model)

        self.model = model
        self.structure = structure
        self.layers = layers
        self.num_samples = num_samples
        self.num_steps = num_steps
        self.lr = lr
        self.prior_structure = prior_structure
        self.refined = refined
        self.tempering = Tempering(temperature, likelihood_temperature)
        self.progress = progress

    @turn()
    @autograd_on()
    def fit(
        self,
        data: Data,
        batch_size: int | None = None,
        *,
        target: str | None = None,
        weights: Column | None = None,
        num_data: int | None = None,
        **given: Column,
    ) -> LaplacePosterior:
        """Find the mode, compute the curvature there, and draw.

        Arguments:
            data: A pair (x, y) of tensors, arrays or tables, a data set, or a `DataLoader`.
            batch_size: Size B of a batch of tensors; by default all data at once. The
                curvature needs memory for B x O x P elements. Kronecker factors of
                several batches are averaged.
            target: Key of the target in data, or batches of a loader, that are mappings.
            weights: Refused, as are `num_data` and known quantities: laplace-torch does not
                take them into account.
            num_data: Refused.
            given: Refused.

        Raises:
            ValueError: The data do not fit the model, or outputs are not (N, O).
        """
        began = time.perf_counter()
        library = load_library()
        columns = Columns.of(self.model, target, weights, given)
        check_columns(columns, num_data)
        parts = batches(self.model, data, batch_size, columns)
        check_all_data(parts, "the curvature needs all data")
        if parts.y is not None:
            check_targets(self.model, parts.y)
        mode = self._mode(data, batch_size, target, parts)

        approximation = Approximation(
            library,
            self.model,
            values=mode.centre | mode.state,
            names=random_weights(self.model, self.layers),
            structure=self.structure,
            tempering=self.tempering,
            is_refined=self.refined,
        )
        inputs = None if parts.x is None else first(parts.x, parts.size)
        with flush_subnormals(), one_if_small(self.model.network, inputs):
            approximation.fit(parts)
            if self.prior_structure is not None:
                approximation.tune_prior_precision(self.prior_structure)

            draws = approximation.sample(self.num_samples, mode.centre)

        evidence = approximation.log_marginal_likelihood(parts.num_data)
        posterior = LaplacePosterior(
            self.model,
            state=mode.state,
            info=self._info(mode, approximation, evidence, began),
            draws=draws,
            centre=mode.centre,
            mean=mode.centre | approximation.centre if self.refined else None,
            scale=approximation.scales(),
        )
        posterior.batch_form = parts.form

        return posterior

    def _mode(
        self, data: Data, batch_size: int | None, target: str | None, parts: Batches
    ) -> Mode:
        """Return the mode, which Adam finds and L-BFGS improves where it can."""
        if self.num_steps == 0:
            return present_mode(self.model)

        mode = find_mode(
            self.model,
            data,
            batch_size,
            target=target,
            num_steps=self.num_steps,
            lr=self.lr,
            likelihood_temperature=self.tempering.likelihood,
            progress=self.progress,
        )
        if mode.stopped or not can_polish(self.model, parts):
            return mode

        return polished(self.model, mode, parts, self.tempering.likelihood)

    def _info(
        self, mode: Mode, approximation: Approximation, evidence: float, began: float
    ) -> LaplaceInfo:
        fitted = approximation.fitted
        return LaplaceInfo(
            losses=mode.losses,
            log_marginal_likelihood=evidence,
            prior_precision=fitted.prior_precision.detach().clone(),
            structure=self.structure,
            layers=self.layers,
            num_parameters=fitted.n_params - approximation.num_fixed,
            num_steps=len(mode.losses),
            refined=self.refined,
            seconds=time.perf_counter() - began,
            stopped=mode.stopped,
            error=mode.error,
            temperature=self.tempering.whole,
            likelihood_temperature=self.tempering.likelihood,
        )

    def __repr__(self) -> str:
        refined = ", refined" if self.refined else ""
        return f"Laplace(structure={self.structure!r}, layers={self.layers!r}{refined})"
