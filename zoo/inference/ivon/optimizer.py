"""The natural-gradient update as an optimiser of torch, with Adam for point estimates."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.inference.ivon.flat import FlatNormal
from zoo.inference.ivon.options import NaturalOptions
from zoo.inference.ivon.update import Update
from zoo.tracing.traced import Traced


class NaturalAdam(torch.optim.Adam):
    """Updates means and curvatures by their natural gradients, and point estimates by Adam.

    The gradient of the mean is that of the loss at the draw. In the place of the gradient
    of the curvatures stands the noise of the draw, or with several draws their mean of
    gradient times noise.

    Arguments:
        parameters: The mean (P,), the curvature (P,), and the point estimates.
        lr: Learning rate of the means.
        flat: The distribution that the first two belong to.
        natural: The settings of the update, which are written into its group.
        is_product: Whether a step has several draws.
        num_steps: Number of steps to come.

    Attributes:
        compile: How an update is run, as in `Traced`.
    """

    compile = "auto"

    def __init__(
        self,
        parameters: Sequence[Tensor],
        lr: float,
        *,
        flat: FlatNormal,
        natural: NaturalOptions,
        is_product: bool,
        num_steps: int,
    ) -> None:
        mean, hess, *points = parameters
        betas = natural.beta1, natural.beta2
        means = {"params": [mean, hess], "lr": lr, "betas": betas}
        groups = [means | {"hess_init": natural.hess_init}]
        if points:
            groups.append({"params": points, "lr": natural.point_lr})

        super().__init__(groups, fused=True)
        momentum = torch.zeros_like(mean)
        self.state[mean] = {"step": torch.zeros(()), "momentum": momentum}
        self._mean_hess = mean, hess
        self._has_points = len(points) > 0
        self._flat = flat
        self._is_product = is_product
        self._num_steps = num_steps
        self._update: Traced | None = None  # made for the first step

    @property
    def how(self) -> str:
        """The mode of the update, empty before the first step."""
        return "" if self._update is None else self._update.how

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step with the gradients that are set."""
        mean, hess = self._mean_hess
        gradient, noise = mean.grad, hess.grad
        mean.grad = hess.grad = None
        if self._has_points:
            super().step()  # the point estimates alone have gradients now

        self._step_of_means(gradient, noise)

    def _step_of_means(self, gradient: Tensor, noise: Tensor) -> None:
        mean, _ = self._mean_hess
        group, state = self.param_groups[0], self.state[mean]
        state["step"] += 1
        beta1, beta2 = group["betas"]
        share = group["lr"] / group.get("initial_lr", group["lr"])
        alpha = (group["lr"] * self._flat.unit).clamp(max=min(share, 1.0))
        rho = mean.new_tensor(min(share * (1 - beta2), 1.0))
        debias = mean.new_tensor(1 - beta1 ** state["step"].item())
        if self._update is None:
            self._update = self._make_update(state["momentum"], beta1)

        self._update(gradient, noise, alpha, rho, debias)

    def _make_update(self, momentum: Tensor, beta1: float) -> Traced:
        mean, hess = self._mean_hess
        return Traced(
            Update(self._flat, momentum, beta1, self._is_product),
            compile=self.compile,
            calls=self._num_steps,
            writes=[mean, hess, momentum],
        )
