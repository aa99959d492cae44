"""The posterior of a Pyro model that is not the zoo's: draws of its sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn, cast

from torch import Tensor

from zoo.model import BayesianNetwork
from zoo.posterior.concatenation import Dim
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.info import MCMCInfo
from zoo.posterior.posterior import Posterior
from zoo.runtime.programs import PyroProgram
from zoo.runtime.rows import Column, Rows

if TYPE_CHECKING:
    import torch


class ProgramPosterior(DrawsPosterior):
    """Draws of the sites of a Pyro program, which has no network to predict with.

    `posterior.model` is the program.

    Arguments:
        model: The Pyro program.
        draws: Values (C, S, *shape) of every latent site.
        info: Statistics of the run.

    Example:
        >>> def program(x, y):
        ...     slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
        ...     pyro.sample("y", dist.Normal(slope * x, 0.1).to_event(2), obs=y)
        >>> short = {"warmup_steps": 5, "num_samples": 5, "compile": False, "progress": False}
        >>> x = torch.ones(9, 1)
        >>> inference.HMC(program, num_steps=3, **short).fit((x, 2 * x)).draws["slope"].shape
        torch.Size([4, 5])
    """

    def __init__(
        self,
        model: PyroProgram,
        *,
        draws: Mapping[str, Tensor],
        info: MCMCInfo | None,
    ) -> None:
        program = cast(BayesianNetwork, model)  # no method below uses it as a network
        super().__init__(program, draws=draws, state={}, info=info)

    @property
    def draws(self) -> Mapping[str, Tensor]:
        """The stored draws of every latent and deterministic site, (C, S, *shape) by name."""
        return self._draws

    @property
    def has_network(self) -> bool:
        """Whether the model has a network: no."""
        return False

    @property
    def shapes(self) -> dict[str, torch.Size]:
        """The shape of every latent site by name."""
        return {name: value.shape[2:] for name, value in self.draws.items()}

    def predict(
        self,
        x: Rows,
        num_samples: int | None = None,
        linearised: bool | None = None,
        progress: bool = True,
        **given: Column,
    ) -> NoReturn:
        """Refuse: a Pyro program has no network."""
        raise ValueError(
            "this model is a Pyro program without a network to predict with; "
            "write pyro.infer.Predictive(model, posterior.sample()), which runs it at the draws"
        )

    def predict_with(
        self, draws: Mapping[str, Tensor], x: Rows, **given: Column
    ) -> NoReturn:
        """Refuse: a Pyro program has no network."""
        self.predict(x)

    def _followed_by(self, others: Sequence[DrawsPosterior], dim: Dim) -> Posterior:
        draws, info = self._joined(others, dim)
        return ProgramPosterior(self.model, draws=draws, info=info)

    def require_weights(self, purpose: str) -> NoReturn:
        """Refuse what needs weights of a network."""
        raise ValueError(
            f"{purpose}, but this posterior has no weights: "
            "its model is a Pyro program without a network; "
            "use a zoo.BayesianNetwork as the model"
        )
