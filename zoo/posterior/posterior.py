"""Posterior: what every engine returns, with one interface for draws, guides and function values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.model import BayesianNetwork
from zoo.posterior.file_format import prefixed, write_posterior
from zoo.posterior.function_values import FunctionValues
from zoo.posterior.inference_data import to_arviz
from zoo.posterior.run_info import RunInfo
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.inputs import place_inputs
from zoo.predictive.prediction import Prediction
from zoo.runtime.programs import PyroProgram

if TYPE_CHECKING:
    import torch

    from zoo.data import Data
    from zoo.posterior.labelled import Labelled


class Posterior(ABC):
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
        >>> posterior = inference.SVI(model, guides.MeanField(model), num_steps=5, progress=False).fit(data.train)
        >>> posterior.sample(3)["layer1.weight"].shape
        torch.Size([3, 10, 6])
        >>> mean, uncertainty = posterior.predict(data.test.x)
    """

    model: BayesianNetwork
    state: dict[str, Tensor]
    info: RunInfo | None
    masks: dict[str, Tensor]

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

    @property
    def guide(self) -> PyroProgram | None:
        """The fitted guide; None after a sampler."""
        return None

    @property
    def draws(self) -> Mapping[str, Tensor] | None:
        """The stored draws of every latent site, (C, S, *shape) by name; None for a guide."""
        return None

    @property
    def functions(self) -> FunctionValues:
        """The stored function values and their inputs, where a sampler kept these instead of weights."""
        raise AttributeError(
            "this posterior holds weights and no function values; posterior.predict(x).functions computes them at x"
        )

    @property
    def num_samples(self) -> int | None:
        """Number of stored draws of all chains; None for a guide, which draws as many as are asked for."""
        return None

    @property
    def num_chains(self) -> int | None:
        """Number of chains of the stored draws; None for a guide."""
        return None

    @property
    def has_network(self) -> bool:
        """Whether the model has a network to predict with; a Pyro program of one's own has none."""
        return True

    @property
    def shapes(self) -> dict[str, torch.Size]:
        """The shape of every latent site by name."""
        return {name: prior.shape() for name, prior in self.model.latents.items()}

    @property
    @abstractmethod
    def source(self) -> str:
        """Where draws come from, in a few words, e.g. "2 chains of 100 draws"."""

    @abstractmethod
    def sample(self, num_samples: int | None = None) -> dict[str, Tensor]:
        """Return draws of every latent site by name, (S, *shape).

        Arguments:
            num_samples: Number of draws S. Stored draws are evenly thinned, chains one
                after the other, and the default is all of them; a guide draws anew, 100
                by default.

        Raises:
            ValueError: More draws than are stored, or fewer than one.
        """

    @abstractmethod
    def sample_all(self, num_new: int) -> dict[str, Tensor]:
        """Return every stored draw, or `num_new` draws from a guide: site -> (S, *shape).

        Arguments:
            num_new: Number of draws from a guide.
        """

    @abstractmethod
    def num_available(self, num_samples: int) -> int:
        """Return how many draws `sample` can give when a number is wanted: a sampler has no more than it stored."""

    @abstractmethod
    def with_guide(self, guide: PyroProgram) -> Posterior:
        """Return a posterior with another guide over these sites, and the same point estimates and buffers.

        Arguments:
            guide: The other guide, such as `posterior.guide.averaged()` after dropout,
                or, inside `pyro.get_param_store().scope()`, Pyro's
                `posterior.guide.laplace_approximation(x, y)`.
        """

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """Return what this kind of posterior adds to its file, by name with a prefix such as `draws/`."""

    def predict(
        self,
        x: Tensor,
        num_samples: int | None = None,
        linearised: bool = False,
        progress: bool = True,
    ) -> Prediction:
        r"""Predict at inputs, with the posterior of everything that is random, noise included.

        .. math:: f(x; z_s) \quad\text{or, linearised,}\quad f(x; z^*) + J(x) (z_s - z^*)

        References:
            Improving predictions of Bayesian neural nets via local linearization (Immer, Korzepa, Bauer, 2021)

        Arguments:
            x: Inputs (N, ...).
            num_samples: Number of draws S, as in `sample`.
            linearised: Whether the network is replaced by its tangent at the mode,
                after `inference.Laplace`.
            progress: Whether to show a progress bar when it takes seconds.

        Raises:
            ValueError: `linearised` for a posterior without a mode; a model without a
                network; other inputs than those at which function values are kept.
        """
        mode = self._mode() if linearised else None
        x = place_inputs(self.model, x)

        return self._predict_with(self.sample(num_samples), x, mode, progress)

    def predict_with(self, draws: Mapping[str, Tensor], x: Tensor) -> Prediction:
        """Predict at inputs with draws that were taken before.

        Arguments:
            draws: Draws (S, *shape) of every latent site, as `sample` returns them.
            x: Inputs (N, ...).
        """
        return self._predict_with(draws, place_inputs(self.model, x))

    def _predict_with(
        self,
        draws: Mapping[str, Tensor],
        x: Tensor,
        mode: Mapping[str, Tensor] | None = None,
        progress: bool = False,
    ) -> Prediction:
        """Predict at inputs that are on the model's device."""
        draws = {name: value.to(x.device) for name, value in draws.items()}
        outputs = evaluate_draws(self.model, draws, self.state, x, mode, progress)

        return Prediction(self.model.likelihood, outputs, draws)

    def _mode(self) -> Mapping[str, Tensor]:
        """Return the value of every site at which the network is linearised."""
        raise ValueError(
            "linearised=True needs the mode that inference.Laplace finds, and this posterior has none "
            f"({self!r}); omit linearised"
        )

    def require_weights(self, purpose: str) -> BayesianNetwork:
        """Return the model, or refuse a posterior that has no draws of a network's weights.

        Arguments:
            purpose: What needs the weights, the beginning of a sentence such as
                "pruning needs draws of a network's weights".
        """
        return self.model

    def distributions(self) -> dict[str, TorchDistributionMixin]:
        """Return the guide's distribution of each site: a prior for the next task, `priors.previous`.

        Raises:
            ValueError: Stored draws, a guide without a density, or a pruned posterior.
        """
        raise ValueError(
            "this posterior is draws and has no densities; fit one of the zoo's guides to have them"
        )

    def to_arviz(
        self,
        data: Data | None = None,
        num_samples: int | None = None,
        weights: bool = True,
        x: Tensor | None = None,
        num_prior_samples: int = 0,
    ) -> Labelled:
        """Convert to ArviZ's InferenceData (0.23) or DataTree (1.x), as `zoo.diagnostics.to_arviz` does.

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
        """Write the posterior to a safetensors file; `zoo.load` reads it into a model built anew."""
        state = prefixed("state/", self.state)
        masks = prefixed("masks/", self.masks)
        tensors = state | masks | self.tensors()

        write_posterior(
            Path(path), self.model, self.shapes, self.guide, self.info, tensors
        )

    def __repr__(self) -> str:
        size = sum(shape.numel() for shape in self.shapes.values())
        stopped = self.info.stopped if self.info is not None else ""
        ending = f", ended early: {stopped}" if stopped else ""

        return f"Posterior over {size:,} parameters at {len(self.shapes)} sites: {self.source}{ending}"

    def _repr_html_(self) -> str:
        rows = [
            f"<li><code>{name}</code> {tuple(shape)}</li>"
            for name, shape in self.shapes.items()
        ]
        sites = "".join(rows)

        return f"<p>{self!r}</p><ul>{sites}</ul>"
