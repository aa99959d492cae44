"""What every engine returns: one interface for draws, guides and function values."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.data import BatchForm
from zoo.model import BayesianNetwork
from zoo.posterior.concatenation import Dim, check_kinds
from zoo.posterior.draw_source import DrawSource
from zoo.posterior.exports import Exports
from zoo.posterior.file_format import write_posterior
from zoo.posterior.inference_data import to_arviz
from zoo.posterior.info import RunInfo
from zoo.posterior.input_batches import InputBatch, input_batches, predict_in_batches
from zoo.posterior.storage import prefixed
from zoo.posterior.wrong_arguments import answer
from zoo.predictive.prediction import Prediction
from zoo.runtime.fixed_rows import num_random
from zoo.runtime.programs import PyroProgram
from zoo.runtime.rows import Column, Rows

if TYPE_CHECKING:
    from zoo.data import Data
    from zoo.posterior.labelled import Labelled

_NUM_SAMPLES = "num_samples=100, a number of draws"


class Posterior(DrawSource, Exports):
    """The posterior of a model given data, from any engine.

    `GuidePosterior` holds a fitted guide, `DrawsPosterior` the draws of a sampler,
    `LaplacePosterior` draws around a mode, `FunctionPosterior` function values at fixed
    inputs, and `ProgramPosterior` the draws of a Pyro model that is not the zoo's.

    A posterior is a snapshot: later fits of the same model or guide do not change it,
    and it does not change the network.

    Arguments:
        model: The model.
        state: Point estimates, frozen weights and buffers by name, as the fit left
            them.
        info: Statistics of the run.
        masks: Which weights of a site are left after pruning, (*shape) each, by the
            site's name; see `zoo.prune`.

    Example:
        >>> engine = inference.SVI(model, guides.MeanField(model), num_steps=5, progress=False)
        >>> posterior = engine.fit(data.train)
        >>> posterior.sample(3)["layer1.weight"].shape
        torch.Size([3, 10, 6])
        >>> mean, uncertainty = posterior.predict(data.test.x)
    """

    model: BayesianNetwork
    state: dict[str, Tensor]
    info: RunInfo | None
    masks: dict[str, Tensor]
    batch_form: BatchForm  # of the data it was fitted to, for `predict(loader)`

    def __init__(
        self,
        model: BayesianNetwork,
        *,
        state: Mapping[str, Tensor],
        info: RunInfo | None,
        masks: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.model = model
        self.state = dict(state)
        self.info = info
        self.masks = dict(masks or {})
        self.batch_form = BatchForm()

    @property
    def has_network(self) -> bool:
        """Whether the model has a network to predict with, unlike a Pyro program."""
        return True

    @cached_property
    def shapes(self) -> dict[str, torch.Size]:
        """The shape of every latent site by name."""
        return {name: prior.shape() for name, prior in self.model.latents.items()}

    @abstractmethod
    def with_guide(self, guide: PyroProgram) -> Posterior:
        """Return a posterior with another guide, and the same point estimates and buffers.

        Arguments:
            guide: The other guide, such as `posterior.guide.averaged()` after dropout,
                or, inside `pyro.get_param_store().scope()`, Pyro's
                `posterior.guide.laplace_approximation(x, y)`.
        """

    @staticmethod
    def concat(posteriors: Sequence[Posterior], dim: Dim = "chain") -> Posterior:
        """Put the draws of several runs of samplers together, e.g. chains run later.

        Arguments:
            posteriors: Posteriors of one model given the same data.
            dim: "chain" puts chains side by side; "draw" appends the draws of each chain
                to those before, for runs that began where the last one ended.

        Raises:
            ValueError: Posteriors without stored draws; of different models, data or
                temperatures; chains of different lengths.

        Example:
            >>> short = {"warmup_steps": 5, "num_samples": 5, "progress": False}
            >>> engine = inference.NUTS(model, num_chains=2, **short)
            >>> Posterior.concat([engine.fit(data.train), engine.fit(data.train)])
            Posterior over 81 parameters at 4 sites: 4 chains of 5 draws
        """
        check_kinds(posteriors)
        first, *others = posteriors
        posterior = first._followed_by(others, dim)
        posterior.batch_form = first.batch_form
        return posterior

    def _followed_by(self, others: Sequence[Any], dim: Dim) -> Posterior:
        """Return this posterior and others of its kind as one."""
        raise ValueError(
            f"concat needs the stored draws of a sampler, not a {self.source}; give "
            "posteriors of HMC, NUTS, ChEES, MCLMC, MAMS or MEADS"
        )

    @answer(
        num_draws=_NUM_SAMPLES,
        samples=_NUM_SAMPLES,
        n_samples=_NUM_SAMPLES,
    )
    def predict(
        self,
        x: Rows,
        num_samples: int | None = None,
        linearised: bool | None = None,
        progress: bool = True,
        **given: Column,
    ) -> Prediction:
        r"""Predict at inputs with draws of everything that is random, noise included.

        .. math:: f(x; z_s) \quad\text{or, linearised,}\quad f(x; z^*) + J(x) (z_s - z^*)

        References:
            Improving predictions of Bayesian neural nets via local linearization
            (Immer, Korzepa, Bauer, 2021)

        Arguments:
            x: Inputs (N, ...): a tensor, an array, a table, or a tuple or mapping of them
                for a network of several inputs; or a `DataLoader`, whose targets are
                set aside.
            num_samples: Number of draws S, as in `sample`.
            linearised: Whether the network is replaced by its tangent at the mode,
                after `inference.Laplace`; by default after `Laplace(refined=True)` alone.
            progress: Whether to show a progress bar when it takes seconds.
            given: Known quantities of each datum that the likelihood asks for, (N, ...),
                such as `scale` for `Gaussian(scale="given")`; or their keys in the batches
                of a loader.

        Raises:
            ValueError: `linearised` for a posterior without a mode; a model without a
                network; other inputs than those at which function values are kept.
        """
        mode = self._mode(linearised)
        batches = input_batches(self.model, x, self.batch_form, given)
        return self._predict_at(batches, num_samples, mode, progress)

    def predict_with(
        self, draws: Mapping[str, Tensor], x: Rows, **given: Column
    ) -> Prediction:
        """Predict at inputs with draws that were taken before.

        Arguments:
            draws: Draws (S, *shape) of every latent site, as `sample` returns them.
            x: Inputs (N, ...).
            given: Known quantities of each datum, as in `predict`.
        """
        batches = input_batches(self.model, x, self.batch_form, given)
        return predict_in_batches(self.model, draws, self.state, batches)

    def _predict_at(
        self,
        batches: Iterable[InputBatch],
        num_samples: int | None,
        mode: Mapping[str, Tensor] | None,
        progress: bool,
    ) -> Prediction:
        """Predict at inputs that are on the model's device, linearised if a mode is given."""
        draws = self.sample(num_samples)

        return predict_in_batches(
            self.model, draws, self.state, batches, mode, progress
        )

    def _complete(self, draws: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Add the values of reparameterised tensors to draws (*S, *shape) of latent sites."""
        completed = self.model.plan.complete(self.model.network, draws)
        for name, mask in self.masks.items():
            if name in completed and name not in draws:
                completed[name] = completed[name].masked_fill(~mask, 0.0)

        return completed

    def _mode(self, linearised: bool | None) -> Mapping[str, Tensor] | None:
        """Return the value of every site at which the network is linearised, None if it is not."""
        if linearised:
            raise ValueError(
                "linearised=True needs the mode that inference.Laplace finds, but this "
                f"posterior has none ({self!r}); omit linearised"
            )

    def require_weights(self, purpose: str) -> BayesianNetwork:
        """Return the model, or refuse a posterior without draws of a network's weights.

        Arguments:
            purpose: What needs the weights, the beginning of a sentence such as
                "pruning needs draws of a network's weights".
        """
        return self.model

    def distributions(self) -> dict[str, TorchDistributionMixin]:
        """Return the guide's distribution of each site, as `priors.previous` takes them.

        Raises:
            ValueError: Stored draws, a guide without a density, or a pruned posterior.
        """
        raise ValueError(
            "this posterior has draws and no distributions; "
            "fit a guide, e.g. guides.MeanField, to have them"
        )

    @answer(
        prior="num_prior_samples=500 to include draws of the prior",
        num_draws=_NUM_SAMPLES,
    )
    def to_arviz(
        self,
        data: Data | None = None,
        num_samples: int | None = None,
        weights: bool = True,
        x: Rows | None = None,
        num_prior_samples: int = 0,
    ) -> Labelled:
        """Convert to ArviZ's InferenceData (0.23) or DataTree (1.x).

        See `zoo.diagnostics.to_arviz`.

        Arguments:
            data: Inputs and targets, for the log likelihood and the posterior
                predictive; None omits both.
            num_samples: Draws from a guide (default 1000); a sampler gives all it has.
            weights: Whether to include draws of weights and nodes; False for large
                networks.
            x: Inputs (M, ...) at which function values are included as `f`.
            num_prior_samples: Draws of the prior, for `prior` and `prior_predictive`.
        """
        return to_arviz(self, data, num_samples, weights, x, num_prior_samples)

    def save(self, path: str | Path) -> None:
        """Write the posterior to a safetensors file, which `zoo.load` reads."""
        state = prefixed("state/", self.state)
        masks = prefixed("masks/", self.masks)
        tensors = state | masks | self.tensors()

        write_posterior(
            Path(path), self.model, self.shapes, self.guide, self.info, tensors
        )

    def __repr__(self) -> str:
        if self.has_network:
            size = sum(num_random(prior) for prior in self.model.latents.values())
            what = "parameters"
        else:
            size = sum(shape.numel() for shape in self.shapes.values())
            what = "values"
        num_sites = len(self.shapes)
        stopped = self.info.stopped if self.info is not None else ""
        ending = f", ended early: {stopped}" if stopped else ""

        space = f"{size:,} {what} at {num_sites} sites"
        return f"Posterior over {space}: {self.source}{ending}"

    def _repr_html_(self) -> str:
        rows = [
            f"<li><code>{escape(name)}</code> {tuple(shape)}</li>"
            for name, shape in self.shapes.items()
        ]
        sites = "".join(rows)

        return f"<p>{escape(repr(self))}</p><ul>{sites}</ul>"
