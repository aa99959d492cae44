"""Posterior: what is known after a fit, draws or a guide, whatever engine it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.model import BayesianNetwork
from zoo.posterior.info import LaplaceInfo, MCMCInfo, SVIInfo
from zoo.posterior.thinning import evenly
from zoo.predictive.drawing import draw_sites
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.inputs import place_inputs
from zoo.predictive.prediction import Prediction
from zoo.runtime.param_scope import ScopedGuide

if TYPE_CHECKING:
    from zoo.data import Data


class Posterior:
    """The posterior of a model given data: draws of HMC, NUTS or Laplace, or a fitted guide to draw from.

    A snapshot: later fits of the same model or guide do not change it, and it does not
    change the network.

    Arguments:
        model: The model: one of the zoo's, or after a sampler any Pyro model.
        state: Point estimates, frozen weights and buffers by name, as the fit left
            them.
        info: Facts of the run.
        draws: Values (C, S, *shape) of every latent site, from a sampler.
        scoped: The fitted guide, from variational inference.
        centre: The value of every latent site round which a Laplace approximation is
            normal.
        functions: Inputs (N, ...) and the network's outputs there (C, S, N, ...), where
            a sampler kept these and, of the draws, the noise alone.
        masks: Which weights of a site are left after pruning, (*shape) each, by the
            site's name; see `zoo.prune`.

    Example:
        >>> posterior = inference.SVI(model, guides.MeanField(model), num_steps=5, progress=False).fit(data.train)
        >>> posterior.sample(3)["layer1.weight"].shape
        torch.Size([3, 10, 6])
        >>> mean, uncertainty = posterior.predict(data.test.x)
    """

    def __init__(
        self,
        model: BayesianNetwork | Callable[..., object],
        *,
        state: Mapping[str, Tensor],
        info: SVIInfo | MCMCInfo | LaplaceInfo | None,
        draws: Mapping[str, Tensor] | None = None,
        scoped: ScopedGuide | None = None,
        centre: Mapping[str, Tensor] | None = None,
        functions: tuple[Tensor, Tensor] | None = None,
        masks: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.model, self.state, self.info = model, dict(state), info
        self.draws, self.scoped, self.centre, self.functions = (
            draws,
            scoped,
            centre,
            functions,
        )
        self.masks = masks

    @property
    def guide(self) -> Callable[..., object] | None:
        """The fitted guide, None after a sampler."""
        return self.scoped.guide if self.scoped is not None else None

    @property
    def num_samples(self) -> int | None:
        """Number of stored draws, all chains together; None for a guide, which has as many as are asked for."""
        return None if self.draws is None else self._kept.shape[:2].numel()

    @property
    def num_chains(self) -> int | None:
        """Number of chains that the stored draws are of; None for a guide."""
        return None if self.draws is None else len(self._kept)

    @property
    def shapes(self) -> dict[str, torch.Size]:
        """The shape of every latent site by name."""
        if isinstance(self.model, BayesianNetwork):
            return {name: prior.shape() for name, prior in self.model.latents.items()}
        return {name: value.shape[2:] for name, value in self.draws.items()}

    @property
    def _kept(self) -> Tensor:
        return (
            self.functions[1]
            if self.functions is not None
            else next(iter(self.draws.values()))
        )

    def sample(self, num_samples: int | None = None) -> dict[str, Tensor]:
        """Return draws of every latent site by name, (S, *shape); of the noise alone where functions were kept.

        Arguments:
            num_samples: Number of draws S. From a sampler evenly thinned, all by
                default, chains one after the other; from a guide drawn anew, 100 by
                default.

        Raises:
            ValueError: More draws asked for than a sampler has stored.
        """
        if self.draws is None:
            found = draw_sites(
                self.scoped, 100 if num_samples is None else num_samples, self.shapes
            )
            return found | {
                n: found[n].masked_fill(~mask, 0.0)
                for n, mask in (self.masks or {}).items()
            }
        return {
            name: self._thinned(value, num_samples)
            for name, value in self.draws.items()
        }

    def _thinned(self, values: Tensor, num_samples: int | None) -> Tensor:
        """Take draws (S, ...) evenly from values (C, S, ...)."""
        total = self.num_samples
        num_samples = total if num_samples is None else num_samples
        if not 1 <= num_samples <= total:
            raise ValueError(
                f"this posterior holds {total} draws, so num_samples is 1 to {total}, not {num_samples}"
            )
        return values.flatten(0, 1)[evenly(total, num_samples)]

    def predict(
        self,
        x: Tensor,
        num_samples: int | None = None,
        linearised: bool = False,
        progress: bool = True,
    ) -> Prediction:
        r"""Predict at inputs, with the posterior of everything, noise included.

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
            ValueError: `linearised` for a posterior that knows no mode; a model that
                has no network; other inputs than those at which function values were
                kept.
        """
        if not isinstance(self.model, BayesianNetwork):
            raise ValueError(
                "this model is a Pyro program of its own, with no network to predict with; the draws are in "
                "posterior.draws, and pyro.infer.Predictive(model, posterior.sample()) runs the model at them"
            )
        if linearised and self.centre is None:
            raise ValueError(
                "a network is linearised at the mode of inference.Laplace, and this posterior knows none "
                f"({self!r}); leave linearised away"
            )
        x = place_inputs(self.model, x)
        draws = {
            name: value.to(x.device) for name, value in self.sample(num_samples).items()
        }
        if self.functions is None:
            values = evaluate_draws(
                self.model,
                draws,
                self.state,
                x,
                self.centre if linearised else None,
                progress,
            )
        else:
            values = self._thinned(self._function_values(x), num_samples).to(x.device)
        return Prediction(self.model.likelihood, values, draws)

    def _function_values(self, x: Tensor) -> Tensor:
        inputs, values = self.functions
        known = place_inputs(self.model, inputs)
        if x.shape != known.shape or not torch.equal(x, known):
            raise ValueError(
                f"this posterior keeps function values at {len(known)} inputs, posterior.functions[0], and no weights; "
                "predict at exactly these, or sample again without functions_at"
            )
        return values

    def with_guide(self, guide: Callable[..., object]) -> Posterior:
        """Return this posterior with another guide over its sites, and the same point estimates and buffers.

        Arguments:
            guide: The other guide, such as `posterior.guide.averaged()` after dropout,
                or, inside `pyro.get_param_store().scope()`, Pyro's
                `posterior.guide.laplace_approximation(x, y)`.
        """
        return Posterior(
            self.model,
            state=self.state,
            info=self.info,
            scoped=ScopedGuide(guide),
            masks=self.masks,
        )

    def distributions(self) -> dict[str, TorchDistributionMixin]:
        """Return the guide's distribution of each site as it is now: a prior for the next task, `priors.previous`.

        Raises:
            ValueError: A sampler's draws, a guide without a density, or weights that
                were dropped.
        """
        if any(not bool(mask.all()) for mask in (self.masks or {}).values()):
            raise ValueError(
                "this posterior is pruned, and what was dropped is zero and has no density; take the distributions "
                "of the posterior as it was before"
            )
        if not hasattr(self.guide, "distributions"):
            source = "draws" if self.guide is None else f"a {type(self.guide).__name__}"
            raise ValueError(
                f"this posterior is {source} and has no densities; fit one of the zoo's guides to have them"
            )
        return self.guide.distributions()

    def to_arviz(
        self,
        data: Data | None = None,
        num_samples: int | None = None,
        weights: bool = True,
        x: Tensor | None = None,
        num_prior_samples: int = 0,
    ) -> object:
        """Convert to ArviZ's InferenceData (0.23) or DataTree (1.x): `zoo.diagnostics.to_arviz`.

        Arguments:
            data: Inputs and targets, for the log likelihood and the posterior
                predictive; None leaves them out.
            num_samples: Draws from a guide (default 1000); a sampler gives all it has.
            weights: Whether the draws of weights and nodes go in; not for big networks.
            x: Inputs (M, ...) at which function values go in as `f`.
            num_prior_samples: Draws of the prior, for `prior` and `prior_predictive`.
        """
        from zoo.diagnostics import to_arviz  # upwards, for the convenience of a method

        return to_arviz(
            self,
            data,
            num_samples=num_samples,
            weights=weights,
            x=x,
            num_prior_samples=num_prior_samples,
        )

    def save(self, path: str | Path) -> None:
        """Write the posterior to a safetensors file; `zoo.load` reads it into a model built anew."""
        from zoo.posterior.storage import (
            save,
        )  # upwards, for the convenience of a method

        save(self, path)

    def __repr__(self) -> str:
        if self.draws is not None:
            chains, draws = self.num_chains, self.num_samples // self.num_chains
            source = (
                f"{chains} chains of {draws} draws"
                if self.centre is None
                else f"{draws} draws round the mode"
            )
        else:
            source = f"{type(self.guide).__name__} guide"
        latent = sum(shape.numel() for shape in self.shapes.values())
        stopped = (
            f", ended early: {self.info.stopped}"
            if self.info is not None and self.info.stopped
            else ""
        )
        return f"Posterior over {latent:,} numbers at {len(self.shapes)} sites: {source}{stopped}"

    def _repr_html_(self) -> str:
        sites = "".join(
            f"<li><code>{name}</code> {tuple(shape)}</li>"
            for name, shape in self.shapes.items()
        )
        return f"<p>{self!r}</p><ul>{sites}</ul>"
