"""Points whose combinations with fixed points have a low negative log posterior on average."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.modules.conv import _ConvNd

from zoo.data import Batches
from zoo.inference.schedules import cosine
from zoo.landscape.points.target import Target, potential_of
from zoo.model import BayesianNetwork
from zoo.posterior.batch_norm import normalised_by_batch
from zoo.runtime.counts import check_count
from zoo.runtime.progress import bar
from zoo.runtime.rows import Structure, first, flatten
from zoo.runtime.subnormals import flush_subnormals
from zoo.runtime.threads import one_if_small
from zoo.tracing.traced import Traced

DrawWeights = Callable[[], Tensor]
Penalty = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class MeanFit:
    r"""A fit of points by the mean negative log posterior at random combinations of them.

    .. math:: \min_\theta E_w \Big[ -\tfrac1N \log p(z_w) - \tfrac1N \log p(y \mid z_w) \Big]
        + r(\theta), \quad z_w = \sum_k w_k z_k + \sum_m w_{K + m} \theta_m

    Each step has a batch of data and a few combinations. Adam's learning rate falls to 0 as
    half a cosine. Batch normalisation uses the statistics of the batch.

    Arguments:
        target: The negative log posterior.
        data: Batches of the data.
        num_epochs: Passes through the data.
        lr: Learning rate of Adam.
        what: What is done, for the progress bar; "" for none.

    Raises:
        ValueError: A number out of range; point estimates.
    """

    target: Target
    data: Batches
    num_epochs: int
    lr: float
    what: str = ""

    def __post_init__(self) -> None:
        check_count("num_epochs", self.num_epochs)
        points = self.target.model.plan.points
        if points:
            raise ValueError(
                "curves and simplexes are fitted in weights with a distribution, but this model "
                f"has the point estimate {points[0]}; give it a prior, or write priors.Frozen()"
            )

        if not self.lr > 0:
            raise ValueError(
                f"lr must be a positive learning rate, not {self.lr}; write lr=0.02"
            )

    def run(
        self,
        fixed: Tensor,
        free: Tensor,
        draw_weights: DrawWeights,
        penalty: Penalty | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the fitted points (M, P), and the mean of each step in nats per datum, (T,).

        Arguments:
            fixed: Points that stay, (K, P).
            free: Points at the start, (M, P).
            draw_weights: Draws weights (S, K + M) of a step, of the fixed points first.
            penalty: The term r of the free points; None for none.
        """
        free = free.clone().requires_grad_()
        optimizer = torch.optim.Adam([free], lr=self.lr)
        num_steps = self.num_epochs * self.data.per_pass
        scheduler = cosine()(optimizer, num_steps)
        step = MeanStep(self.target, fixed, self.data.num_data, num_steps)

        losses = []
        with (
            one_if_small(
                self.target.model.network, first(self.target.x, self.data.size)
            ),
            flush_subnormals(),
            bar(num_steps, self.what, bool(self.what)) as shown,
        ):
            for _ in range(self.num_epochs):
                for x, y in self.data.epoch():
                    batch = flatten((x, y))
                    loss, free.grad = step(free.detach(), draw_weights(), *batch)
                    if penalty is not None:
                        free.grad += torch.func.grad(penalty)(free.detach())

                    optimizer.step()
                    scheduler.step()
                    losses.append(loss)
                    shown.update()

        return free.detach(), torch.stack(losses)


class MeanStep:
    """The mean over combinations of points for a batch, and its gradient by the free points.

    Arguments:
        target: The negative log posterior.
        fixed: Points that stay, (K, P).
        num_data: Number of data N.
        calls: Number of steps to come.
    """

    def __init__(
        self, target: Target, fixed: Tensor, num_data: int, calls: int
    ) -> None:
        model = normalised_by_batch(target.model)
        self.potential = potential_of(model, target.x, target.y)
        if _is_faster_one_by_one(model):
            self.potential.vectorised = False

        self.fixed = fixed
        self.num_data = num_data
        self.structure: Structure | None = None
        self.program = Traced(self._gradient, calls=calls, compile="traced")

    def __call__(
        self, free: Tensor, weights: Tensor, tensors: list[Tensor], structure: Structure
    ) -> tuple[Tensor, Tensor]:
        """Return the mean () in nats per datum, and its gradient (M, P)."""
        self.structure = structure
        with self.potential.program.running():
            loss, gradient = self.program(free, weights, *tensors)

        return loss.clone(), gradient.clone()

    def _gradient(
        self, free: Tensor, weights: Tensor, *tensors: Tensor
    ) -> tuple[Tensor, Tensor]:
        assert self.structure is not None
        x, y = self.structure.build(list(tensors))
        q = weights @ torch.cat([self.fixed, free])

        gradients, energies = self.potential.on(x, y, self.num_data).gradient(q)
        of_free = weights[:, len(self.fixed) :].T @ gradients / len(q)

        return energies.mean() / self.num_data, of_free / self.num_data


def _is_faster_one_by_one(model: BayesianNetwork) -> bool:
    """Return whether several weights of a network are faster one by one: convolutions on a CPU."""
    is_on_cpu = model.first_parameter.device.type == "cpu"
    layers = model.network.modules()

    return is_on_cpu and any(isinstance(layer, _ConvNd) for layer in layers)
