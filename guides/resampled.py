"""Importance resampling: a draw of another guide, chosen among many by its importance."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pyro
import torch
from pyro.poutine.runtime import InferDict
from torch import Tensor

from guides._base.choice import Choice
from guides._base.each_draw import Draws, each_draw, scored_draws
from guides._base.guide import Guide
from guides._base.log_joint import Joint
from guides._base.part import Part
from guides._base.program import PyroModel
from guides._base.remembered import Remembered
from guides._base.scales_in import named_in, scales_in
from guides.last_layer import LastLayer

_AT_ONCE = 1000  # candidates


class Resampled(Guide):
    r"""Importance resampling: the best of K draws of a guide, chosen by their importance.

    .. math:: z_1, \dots, z_K \sim q, \qquad w_k = p(y, z_k) / q(z_k), \qquad
        P(z = z_k) = w_k / \textstyle\sum_j w_j

    With more candidates the draws come closer to the posterior, whatever q is, as long as
    some of them have weight. A fit is that of q, by its own loss, which is a bound. The
    bound of the draws is tighter, and that of many candidates is the evidence:

    .. math:: E[\log p(y, z) - \log q(z)] \le E \big[ \log \tfrac1K
        \textstyle\sum_k w_k \big] \le \log p(y)

    `evidence_bound` estimates it. q must not be far from the posterior: with the last layer
    integrated out (`LastLayer`, the default) it is much closer than a mean field of all
    weights, and its weights do not vary with the last layer.

    The weights depend on all data, which the guide remembers as `LastLayer` does. A draw
    has no density in closed form.

    References:
        Importance Weighted Autoencoders (Burda, Grosse, Salakhutdinov, 2016)
        Reinterpreting Importance-Weighted Autoencoders (Cremer, Morris, Duvenaud, 2017)
        Using the SIR algorithm to simulate posterior distributions (Rubin, 1988)

    Arguments:
        model: A Pyro model.
        make: Makes the guide of the candidates, which has a density: a class, a
            `functools.partial` of one, or a function.
        num_candidates: Number of candidates K for each draw.
        example: The model's arguments, if it does not run without. They are remembered.

    Raises:
        ValueError: No candidate; a guide without a density; `log_prob`.

    Example:
        >>> guide = Resampled(model, num_candidates=20)
        >>> guide
        Resampled(20 candidates of LastLayer, 4 sites, 140 parameters)
        >>> guide.remember(data.train.x, data.train.y)
        >>> guide()["layer1.weight"].shape
        torch.Size([10, 6])
    """

    has_density = False

    def __init__(
        self,
        model: PyroModel,
        *,
        make: Callable[..., Guide] = LastLayer,
        num_candidates: int = 100,
        example: tuple[Any, ...] = (),
    ) -> None:
        super().__init__(model, example=example)
        if num_candidates < 1:
            raise ValueError(f"num_candidates must be at least 1, not {num_candidates}")

        options = {"example": example} if example else {}
        self.candidates = make(model, **options)
        if not self.candidates.has_density:
            raise ValueError(
                f"Resampled weighs draws by their density, and {type(self.candidates).__name__} "
                "has none; write e.g. make=guides.LastLayer"
            )

        self.num_candidates = num_candidates
        self.bound = self.bound and self.candidates.bound
        self.scale_parameters = scales_in("candidates", self.candidates)
        self.joint = Joint(model)
        self.data = Remembered()
        if example:
            self.data.keep(*example)

    def remember(self, *args: Any, **kwargs: Any) -> None:
        """Take the data by which draws are weighed; a fit does it by itself.

        Arguments:
            args: The model's arguments for all data, (x, y).
            kwargs: Its keyword arguments.
        """
        self.data.keep(*args, **kwargs)
        if hasattr(self.candidates, "remember"):
            self.candidates.remember(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Draw a candidate in a fit, which gives arguments, and else choose among K."""
        if self.data.is_empty and args:
            self.remember(*args, **kwargs)

        if args or self.data.is_empty:
            with pyro.poutine.block(hide_types=["param"]):  # stated as this guide's
                return self.candidates(*args, **kwargs)

        draws, log_joint, log_weights = self._weighted(1)
        choice = Choice(log_joint[0], log_weights[0])
        infer: InferDict = {"is_auxiliary": True}
        index = pyro.sample("resampled:choice", choice, infer=infer)

        values = {}
        for name, site in self.sites.items():
            part = Part(draws[name][index], site.prior.event_dim)
            values[name] = self.sample(site, part)

        return values

    def draw_many(self, num_samples: int) -> Draws:
        """Draw all sites many times, site -> (S, *shape), each among candidates of its own.

        Arguments:
            num_samples: Number of draws S.
        """
        parts = []
        at_once = max(1, _AT_ONCE // self.num_candidates)
        for begin in range(0, num_samples, at_once):
            number = min(at_once, num_samples - begin)
            draws, _, log_weights = self._weighted(number)
            index = torch.distributions.Categorical(logits=log_weights).sample()
            rows = index + self.num_candidates * torch.arange(number).to(index)
            parts.append({name: value[rows] for name, value in draws.items()})

        return {name: torch.cat([part[name] for part in parts]) for name in self.sites}

    def log_scales(self) -> dict[str, Tensor]:
        """Return the log standard deviations of the candidates, which are what is fitted."""
        return named_in("candidates", self.candidates.log_scales())

    def scales_of_means(self) -> dict[str, Tensor]:
        """Return the standard deviations of the candidates by the parameter of the mean."""
        return named_in("candidates", self.candidates.scales_of_means())

    @torch.no_grad()
    def evidence_bound(self, num_samples: int = 20) -> tuple[float, float]:
        """Return an estimate of the bound of the draws in nats over all data, and its error.

        Arguments:
            num_samples: Number of draws S, of K candidates each.
        """
        bounds = []
        for _ in range(num_samples):
            _, _, log_weights = self._weighted(1)  # (1, K)
            total = log_weights.logsumexp(-1)
            bounds.append(total - math.log(self.num_candidates))

        each = torch.cat(bounds)  # (S,)

        return float(each.mean()), float(each.std() / num_samples**0.5)

    def extra_repr(self) -> str:
        """Return the number of candidates and their family."""
        return f"{self.num_candidates} candidates of {type(self.candidates).__name__}"

    @torch.no_grad()
    def _weighted(self, num_samples: int) -> tuple[Draws, Tensor, Tensor]:
        """Return the candidates of some draws.

        Returns:
            Values (S * K, *shape) by site, log joint densities and log weights (S, K).
        """
        number = num_samples * self.num_candidates
        shape = (num_samples, self.num_candidates)
        draws, log_density = scored_draws(self.candidates, number)
        log_joint = self._log_joint(draws).double()
        log_weights = log_joint - log_density.double()
        log_weights = log_weights.nan_to_num(nan=-torch.inf)

        return draws, log_joint.reshape(shape), log_weights.reshape(shape)

    def _log_joint(self, draws: Mapping[str, Tensor]) -> Tensor:
        """Return the log joint density of each draw, (S,)."""
        one = {name: value[0] for name, value in draws.items()}
        stated = self.joint.stated(one, self.data)
        log_joint = partial(self._log_joint_of, stated)

        return each_draw(log_joint, draws, chunk_size=_AT_ONCE)

    def _log_joint_of(
        self, stated: Mapping[str, Tensor], values: Mapping[str, Tensor]
    ) -> Tensor:
        """Return the log joint density of one draw, ()."""
        return self.joint.log_prob(values, self.data, stated)
