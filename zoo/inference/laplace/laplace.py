"""The Laplace approximation: a normal round the mode, with the curvature of laplace-torch."""

from __future__ import annotations

import math
import time
import warnings
from functools import partial
from types import ModuleType

import torch
from pyro.infer.autoguide import AutoDelta
from torch import Tensor

from zoo.data import Batches, Data, batches
from zoo.inference.laplace.curvature import (
    LAYERS,
    STRUCTURES,
    Loader,
    at_mode,
    backend,
    chosen,
    library,
    prior_vectors,
    refuse,
)
from zoo.inference.svi.svi import SVI
from zoo.inference.tempering import Tempering
from zoo.model import BayesianNetwork
from zoo.posterior.info import LaplaceInfo
from zoo.posterior.laplace_posterior import LaplacePosterior
from zoo.runtime.subnormals import flush_subnormals
from zoo.runtime.threads import one_if_small

TUNED = ("scalar", "layerwise", "diag")


class Laplace:
    r"""A normal round the maximum a posteriori, as wide as the generalised Gauss-Newton curvature there says.

    .. math:: q(w) = N(w^*, T \Lambda^{-1}), \qquad
        \Lambda = \frac{1}{T_l} \sum_n J_n^T H_n J_n + S_0^{-1}, \quad J_n = \partial f(x_n) / \partial w,
        \quad H_n = -\partial^2 \log p(y_n \mid f) / \partial f^2

    The mode is found by gradient descent from the network's values; a network that is
    trained already is taken as it is with `num_steps=0`. The curvature is
    laplace-torch's. Draws are stored, and `posterior.predict` has two ways with them:
    as weights of the network, which the Gauss-Newton curvature does not know and
    underfits when it is wide, or `linearised=True`, f(x; w*) + J(x) (w - w*), the model
    whose posterior this is. On Bayesian linear regression the full structure is exact
    and its log marginal likelihood the log evidence.

    References:
        Laplace Redux: Effortless Bayesian Deep Learning (Daxberger et al., 2021)
        Improving predictions of Bayesian neural nets via local linearization (Immer, Korzepa, Bauer, 2021)
        A Practical Bayesian Framework for Backpropagation Networks (MacKay, 1992)

    Arguments:
        model: A model with independent normal priors over weights, and a Gaussian
            likelihood of one fixed scale or a Categorical one. Point estimates are
            optimised with the mode and then held.
        structure: "diag"; "kron", a Kronecker product for each layer; or "full", P x P.
        layers: "all", or "last": the last layer that has random weights, the others
            held at the mode. A big network keeps smaller draws when its prior says so,
            `priors.last_layer(..., otherwise=priors.Point(...))`.
        num_samples: Draws S that are stored.
        num_steps: Gradient steps to the mode, 0 to stay at the network's values.
        lr: Learning rate of Adam, which falls to a hundredth of it.
        prior_structure: Tunes the prior precision by the marginal likelihood, one for
            all ("scalar"), one for a tensor ("layerwise") or for a number ("diag"); the
            mode is not sought again. None keeps the model's.
        temperature: Temperature T of the whole posterior.
        likelihood_temperature: Temperature T_l of the likelihood alone.
        progress: Whether to show a progress bar.

    Raises:
        ImportError: laplace-torch is not installed.
        ValueError: A prior, a likelihood or a layer that it has no curvature for.

    Example:
        >>> posterior = inference.Laplace(model, structure="diag", num_steps=5, progress=False).fit(data.train)
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
        temperature: float = 1.0,
        likelihood_temperature: float = 1.0,
        progress: bool = True,
    ) -> None:
        for name, value, menu in (
            ("structure", structure, STRUCTURES),
            ("layers", layers, LAYERS),
            ("prior_structure", prior_structure, (*TUNED, None)),
        ):
            if value not in menu:
                raise ValueError(
                    f"{name} is one of {', '.join(map(repr, menu))}, not {value!r}"
                )
        if prior_structure == "diag" and structure == "kron":
            raise ValueError(
                "Kronecker factors take one prior scale for a tensor; write prior_structure='layerwise'"
            )
        if num_samples < 1 or num_steps < 0:
            raise ValueError(
                f"num_samples is at least 1 and num_steps at least 0, not {num_samples} and {num_steps}"
            )
        refuse(model)
        self.model, self.structure, self.layers, self.prior_structure = (
            model,
            structure,
            layers,
            prior_structure,
        )
        self.num_samples, self.num_steps, self.lr, self.progress = (
            num_samples,
            num_steps,
            lr,
            progress,
        )
        self.tempering = Tempering(temperature, likelihood_temperature)

    def fit(self, data: Data, batch_size: int | None = None) -> LaplacePosterior:
        """Find the mode, measure the curvature there, and draw.

        Arguments:
            data: A pair (x, y) of tensors, a data set, or a `DataLoader`.
            batch_size: Size B of a batch of tensors; all data at once where nothing is
                said. Curvature takes memory for B x O x P numbers, and Kronecker
                factors of several batches are averaged.

        Raises:
            ValueError: Data that do not fit the model; outputs that are not (N, O).
        """
        began, laplace = time.perf_counter(), library()
        parts = batches(self.model, data, batch_size)
        if getattr(parts.loader, "drop_last", False):
            raise ValueError(
                "the curvature is of all data, but this DataLoader drops its last batch; drop_last=False"
            )
        centre, state, losses, stopped = self._mode(data, batch_size)
        names = chosen(self.model, self.layers)
        with (
            flush_subnormals(),
            one_if_small(
                self.model.network, None if parts.x is None else parts.x[: parts.size]
            ),
        ):
            approximation = self._approximation(laplace, centre | state, names, parts)
            if self.prior_structure is not None:
                self._tune(approximation)
            draws = self._draws(approximation, centre, names)
        info = LaplaceInfo(
            losses=losses,
            log_marginal_likelihood=self._log_marginal_likelihood(
                approximation, parts.num_data
            ),
            prior_precision=approximation.prior_precision.detach().clone(),
            structure=self.structure,
            layers=self.layers,
            num_parameters=approximation.n_params,
            num_steps=len(losses),
            seconds=time.perf_counter() - began,
            stopped=stopped,
            temperature=self.tempering.whole,
            likelihood_temperature=self.tempering.likelihood,
        )
        return LaplacePosterior(
            self.model, state=state, info=info, draws=draws, centre=centre
        )

    def _mode(
        self, data: Data, batch_size: int | None
    ) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor, str]:
        """Return the mode by site, everything else by name, and the losses on the way there."""
        own = dict(self.model.network.named_parameters()) | dict(
            self.model.network.named_buffers()
        )
        values = {name: value.detach().clone() for name, value in own.items()}
        if self.num_steps == 0:
            state = {
                name: value
                for name, value in values.items()
                if name not in self.model.latents
            }
            return (
                {name: values[name] for name in self.model.latents},
                state,
                torch.empty(0),
                "",
            )
        decay = partial(
            torch.optim.lr_scheduler.ExponentialLR, gamma=0.01 ** (1 / self.num_steps)
        )
        descent = SVI(
            self.model,
            AutoDelta(self.model, init_loc_fn=lambda site: values[site["name"]]),
            num_steps=self.num_steps,
            lr=self.lr,
            scheduler=decay,
            likelihood_temperature=self.tempering.likelihood,  # the other temperature does not move a mode
            progress=self.progress,
        )
        found = descent.fit(data, batch_size)
        centre = {name: value[0] for name, value in found.sample(1).items()}
        return centre, found.state, found.info.losses, found.info.stopped

    def _approximation(
        self,
        laplace: ModuleType,
        values: dict[str, Tensor],
        names: list[str],
        parts: Batches,
    ) -> object:
        """Let laplace-torch measure the curvature; what it is told to be random is all it knows of."""
        model = self.model
        mean, precision = prior_vectors(model, names, self.structure)
        network = at_mode(model, values, names)
        noise = (
            {}
            if model.likelihood.discrete
            else {"sigma_noise": float(model.likelihood.scale)}
        )
        with torch.no_grad():
            shape = tuple(network(next(iter(parts.epoch()))[0][:1]).shape)
        if len(shape) != 2:
            raise ValueError(
                f"inference.Laplace needs outputs of shape (N, O), and these are {shape} for one input"
            )
        approximation = laplace.Laplace(
            network,
            "classification" if model.likelihood.discrete else "regression",
            subset_of_weights="all",
            hessian_structure=self.structure,
            prior_precision=precision,
            prior_mean=mean,
            temperature=self.tempering.likelihood,
            backend=backend(laplace),
            **noise,
        )
        try:
            approximation.fit(Loader(parts))
        except NotImplementedError as error:
            raise ValueError(
                f"there is no {self.structure!r} curvature of some layer of {type(network).__name__} ({error}); "
                "Kronecker factors are for linear and convolution layers, so use structure='diag' or 'full', or "
                "layers='last'"
            ) from error
        return approximation

    def _tune(self, approximation: object) -> None:
        """Let laplace-torch climb the marginal likelihood in the logarithm of the prior precision."""
        precision = approximation.prior_precision_diag.log()
        if self.prior_structure == "scalar":
            start = precision.mean().exp().reshape(1)
        elif self.prior_structure == "layerwise":
            sizes = [parameter.numel() for parameter in approximation.params]
            start = torch.stack([part.mean() for part in precision.split(sizes)]).exp()
        else:
            start = precision.exp()
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # it warns of an argument that marginal likelihood does not look at
            approximation.optimize_prior_precision(
                init_prior_prec=start, prior_structure=self.prior_structure
            )

    def _log_marginal_likelihood(self, approximation: object, num_data: int) -> float:
        """Return the log integral; laplace-torch leaves the Gaussian's normaliser untempered."""
        value = float(approximation.log_marginal_likelihood())
        if self.model.likelihood.discrete:
            return value
        count = num_data * approximation.n_outputs
        normaliser = count * math.log(
            float(self.model.likelihood.scale) * math.sqrt(2 * math.pi)
        )
        return value + normaliser * (1 - 1 / self.tempering.likelihood)

    def _draws(
        self, approximation: object, centre: dict[str, Tensor], names: list[str]
    ) -> dict[str, Tensor]:
        """Draw (1, S, *shape) of every site; those that are held stay at the mode."""
        with torch.no_grad():
            try:
                flat = approximation.sample(self.num_samples)
            except torch.linalg.LinAlgError as error:
                raise ValueError(
                    f"the precision is not positive definite in {approximation.mean.dtype} ({error}); write "
                    "model.double(), or use structure='kron' or 'diag'"
                ) from error
            flat = approximation.mean + self.tempering.whole**0.5 * (
                flat - approximation.mean
            )  # (S, P)
        parts = flat.split([centre[name].numel() for name in names], dim=-1)
        drawn = {
            name: part.reshape(1, -1, *centre[name].shape)
            for name, part in zip(names, parts, strict=True)
        }
        return {
            name: drawn.get(name, value.expand(1, self.num_samples, *value.shape))
            for name, value in centre.items()
        }

    def __repr__(self) -> str:
        return f"Laplace(structure={self.structure!r}, layers={self.layers!r})"
